/* A compiled filter as one block of bytes that may lie anywhere: sections behind a header, every
 * reference an offset or an index. In memory and in the file it is the same, so opening is mapping.
 * Numbers are in this machine's order; the file is a cache and never travels. */
#ifndef ADBLOCK_IMAGE_H
#define ADBLOCK_IMAGE_H

#include "adblock/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_section {
    IMAGE_LISTS,      /* struct image_list */
    IMAGE_STRINGS,    /* terminated */
    IMAGE_CONDITIONS, /* see condition.h; offset 0 is none */
    IMAGE_TRAITS,     /* struct image_traits */
    IMAGE_CLASSES,    /* struct image_class: the values of the names */
    IMAGE_NAME_BUCKETS,
    IMAGE_NAME_ENTRIES,
    IMAGE_SUFFIX_BUCKETS, /* public suffixes, see psl.h */
    IMAGE_SUFFIX_ENTRIES,
    IMAGE_PREFIXES,    /* struct image_prefix */
    IMAGE_RULES,       /* struct image_rule, see netset.h */
    IMAGE_KEY_BUCKETS, /* see netset.h */
    IMAGE_KEY_ENTRIES,
    IMAGE_KEY_SIEVE,
    IMAGE_SECTIONS,
};

struct image_list {
    uint32_t name; /* in strings */
    uint32_t names, rules, exceptions, cosmetic, dropped;
};

/* What a rule asks beside its name or pattern. Shared by all that ask the same. */
struct image_traits {
    uint32_t flags; /* enum rule_flag */
    uint16_t types, methods;
    uint32_t conditions[RULE_CONDITIONS];
};

/* All of a rule but its name. */
struct image_class {
    uint32_t traits;
    uint32_t prefix, suffix; /* in strings */
    uint16_t list;
    uint8_t scope;    /* enum rule_scope */
    uint8_t is_plain; /* no conditions: for names and requests of any kind */
};

/* A length that address prefixes of some rule have; the prefixes themselves are among the names. */
struct image_prefix {
    uint8_t family, bits;
};

struct image {
    const uint8_t *data;
    size_t size;
    uint64_t seed; /* of all hashes */
    struct {
        const void *data;
        size_t count; /* of records; of bytes where records differ */
    } sections[IMAGE_SECTIONS];
};

/* Write size and checksum into a block's header. For blocks in memory, and for tests that alter
 * them. */
void image_seal(uint8_t *data, size_t size);
/* Look at a block, which must outlive *ret; of a mapped file hardly anything is left in memory.
 * -EBADMSG: truncated, altered, or of another version. */
int image_read(const uint8_t *data, size_t size, bool is_mapped, struct image *ret);
/* Of a mapped file: bring it into memory; give the memory back until it is asked for again. */
void image_warm(const uint8_t *data, size_t size);
void image_rest(const uint8_t *data, size_t size);

static inline const char *image_string(const struct image *image, uint32_t at)
{
    return (const char *)image->sections[IMAGE_STRINGS].data + at;
}

/* NULL if there is none: values of names are not checked before. */
static inline const struct image_class *image_class(const struct image *image, uint32_t at)
{
    const struct image_class *classes = image->sections[IMAGE_CLASSES].data;
    return at < image->sections[IMAGE_CLASSES].count ? classes + at : NULL;
}

static inline const struct image_traits *image_traits(const struct image *image, uint32_t at)
{
    return (const struct image_traits *)image->sections[IMAGE_TRAITS].data + at;
}

static inline const void *image_condition(const struct image *image, uint32_t at)
{
    return (const uint8_t *)image->sections[IMAGE_CONDITIONS].data + at;
}

#endif
