/* Choosing each rule's key: all that it could be kept under are counted first, over all rules; then
 * each takes its rarest. */
#include "adblock/netset.h"

#include "adblock/netset_key.h"
#include "adblock/pattern.h"
#include "adblock/regex.h"
#include "adblock/regex_token.h"
#include "adblock/token.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum { SIEVE_MIN_BITS = 64, SIEVE_BITS_PER_KEY = 8 };
enum { USES = 1 << 16, PENALTY = 1 << 12, TOKEN_MAX = 64, SITES_MAX = 256, PATTERN_MAX = 8192 };

struct netset_candidate {
    uint32_t hash;
    uint16_t at;
    uint8_t kind; /* enum netset_key_kind */
    bool is_common;
};

struct netset_place {
    uint32_t first, count; /* of its candidates */
    uint32_t flags;
    uint64_t twin;
};

/* What is in most URLs is a poor key, however few rules have it. */
static bool is_common(struct slice token)
{
    static const struct slice common[] = {
        SLICE("http"),   SLICE("https"),   SLICE("www"),     SLICE("com"),    SLICE("net"),
        SLICE("org"),    SLICE("js"),      SLICE("css"),     SLICE("html"),   SLICE("htm"),
        SLICE("php"),    SLICE("png"),     SLICE("jpg"),     SLICE("jpeg"),   SLICE("gif"),
        SLICE("svg"),    SLICE("webp"),    SLICE("images"),  SLICE("image"),  SLICE("img"),
        SLICE("static"), SLICE("cdn"),     SLICE("api"),     SLICE("assets"), SLICE("min"),
        SLICE("index"),  SLICE("json"),    SLICE("co"),      SLICE("media"),  SLICE("files"),
        SLICE("script"), SLICE("scripts"), SLICE("content"), SLICE("wp"),     SLICE("uploads"),
        SLICE("google"), SLICE("id"),      SLICE("url"),     SLICE("v"),      SLICE("ru"),
    };
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        if (slice_equals(token, common[i]))
            return true;
    return token.size < 2;
}

void netset_builder_done(struct netset_builder *builder)
{
    growing_done(&builder->rules);
    growing_done(&builder->places);
    growing_done(&builder->candidates);
    growing_done(&builder->twins);
}

static void add_candidate(struct netset_builder *builder, enum netset_key_kind kind, uint32_t hash,
                          size_t at, bool is_common_token)
{
    struct netset_candidate candidate = {hash,
                                         at < NETSET_ANYWHERE ? (uint16_t)at : NETSET_ANYWHERE,
                                         (uint8_t)kind, is_common_token};
    growing_append(&builder->candidates, &candidate, sizeof(candidate));
}

static void add_token(struct netset_builder *builder, struct slice token, size_t at)
{
    char padded[TOKEN_MAX + TOKEN_PADDING] = {0};
    if (token.size > TOKEN_MAX)
        return;
    for (size_t i = 0; i < token.size; i++)
        padded[i] = char_lower(token.data[i]);
    add_candidate(builder, NETSET_TOKEN, token_hash(padded, token.size), at,
                  is_common((struct slice){padded, token.size}));
}

/* Is there a boundary of tokens in every URL that matches, between this and the next byte? */
static bool is_whole(const struct pattern *pattern, size_t start, size_t end)
{
    struct slice text = pattern->text;
    bool opens =
        start > 0 ? text.data[start - 1] != '*' : pattern->anchors & (PATTERN_START | PATTERN_HOST);
    bool closes = end < text.size ? text.data[end] != '*' : pattern->anchors & PATTERN_END;
    return opens && closes;
}

static void add_pattern_tokens(struct netset_builder *builder, const struct pattern *pattern)
{
    struct slice text = pattern->text;
    size_t star = slice_find(text, '*');
    for (size_t start = 0, end; start < text.size; start = end + 1) {
        for (end = start; end < text.size && token_is_char(char_lower(text.data[end])); end++) {
        }
        if (end > start && is_whole(pattern, start, end))
            add_token(builder, (struct slice){text.data + start, end - start},
                      start < star ? start : NETSET_ANYWHERE);
    }
}

/* "||host/..." and "||host^...": the host itself. */
static void add_pattern_host(struct netset_builder *builder, const struct pattern *pattern,
                             uint64_t seed)
{
    char host[256];
    size_t size = 0;
    struct slice text = pattern->text;
    if (!(pattern->anchors & PATTERN_HOST))
        return;
    while (size < text.size && size < sizeof(host) && !strchr("/^*:?|", text.data[size])) {
        host[size] = char_lower(text.data[size]);
        size++;
    }
    if (size == 0 || size >= text.size || size == sizeof(host) || !strchr("/^:?", text.data[size]))
        return;
    add_candidate(builder, NETSET_HOST, netset_fold(name_hash(host, size, seed)), 0, false);
}

/* The names that a condition wants, as keys; none if it wants others, too. */
static void add_sites(struct netset_builder *builder, struct slice value, enum netset_key_kind kind,
                      uint64_t seed)
{
    size_t start = builder->candidates.size, count = 0;
    struct slice name;
    while (slice_next(&value, '|', &name)) {
        char folded[256];
        name = slice_trim(name);
        if (name.size == 0 || name.data[0] == '~')
            continue;
        bool is_plain = name.size < sizeof(folded) && !slice_ends(name, SLICE(".*"));
        for (size_t i = 0; is_plain && i < name.size; i++) {
            folded[i] = char_lower(name.data[i]);
            is_plain = !(folded[i] & 0x80);
        }
        if (!is_plain || slice_ends(name, SLICE(".")) || ++count > SITES_MAX) {
            builder->candidates.size = start;
            return;
        }
        add_candidate(builder, kind, netset_fold(name_hash(folded, name.size, seed)),
                      NETSET_ANYWHERE, false);
    }
}

static void add_candidates(struct netset_builder *builder, const struct rule *rule,
                           const struct pattern *pattern, uint64_t seed)
{
    struct slice token;
    if (rule->kind == RULE_REGEX) {
        for (size_t at = 0; regex_token_next(rule->subject, &at, &token);)
            add_token(builder, token, NETSET_ANYWHERE);
    } else {
        add_pattern_tokens(builder, pattern);
        add_pattern_host(builder, pattern, seed);
    }
    if (rule->values[RULE_DOMAIN].data)
        add_sites(builder, rule->values[RULE_DOMAIN], NETSET_SITE, seed);
}

/* The pattern as it is matched: where it stands in the text if it is the same, apart if not. */
static void store_text(struct growing *strings, const struct rule *rule, struct slice pattern,
                       struct image_rule *to)
{
    bool is_folded = rule->kind == RULE_MASK && !(rule->flags & RULE_MATCH_CASE);
    bool is_inside = pattern.data >= rule->subject.data &&
                     pattern.data + pattern.size <= rule->subject.data + rule->subject.size;
    to->text = (uint32_t)growing_append(strings, rule->prefix.data, rule->prefix.size);
    size_t subject = growing_append(strings, rule->subject.data, rule->subject.size);
    growing_append(strings, rule->suffix.data, rule->suffix.size);
    growing_add(strings, 1);
    bool has_capitals = false;
    for (size_t i = 0; i < pattern.size; i++)
        has_capitals |= char_lower(pattern.data[i]) != pattern.data[i];
    to->pattern = (uint32_t)(subject + (size_t)(pattern.data - rule->subject.data));
    to->pattern_size = (uint16_t)pattern.size;
    if (is_inside && !(is_folded && has_capitals))
        return;
    to->pattern = (uint32_t)growing_append(strings, pattern.data, pattern.size);
    growing_add(strings, 1);
    for (size_t i = 0; is_folded && !strings->failed && i < pattern.size; i++) {
        char *c = (char *)strings->data + to->pattern + i;
        *c = char_lower(*c);
    }
}

/* What makes two rules each other's twins. */
static uint64_t twin_of(const struct rule *rule, uint32_t traits)
{
    uint64_t hash = XXH3_64bits_withSeed(rule->subject.data, rule->subject.size, traits);
    return hash + rule->kind;
}

int netset_add(struct netset_builder *builder, const struct rule *rule, uint32_t traits,
               uint16_t list, uint64_t seed, struct growing *strings, const char **ret_reason)
{
    struct pattern pattern = {rule->subject, 0};
    struct image_rule to = {.traits = traits, .list = list, .kind = (uint8_t)rule->kind};
    struct netset_place place = {.flags = rule->flags, .twin = twin_of(rule, traits)};
    if (rule->flags & RULE_BADFILTER) {
        growing_append(&builder->twins, &place.twin, sizeof(place.twin));
        return 0;
    }
    if (rule->subject.size > PATTERN_MAX) {
        *ret_reason = "a pattern beyond any measure";
        return -EINVAL;
    }
    if (rule->kind == RULE_REGEX) {
        pattern.text = (struct slice){rule->subject.data + 1, rule->subject.size - 2};
        if (!regex_is_valid(pattern.text, ret_reason))
            return -EINVAL;
        to.regex = builder->regex_count++;
    } else {
        pattern = pattern_parse(rule->subject);
    }
    to.anchors = pattern.anchors;
    place.first = (uint32_t)(builder->candidates.size / sizeof(struct netset_candidate));
    add_candidates(builder, rule, &pattern, seed);
    place.count =
        (uint32_t)(builder->candidates.size / sizeof(struct netset_candidate)) - place.first;
    store_text(strings, rule, pattern.text, &to);
    growing_append(&builder->rules, &to, sizeof(to));
    growing_append(&builder->places, &place, sizeof(place));
    return builder->rules.failed || builder->places.failed ? -ENOMEM : 0;
}

static uint32_t cost_of(const struct netset_candidate *candidate, const uint32_t *uses)
{
    return uses[candidate->hash % USES] + (candidate->is_common ? PENALTY : 0);
}

struct choice {
    const struct netset_candidate *first;
    uint32_t count; /* 0: none; more than one: all sites */
};

static struct choice choose(const struct netset_candidate *candidates, uint32_t count,
                            const uint32_t *uses)
{
    struct choice best = {NULL, 0}, sites = {NULL, 0};
    uint32_t lowest = UINT32_MAX, sites_cost = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t cost = cost_of(&candidates[i], uses);
        if (candidates[i].kind == NETSET_SITE) {
            sites.first = sites.count++ ? sites.first : &candidates[i];
            sites_cost = cost > sites_cost ? cost : sites_cost;
        } else if (cost < lowest) {
            lowest = cost;
            best = (struct choice){&candidates[i], 1};
        }
    }
    /* sites multiply entries: only where they are much better */
    return sites.count > 0 && (best.count == 0 || sites_cost + sites.count * 8 < lowest) ? sites
                                                                                         : best;
}

struct arranging {
    struct growing items; /* uint64_t: entries, not yet in order */
};

static void add_entries(struct arranging *arranging, enum netset_group group, uint32_t rule,
                        struct choice choice)
{
    for (uint32_t i = 0; i < (choice.count ? choice.count : 1); i++) {
        uint32_t key = choice.count ? netset_key(group, choice.first[i].kind, choice.first[i].hash)
                                    : netset_key(group, NETSET_ALWAYS, 0);
        uint64_t entry = (uint64_t)key << 32 | rule;
        growing_append(&arranging->items, &entry, sizeof(entry));
    }
}

static void add_to_groups(struct arranging *arranging, uint32_t flags, uint32_t rule,
                          struct choice choice)
{
    if (flags & RULE_FOR_NAMES)
        add_entries(arranging, NETSET_NAMES, rule, choice);
    if (!(flags & RULE_FOR_REQUESTS))
        return;
    bool is_page = flags & (RULE_PAGE | RULE_GENERIC_OFF);
    if (is_page)
        add_entries(arranging, NETSET_PAGE, rule, choice);
    if (!(flags & RULE_EXCEPTION))
        add_entries(arranging, NETSET_BLOCK, rule, choice);
    else if (!is_page || (flags & RULE_PAGE))
        add_entries(arranging, NETSET_EXCEPTION, rule, choice);
    if ((flags & (RULE_IMPORTANT | RULE_EXCEPTION)) == RULE_IMPORTANT)
        add_entries(arranging, NETSET_IMPORTANT, rule, choice);
}

static int twin_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void choose_keys(struct netset_builder *builder, struct arranging *arranging, uint32_t *uses)
{
    const struct netset_candidate *candidates = (const void *)builder->candidates.data;
    const struct netset_place *places = (const void *)builder->places.data;
    struct image_rule *rules = (void *)builder->rules.data;
    size_t count = builder->rules.size / sizeof(*rules);
    size_t twins = builder->twins.size / sizeof(uint64_t);
    for (size_t i = 0; i < builder->candidates.size / sizeof(*candidates); i++)
        uses[candidates[i].hash % USES]++;
    if (twins > 0)
        qsort(builder->twins.data, twins, sizeof(uint64_t), twin_order);
    for (size_t i = 0; i < count; i++) {
        struct choice choice =
            choose(places[i].count ? candidates + places[i].first : NULL, places[i].count, uses);
        rules[i].key_at = choice.count == 1 ? choice.first->at : NETSET_ANYWHERE;
        if (twins == 0 ||
            !bsearch(&places[i].twin, builder->twins.data, twins, sizeof(uint64_t), twin_order))
            add_to_groups(arranging, places[i].flags, (uint32_t)i, choice);
    }
}

/* Entries by bucket; within one, in the rules' order. */
static int sort_entries(const struct growing *items, struct growing sections[IMAGE_SECTIONS])
{
    const uint64_t *from = (const void *)items->data;
    size_t count = items->size / sizeof(*from);
    uint32_t bucket_count = (uint32_t)count + 1;
    uint32_t *buckets =
        growing_add(&sections[IMAGE_KEY_BUCKETS], (bucket_count + 1) * sizeof(*buckets));
    uint64_t *to = growing_add(&sections[IMAGE_KEY_ENTRIES], items->size);
    if (items->failed || !buckets || (count > 0 && !to))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        buckets[netset_bucket((uint32_t)(from[i] >> 32), bucket_count)]++;
    for (uint32_t b = 1; b <= bucket_count; b++)
        buckets[b] += buckets[b - 1];
    for (size_t i = count; i-- > 0;)
        to[--buckets[netset_bucket((uint32_t)(from[i] >> 32), bucket_count)]] = from[i];
    return 0;
}

/* A bit for each key, among eight times as many or more. */
static int make_sieve(const struct growing *items, struct growing *sieve)
{
    const uint64_t *from = (const void *)items->data;
    size_t count = items->size / sizeof(*from), bits = SIEVE_MIN_BITS;
    while (bits < count * SIEVE_BITS_PER_KEY)
        bits *= 2;
    uint64_t *words = growing_add(sieve, bits / 8);
    if (!words)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t bit = (from[i] >> 32) & (bits - 1);
        words[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    return 0;
}

int netset_arrange(struct netset_builder *builder, struct growing sections[IMAGE_SECTIONS])
{
    struct arranging arranging = {0};
    uint32_t *uses = calloc(USES, sizeof(*uses));
    int err = -ENOMEM;
    if (uses && !builder->candidates.failed && !builder->twins.failed) {
        choose_keys(builder, &arranging, uses);
        growing_done(&builder->candidates);
        growing_done(&builder->places);
        err = sort_entries(&arranging.items, sections);
        if (err == 0)
            err = make_sieve(&arranging.items, &sections[IMAGE_KEY_SIEVE]);
    }
    sections[IMAGE_RULES] = builder->rules;
    builder->rules = (struct growing){0};
    growing_done(&arranging.items);
    free(uses);
    return err;
}
