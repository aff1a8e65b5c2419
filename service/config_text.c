/* Nearest word by edit distance (optimal string alignment), and YAML's double quoted style. */
#include "service/config_text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 63 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned config_text_distance(const char *a, const char *b)
{
    /* Three rows of the table: the one before last is for swapped neighbours. */
    unsigned rows[3][WORD_MAX + 1];
    size_t m = strlen(a), n = strlen(b);
    if (m > WORD_MAX || n > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

const char *config_text_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    unsigned best_distance = WORD_MAX;
    for (; *known; known++) {
        unsigned distance = config_text_distance(word, *known);
        size_t shorter = least((unsigned)strlen(word), (unsigned)strlen(*known));
        /* Where one is the beginning of the other, the rest does not count. */
        if (shorter >= 3 && strncmp(word, *known, shorter) == 0)
            distance = 1;
        if (distance < best_distance && distance <= (strlen(*known) + 2) / 3) {
            best = *known;
            best_distance = distance;
        }
    }
    return best;
}

void config_text_join(const char *const *words, char *to, size_t capacity)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; words[i] && used < capacity; i++)
        used += (size_t)snprintf(to + used, capacity - used, "%s%s", i ? ", " : "", words[i]);
}

/* One character; returns its bytes, 0 if this is not UTF-8 (RFC 3629 sec. 4). */
static size_t decode(const char *text, uint32_t *ret)
{
    const unsigned char *byte = (const unsigned char *)text;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = byte[0] < 0x80   ? 1
                  : byte[0] < 0xc0 ? 0
                  : byte[0] < 0xe0 ? 2
                  : byte[0] < 0xf0 ? 3
                  : byte[0] < 0xf8 ? 4
                                   : 0;
    uint32_t code = size == 1 ? byte[0] : byte[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte[i] & 0x3f);
    }
    if (size == 0 || (size > 1 && code < smallest[size]) || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret = code;
    return size;
}

bool config_text_is_printable(const char *text)
{
    uint32_t code;
    size_t size;
    for (; *text; text += size) {
        size = decode(text, &code);
        if (size == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
    }
    return true;
}

/* What our own loader or another YAML reader could take for something else gets quotes. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};
    if (!isalpha((unsigned char)text[0]) && text[0] != '/')
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return false;
    }
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "/._-")] == '\0';
}

void config_text_print(const char *text, FILE *to)
{
    uint32_t code;
    size_t size;
    if (is_plain(text)) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text += size) {
        size = decode(text, &code);
        if (size == 0)
            break;
        if (code == '"' || code == '\\')
            fprintf(to, "\\%c", (int)code);
        else if (code < 0x7f)
            fputc((int)code, to);
        else
            fprintf(to, code > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)code);
    }
    fputc('"', to);
}
