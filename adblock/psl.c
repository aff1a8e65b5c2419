/* The algorithm of publicsuffix.org/list: the longest rule counts, an exception before all. */
#include "adblock/psl.h"

#include "adblock/punycode.h"

enum { PSL_RULE = 1, PSL_WILDCARD = 2, PSL_EXCEPTION = 4, PSL_NAME_MAX = 256 };

static void read_rule(struct slice rule, uint64_t seed, struct hostset_builder *builder)
{
    char name[PSL_NAME_MAX];
    uint32_t kind = PSL_RULE;
    if (slice_starts(rule, SLICE("!"))) {
        kind = PSL_EXCEPTION;
        rule = slice_from(rule, 1);
    } else if (slice_starts(rule, SLICE("*."))) {
        kind = PSL_WILDCARD;
        rule = slice_from(rule, 2);
    }
    ssize_t size = punycode_name(rule.data, rule.size, name, sizeof(name));
    if (size > 0)
        hostset_add(builder, name_hash(name, (size_t)size, seed), kind);
}

void psl_read(struct slice text, uint64_t seed, struct hostset_builder *builder)
{
    struct slice line, rule;
    while (text.size > 0 && slice_next(&text, '\n', &line))
        if (slice_word(&line, &rule) && !slice_starts(rule, SLICE("//")))
            read_rule(rule, seed, builder);
}

size_t psl_labels(const struct hostset *psl, const struct name_suffix *suffixes, size_t count)
{
    size_t labels = 1;
    for (size_t i = 0; i < count; i++) {
        struct hostset_walk walk;
        uint32_t place;
        hostset_find(psl, suffixes[i].hash, &walk);
        while (hostset_next(psl, &walk, &place)) {
            uint16_t kind = hostset_value(psl, place);
            if (kind == PSL_EXCEPTION)
                return i > 0 ? i : 1; /* a list that excepts a top level domain is wrong */
            size_t covered = kind == PSL_WILDCARD ? i + 2 : i + 1;
            if (covered > labels)
                labels = covered;
        }
    }
    return labels < count ? labels : count;
}
