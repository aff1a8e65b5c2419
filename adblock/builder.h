/* Collects the rules of all lists and makes the image of them. One per compilation. */
#ifndef ADBLOCK_BUILDER_H
#define ADBLOCK_BUILDER_H

#include "adblock/filter.h"
#include "adblock/hash_index.h"
#include "adblock/hostset.h"
#include "adblock/image.h"
#include "adblock/netset.h"

struct builder {
    struct rule_sink sink; /* what parsers hand rules to */
    uint64_t seed;
    struct growing sections[IMAGE_SECTIONS];
    struct hostset_builder names, suffixes;
    struct netset_builder rules;
    struct hash_index classes, traits, conditions;
    struct growing twins; /* struct twin: what $badfilter takes out */
    /* The list that is being read. */
    const struct filter_source *source;
    uint16_t list;
    size_t line_number;
    struct slice line;
    bool failed; /* no memory */
};

/* 0 or -ENOMEM. */
int builder_init(struct builder *builder, uint64_t seed);
void builder_done(struct builder *builder);

/* Begin a list; the rules that follow are its. */
void builder_begin(struct builder *builder, const struct filter_source *source);
/* The image, in a block that is malloc'ed and the caller's, or in an empty file. Give the public
 * suffixes to `suffixes` first. 0, -ENOMEM, or what the file said. */
int builder_make(struct builder *builder, uint8_t **ret, size_t *ret_size);
int builder_make_file(struct builder *builder, int fd);

#endif
