/* What a struct filter is, for filter*.c alone. */
#ifndef ADBLOCK_FILTER_STATE_H
#define ADBLOCK_FILTER_STATE_H

#include "adblock/filter.h"
#include "adblock/hostset.h"
#include "adblock/image.h"
#include "adblock/netset.h"
#include "adblock/own_names.h"
#include "adblock/pattern.h"
#include "adblock/regex.h"

#include <stdatomic.h>

struct filter {
    atomic_uint references;
    uint64_t serial;
    struct image image;
    struct hostset names, suffixes;
    struct netset rules;
    struct regex *regexes; /* one for each rule that is one */
    bool is_mapped;
    struct filter *base;   /* counted: all of the above is that one's; NULL: it is our own */
    struct own_names *own; /* NULL: none */
};

/* A rule's number in a verdict: an entry of the names, or one of the rules behind them. */
#define FILTER_RULE_BIT UINT32_C(0x80000000)

/* Never said before in this process. */
uint64_t filter_next_serial(void);
/* Takes the block: malloc'ed, or mapped. 0; -EBADMSG, -ENOMEM (the block stays the caller's). */
int filter_from_image(uint8_t *data, size_t size, bool is_mapped, struct filter **ret);

/* Does a name rule of that class, found at the whole name or at one above it, speak of the name? */
static inline bool filter_class_covers(const struct image_class *class, bool is_whole_name)
{
    return class && (class->scope == RULE_TREE || (class->scope == RULE_EXACT) == is_whole_name);
}

/* Does the rule's pattern match? `original` is the subject as it was asked, for rules that care for
 * case; `at` is where the pattern has to begin, -1 if anywhere. */
bool filter_matches(const struct filter *filter, const struct image_rule *rule,
                    const struct pattern_subject *subject, const char *original, long at);

#endif
