/* Patterns of network rules: text with * (anything), ^ (a separator or the end) and anchors at
 * either end. Anchors are flags; the text has none, and no * at its ends. */
#ifndef ADBLOCK_PATTERN_H
#define ADBLOCK_PATTERN_H

#include "adblock/slice.h"

enum pattern_anchor {
    PATTERN_START = 1,   /* | in front */
    PATTERN_HOST = 2,    /* || in front: where a label of the host begins */
    PATTERN_END = 4,     /* | behind */
    PATTERN_IN_HOST = 8, /* ||* in front: anywhere from the host on */
    PATTERN_OPEN = 16,   /* * behind: anything, or nothing */
};

struct pattern {
    struct slice text;
    uint8_t anchors;
};

/* What is matched: a URL, or a name with a scheme in front. */
struct pattern_subject {
    const char *text;
    size_t size;
    size_t start;          /* where | anchors */
    size_t host, host_end; /* where || anchors */
};

/* Take the anchors off a rule's pattern. */
struct pattern pattern_parse(struct slice text);
/* Anywhere in the subject. */
bool pattern_match(const struct pattern *pattern, const struct pattern_subject *subject);
/* Only with the pattern's first byte at `at`. */
bool pattern_match_at(const struct pattern *pattern, const struct pattern_subject *subject,
                      size_t at);

#endif
