/* Pieces between the *s are found one after another, each at its leftmost place: enough for
 * patterns whose pieces have a fixed length. Only a piece that must touch the end needs to be tried
 * on. */
#include "adblock/pattern.h"

/* ^: all but letters, digits and _ - . % */
static bool is_separator(char c)
{
    return !char_is_alnum(c) && c != '_' && c != '-' && c != '.' && c != '%';
}

struct pattern pattern_parse(struct slice text)
{
    struct pattern pattern = {text, 0};
    struct slice *rest = &pattern.text;
    if (slice_starts(*rest, SLICE("||"))) {
        pattern.anchors |= PATTERN_HOST;
        *rest = slice_from(*rest, 2);
    } else if (slice_starts(*rest, SLICE("|"))) {
        pattern.anchors |= PATTERN_START;
        *rest = slice_from(*rest, 1);
    }
    if (slice_ends(*rest, SLICE("|"))) {
        pattern.anchors |= PATTERN_END;
        rest->size--;
    }
    if (slice_starts(*rest, SLICE("*"))) {
        pattern.anchors = (pattern.anchors & PATTERN_END) |
                          (pattern.anchors & PATTERN_HOST ? PATTERN_IN_HOST : 0);
        while (slice_starts(*rest, SLICE("*")))
            *rest = slice_from(*rest, 1);
    }
    if (slice_ends(*rest, SLICE("*"))) {
        pattern.anchors = (pattern.anchors & (uint8_t)~PATTERN_END) | PATTERN_OPEN;
        while (slice_ends(*rest, SLICE("*")))
            rest->size--;
    }
    return pattern;
}

/* The piece exactly at `at`: where it ends, or -1. */
static long match_piece(struct slice piece, const struct pattern_subject *subject, size_t at)
{
    for (size_t i = 0; i < piece.size; i++) {
        char wanted = piece.data[i];
        if (at == subject->size) {
            if (wanted != '^')
                return -1;
        } else if (wanted == '^' ? is_separator(subject->text[at]) : subject->text[at] == wanted) {
            at++;
        } else {
            return -1;
        }
    }
    return (long)at;
}

/* The leftmost place from `at` on: where the piece ends there, or -1. */
static long find_piece(struct slice piece, const struct pattern_subject *subject, size_t at)
{
    size_t literal = slice_find(piece, '^'); /* what memmem can look for */
    for (; at <= subject->size; at++) {
        const char *next =
            literal == 0 ? subject->text + at
                         : memmem(subject->text + at, subject->size - at, piece.data, literal);
        if (!next)
            return -1;
        at = (size_t)(next - subject->text);
        long end = match_piece(piece, subject, at);
        if (end >= 0)
            return end;
    }
    return -1;
}

/* Some place from `at` on where the piece ends with the subject. */
static bool find_at_end(struct slice piece, const struct pattern_subject *subject, size_t at)
{
    /* a ^ may match the end itself, so a piece may be longer than what it covers */
    size_t least = subject->size > piece.size ? subject->size - piece.size : 0;
    for (at = at > least ? at : least; at <= subject->size; at++)
        if (match_piece(piece, subject, at) == (long)subject->size)
            return true;
    return false;
}

/* The pieces behind the first *. */
static bool match_rest(struct slice rest, bool is_to_end, const struct pattern_subject *subject,
                       size_t at)
{
    struct slice piece = {0};
    while (slice_next(&rest, '*', &piece)) {
        if (!rest.data && is_to_end)
            return find_at_end(piece, subject, at);
        long end = find_piece(piece, subject, at);
        if (end < 0)
            return false;
        at = (size_t)end;
    }
    return true;
}

static bool is_label_start(const struct pattern_subject *subject, size_t at)
{
    return at == subject->host ||
           (at > subject->host && at < subject->host_end && subject->text[at - 1] == '.');
}

static bool is_anchored(const struct pattern *pattern, const struct pattern_subject *subject,
                        size_t at)
{
    if (pattern->anchors & PATTERN_START)
        return at == subject->start;
    if (pattern->anchors & PATTERN_HOST)
        return is_label_start(subject, at);
    return at >= (pattern->anchors & PATTERN_IN_HOST ? subject->host : subject->start);
}

bool pattern_match_at(const struct pattern *pattern, const struct pattern_subject *subject,
                      size_t at)
{
    struct slice rest = pattern->text, piece = {0};
    bool is_to_end = pattern->anchors & PATTERN_END;
    if (at > subject->size || !is_anchored(pattern, subject, at))
        return false;
    slice_next(&rest, '*', &piece);
    long end = match_piece(piece, subject, at);
    if (end < 0)
        return false;
    if (!rest.data)
        return !is_to_end || (size_t)end == subject->size;
    return match_rest(rest, is_to_end, subject, (size_t)end);
}

static bool match_label_starts(const struct pattern *pattern, const struct pattern_subject *subject)
{
    for (size_t at = subject->host; at < subject->host_end; at++)
        if ((at == subject->host || subject->text[at - 1] == '.') &&
            pattern_match_at(pattern, subject, at))
            return true;
    return false;
}

bool pattern_match(const struct pattern *pattern, const struct pattern_subject *subject)
{
    if (pattern->anchors & PATTERN_HOST)
        return match_label_starts(pattern, subject);
    if (pattern->anchors & PATTERN_START)
        return pattern_match_at(pattern, subject, subject->start);
    size_t from = pattern->anchors & PATTERN_IN_HOST ? subject->host : subject->start;
    return match_rest(pattern->text, pattern->anchors & PATTERN_END, subject, from);
}
