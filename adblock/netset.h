/* The rules that are patterns, found by what a question has in common with them: a token of the
 * URL, the host, the site of the page. Each rule is kept under its rarest such key; those without
 * any are looked at for every question. Lies in a mapped image, is never changed. */
#ifndef ADBLOCK_NETSET_H
#define ADBLOCK_NETSET_H

#include "adblock/growing.h"
#include "adblock/hash_index.h"
#include "adblock/image.h"
#include "adblock/name_hash.h"

/* Rules of different use are asked apart from each other. */
enum netset_group {
    NETSET_BLOCK,
    NETSET_IMPORTANT, /* blocks that most exceptions do not beat; also in NETSET_BLOCK */
    NETSET_EXCEPTION,
    NETSET_PAGE,  /* exceptions for all that a page asks for, matched with the page's URL */
    NETSET_NAMES, /* of any kind, for names alone */
};

enum { NETSET_ANYWHERE = 0xffff };

struct image_rule {
    uint32_t text;    /* in strings: as written */
    uint32_t pattern; /* in strings: without anchors, in lower case unless case counts */
    uint32_t traits;
    uint32_t regex; /* its number among the regular expressions */
    uint16_t pattern_size;
    uint16_t key_at; /* of the key in the pattern, or NETSET_ANYWHERE */
    uint16_t list;
    uint8_t kind, anchors; /* enum rule_kind, enum pattern_anchor */
};

struct netset {
    const struct image_rule *rules;
    const uint32_t *buckets; /* bucket_count + 1 places in entries */
    const uint64_t *entries; /* key << 32 | rule */
    const uint64_t *sieve;   /* a bit for each key there may be: most are not there */
    uint32_t bucket_count, entry_count, count, regex_count, sieve_mask;
};

struct netset netset_of(const struct image *image);

/* What a question has for keys. */
struct netset_query {
    const char *text;  /* lower case, TOKEN_PADDING readable bytes behind it */
    size_t size, host; /* where the host is in the text */
    const struct name_suffix *host_suffixes, *page_suffixes;
    size_t host_count, page_count;
};

/* A rule that may match; `at` is where its pattern has to begin, -1 if that is not known. True ends
 * the visit. */
typedef bool netset_visit_fn(void *owner, uint32_t rule, long at);
/* A rule may come more than once. True if a visit ended it. */
bool netset_visit(const struct netset *set, enum netset_group group,
                  const struct netset_query *query, netset_visit_fn *fn, void *owner);

/* Building. */
struct netset_builder {
    struct growing rules;      /* struct image_rule */
    struct growing places;     /* struct netset_place, one for each rule */
    struct growing candidates; /* struct netset_candidate */
    struct growing twins;      /* uint64_t: rules to leave out */
    uint32_t regex_count;
};
void netset_builder_done(struct netset_builder *builder);
/* Add a rule whose traits and list are known. 0; -EINVAL (*ret_reason); -ENOMEM. */
int netset_add(struct netset_builder *builder, const struct rule *rule, uint32_t traits,
               uint16_t list, uint64_t seed, struct growing *strings, const char **ret_reason);
/* Make the tables' sections; the rules move there. 0 or -ENOMEM. */
int netset_arrange(struct netset_builder *builder, struct growing sections[IMAGE_SECTIONS]);

#endif
