/* Votes of the first lines that are not comments. */
#include "adblock/list_format.h"

#include "adblock/list_names.h"

#include <errno.h>

enum { LINES_LOOKED_AT = 400, NAMES_MIN = 3, BYTES_LOOKED_AT = 1024 };

static bool is_web_page(struct slice text)
{
    static const struct slice marks[] = {SLICE("<!doctype"), SLICE("<html"), SLICE("<head"),
                                         SLICE("<?xml"), SLICE("<body")};
    struct slice start = slice_trim(text);
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (start.size >= marks[i].size &&
            slice_equals_fold(slice_until(start, marks[i].size), marks[i]))
            return true;
    return false;
}

static bool is_binary(struct slice text)
{
    return slice_has(slice_until(text, text.size < BYTES_LOOKED_AT ? text.size : BYTES_LOOKED_AT),
                     '\0');
}

static struct slice without_mark(struct slice text)
{
    return slice_starts(text, SLICE("\xef\xbb\xbf")) ? slice_from(text, 3) : text;
}

const char *list_format_refusal(struct slice text)
{
    text = without_mark(text);
    bool is_utf16 = slice_starts(text, SLICE("\xff\xfe")) || slice_starts(text, SLICE("\xfe\xff"));
    if (is_web_page(text))
        return "a web page, not a list; look at what the address really serves";
    if (slice_starts(text, SLICE("\x1f\x8b")))
        return "compressed; unpack it first";
    if (is_utf16)
        return "text in UTF-16; save it as UTF-8";
    return is_binary(text) ? "not text; look at what the address really serves" : NULL;
}

/* Remarks aside. */
static bool has_word(struct slice text, struct slice wanted)
{
    struct slice word;
    while (slice_word(&text, &word) && word.data[0] != '#' && word.data[0] != ';')
        if (slice_equals_fold(word, wanted))
            return true;
    return false;
}

/* What only zones have, and at their start. */
static bool is_zone_head(struct slice line)
{
    struct slice word;
    if (!slice_word(&line, &word))
        return false;
    return slice_equals(word, SLICE("$TTL")) || slice_equals(word, SLICE("$ORIGIN")) ||
           (slice_equals(word, SLICE("@")) && has_word(line, SLICE("SOA")));
}

static bool is_rpz_line(struct slice line)
{
    struct slice word;
    return slice_word(&line, &word) && !slice_has(word, '|') && !slice_has(word, '/') &&
           word.data[0] != '!' && !list_names_is_address(word) &&
           (has_word(line, SLICE("CNAME")) || has_word(line, SLICE("SOA")));
}

static enum filter_format line_format(struct slice line)
{
    struct slice rest = line, first, second;
    if (list_names_is_dnsmasq(line))
        return FILTER_DNSMASQ;
    if (slice_starts(line, SLICE("local-zone:")) || slice_starts(line, SLICE("local-data:")) ||
        slice_equals(line, SLICE("server:")))
        return FILTER_UNBOUND;
    if (is_rpz_line(line))
        return FILTER_RPZ;
    slice_word(&rest, &first);
    bool has_second = slice_word(&rest, &second) && second.data[0] != '#';
    if (has_second)
        return list_names_is_address(first) ? FILTER_HOSTS : FILTER_ADBLOCK;
    if (slice_starts(first, SLICE("*.")))
        first = slice_from(first, 2);
    return list_names_is_name(first) ? FILTER_DOMAINS : FILTER_ADBLOCK;
}

static bool is_comment(struct slice line)
{
    if (line.size == 0 || line.data[0] == ';')
        return true;
    /* "##.banner" is a cosmetic rule, "# text" and "#text" are not */
    return line.data[0] == '#' && (line.size < 2 || !strchr("#@?$%", line.data[1]));
}

static enum filter_format decide(const size_t votes[])
{
    size_t adblock = votes[FILTER_ADBLOCK], hosts = votes[FILTER_HOSTS];
    size_t names = votes[FILTER_DOMAINS], total = adblock + hosts + names;
    static const enum filter_format servers[] = {FILTER_DNSMASQ, FILTER_UNBOUND, FILTER_RPZ};
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        if (votes[servers[i]] > 0 && votes[servers[i]] >= total)
            return servers[i];
    if (adblock == 0 && names == 0 && hosts > 0)
        return FILTER_HOSTS;
    if (adblock == 0 && hosts == 0 && names >= NAMES_MIN)
        return FILTER_DOMAINS;
    return FILTER_ADBLOCK; /* reads hosts lines and bare names, too */
}

int list_format_detect(struct slice text, enum filter_format *ret)
{
    size_t votes[FILTER_ADBLOCK + 1] = {0}, looked_at = 0;
    struct slice rest = without_mark(text), line;
    if (list_format_refusal(text))
        return -EINVAL;
    while (looked_at < LINES_LOOKED_AT && slice_next(&rest, '\n', &line)) {
        line = slice_trim(line);
        if (is_comment(line))
            continue;
        if (is_zone_head(line)) {
            *ret = FILTER_RPZ;
            return 0;
        }
        votes[line_format(line)]++;
        looked_at++;
    }
    *ret = decide(votes);
    return 0;
}
