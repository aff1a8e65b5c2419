/* The sink of all parsers. Equal traits, classes and conditions are stored once. */
#include "adblock/builder.h"

#include "adblock/address_prefix.h"
#include "adblock/condition.h"
#include "adblock/punycode.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <xxhash.h>

enum { NAME_TEXT_MAX = 256, NONE_BYTES = 8 };

/* A rule that is not to be, without its badfilter. */
struct twin {
    uint64_t name;
    uint32_t traits;
    uint8_t scope;
};

static struct builder *builder_of(struct rule_sink *sink)
{
    return (struct builder *)((char *)sink - offsetof(struct builder, sink));
}

static struct image_list *list_of(struct builder *builder)
{
    struct growing *lists = &builder->sections[IMAGE_LISTS];
    return (struct image_list *)(lists->data + lists->size) - 1;
}

static uint64_t hash_more(uint64_t hash, const void *data, size_t size)
{
    return XXH3_64bits_withSeed(data ? data : "", size, hash);
}

static uint32_t add_string(struct builder *builder, struct slice text)
{
    struct growing *strings = &builder->sections[IMAGE_STRINGS];
    size_t at = growing_append(strings, text.data, text.size);
    growing_add(strings, 1);
    return (uint32_t)at;
}

static void remember(struct builder *builder, struct hash_index *index, uint64_t key,
                     uint32_t value)
{
    if (hash_index_put(index, key, value) < 0)
        builder->failed = true;
}

/* Of these kinds "a|b" and "b|a" are told apart by their bytes, being the same: their words hold
 * texts, which lie where they came first. */
static bool has_unordered_words(enum rule_condition which)
{
    return which == RULE_CLIENT || which == RULE_CTAG || which == RULE_DNSTYPE;
}

static uint64_t hash_value(enum rule_condition which, struct slice value)
{
    uint64_t sum = 0;
    size_t start = 0;
    if (!has_unordered_words(which))
        return hash_more(which, value.data, value.size);
    for (size_t i = 0; i <= value.size; i++) {
        bool is_end =
            i == value.size || (value.data[i] == '|' && (i == 0 || value.data[i - 1] != '\\'));
        if (!is_end)
            continue;
        sum += hash_more(which, value.data + start, i - start);
        start = i + 1;
    }
    return sum;
}

static int add_condition(struct builder *builder, enum rule_condition which,
                         const struct rule *rule, uint32_t *ret, const char **ret_reason)
{
    struct slice value = rule->values[which];
    uint32_t flags = rule->flags & ~(uint32_t)RULE_BADFILTER; /* asks what its twin asks */
    uint64_t key = hash_value(which, value);
    key = hash_more(key, &flags, sizeof(flags));
    if (hash_index_get(&builder->conditions, key, ret))
        return 0;
    struct growing *conditions = &builder->sections[IMAGE_CONDITIONS];
    growing_align(conditions, NONE_BYTES);
    uint32_t at = (uint32_t)conditions->size;
    int err = condition_encode(which, value, rule->flags, builder->seed, conditions,
                               &builder->sections[IMAGE_STRINGS], ret_reason);
    if (err < 0)
        return err;
    /* "a|b" and "b|a" are the same: sorted, they have the same bytes */
    uint64_t content = hash_more(which, conditions->data + at, conditions->size - at);
    if (hash_index_get(&builder->conditions, content, ret)) {
        conditions->size = at;
    } else {
        remember(builder, &builder->conditions, content, at);
        *ret = at;
    }
    remember(builder, &builder->conditions, key, *ret);
    return 0;
}

/* The number of these traits, new or known. 0, -EINVAL with a reason, -ENOMEM. */
static int add_traits(struct builder *builder, const struct rule *rule, uint32_t *ret,
                      const char **ret_reason)
{
    struct growing *all = &builder->sections[IMAGE_TRAITS];
    struct image_traits traits = {
        .flags = rule->flags & ~(uint32_t)RULE_BADFILTER,
        .types = rule->types,
        .methods = rule->methods,
    };
    for (int i = 0; i < RULE_CONDITIONS; i++) {
        int err = rule->values[i].data ? add_condition(builder, (enum rule_condition)i, rule,
                                                       &traits.conditions[i], ret_reason)
                                       : 0;
        if (err < 0)
            return err;
    }
    uint64_t key = hash_more(builder->seed, &traits, sizeof(traits));
    if (hash_index_get(&builder->traits, key, ret))
        return 0;
    *ret = (uint32_t)(growing_append(all, &traits, sizeof(traits)) / sizeof(traits));
    remember(builder, &builder->traits, key, *ret);
    return 0;
}

static bool is_plain(const struct rule *rule)
{
    uint32_t both = RULE_FOR_NAMES | RULE_FOR_REQUESTS;
    uint32_t harmless = both | RULE_EXCEPTION | RULE_IMPORTANT;
    bool plain = (rule->flags & both) == both && (rule->flags & ~harmless) == 0;
    for (int i = 0; i < RULE_CONDITIONS; i++)
        plain &= rule->values[i].data == NULL;
    return plain && rule->methods == 0;
}

/* The class of a name rule: everything but the name, as text the same only once. */
static int add_class(struct builder *builder, const struct rule *rule, uint32_t *ret,
                     const char **ret_reason)
{
    struct growing *classes = &builder->sections[IMAGE_CLASSES];
    uint64_t key = hash_more(builder->seed + builder->list, rule->prefix.data, rule->prefix.size);
    key = hash_more(key, rule->suffix.data, rule->suffix.size);
    key = hash_more(key, &rule->flags, sizeof(rule->flags));
    key += rule->scope;
    for (int i = 0; i < RULE_CONDITIONS; i++)
        if (rule->values[i].data) /* not all of them are in the text */
            key = hash_more(key + (uint64_t)i, rule->values[i].data, rule->values[i].size);
    if (hash_index_get(&builder->classes, key, ret))
        return 0;
    size_t number = classes->size / sizeof(struct image_class);
    if (number == HOSTSET_VALUES_MAX) {
        *ret_reason = "more kinds of rules about names than there is room for";
        return -EINVAL;
    }
    struct image_class class = {
        .list = builder->list, .scope = (uint8_t)rule->scope, .is_plain = is_plain(rule)};
    int err = add_traits(builder, rule, &class.traits, ret_reason);
    if (err < 0)
        return err;
    class.prefix = add_string(builder, rule->prefix);
    class.suffix = add_string(builder, rule->suffix);
    growing_append(classes, &class, sizeof(class));
    remember(builder, &builder->classes, key, (uint32_t)number);
    *ret = (uint32_t)number;
    return 0;
}

/* Lower case, no dot at the end, ASCII. Size 0 if it is no name. */
static size_t fold_name(struct slice name, char to[NAME_TEXT_MAX])
{
    bool is_ascii = true;
    if (slice_ends(name, SLICE(".")))
        name.size--;
    if (name.size == 0 || name.size > NAME_MAX_BYTES)
        return 0;
    for (size_t i = 0; i < name.size; i++) {
        char c = to[i] = char_lower(name.data[i]);
        is_ascii &= !(c & 0x80);
        if (!char_is_alnum(c) && c != '-' && c != '_' && c != '.' && !(c & 0x80))
            return 0;
        if (c == '.' && (i == 0 || to[i - 1] == '.'))
            return 0;
    }
    if (is_ascii)
        return name.size;
    ssize_t size = punycode_name(name.data, name.size, to, NAME_TEXT_MAX);
    return size > 0 ? (size_t)size : 0;
}

static int add_name(struct builder *builder, const struct rule *rule, const char **ret_reason)
{
    char name[NAME_TEXT_MAX];
    uint32_t class;
    size_t size = fold_name(rule->subject, name);
    if (size == 0) {
        *ret_reason = "not a host name";
        return -EINVAL;
    }
    uint64_t hash = name_hash(name, size, builder->seed);
    if (rule->flags & RULE_BADFILTER) {
        struct twin twin = {.name = hash, .scope = (uint8_t)rule->scope};
        int err = add_traits(builder, rule, &twin.traits, ret_reason);
        if (err == 0)
            growing_append(&builder->twins, &twin, sizeof(twin));
        return err;
    }
    int err = add_class(builder, rule, &class, ret_reason);
    if (err < 0)
        return err;
    hostset_add(&builder->names, hash, class);
    list_of(builder)->names++;
    return 0;
}

static void on_dropped(struct rule_sink *sink, const char *reason)
{
    struct builder *builder = builder_of(sink);
    const struct filter_source *source = builder->source;
    list_of(builder)->dropped++;
    if (source->on_dropped)
        source->on_dropped(source->owner, builder->line_number, builder->line.data,
                           builder->line.size, reason);
}

static void on_cosmetic(struct rule_sink *sink)
{
    list_of(builder_of(sink))->cosmetic++;
}

/* The user's own lists: whatever "allow" names is let through, whatever "deny" names is not. */
static void apply_category(const struct builder *builder, struct rule *rule)
{
    const char *category = builder->source->category;
    if (category && strcmp(category, "allow") == 0) {
        rule->flags |= RULE_EXCEPTION | RULE_IMPORTANT | RULE_OWN;
        rule->flags &= ~(uint32_t)RULE_DNSREWRITE;
        rule->values[RULE_ANSWER] = (struct slice){NULL, 0};
    } else if (category && strcmp(category, "deny") == 0) {
        rule->flags |= RULE_IMPORTANT | RULE_OWN;
    }
}

static int add_pattern(struct builder *builder, const struct rule *rule, const char **ret_reason)
{
    uint32_t traits;
    int err = add_traits(builder, rule, &traits, ret_reason);
    if (err < 0)
        return err;
    return netset_add(&builder->rules, rule, traits, builder->list, builder->seed,
                      &builder->sections[IMAGE_STRINGS], ret_reason);
}

/* "203.0.113.0/24": kept among the names, under a hash of its bits. */
static int add_address(struct builder *builder, const struct rule *rule, const char **ret_reason)
{
    struct address address;
    struct image_prefix prefix;
    uint32_t class;
    if (address_prefix_parse(rule->subject, &address, &prefix.bits) < 0) {
        *ret_reason = "not an address";
        return -EINVAL;
    }
    int err = add_class(builder, rule, &class, ret_reason);
    if (err < 0)
        return err;
    prefix.family = address.family;
    hostset_add(&builder->names, address_prefix_hash(&address, prefix.bits, builder->seed), class);
    struct growing *prefixes = &builder->sections[IMAGE_PREFIXES];
    for (size_t i = 0; i < prefixes->size; i += sizeof(prefix))
        if (memcmp(prefixes->data + i, &prefix, sizeof(prefix)) == 0)
            return 0;
    growing_append(prefixes, &prefix, sizeof(prefix));
    return 0;
}

static void on_rule(struct rule_sink *sink, const struct rule *given)
{
    struct builder *builder = builder_of(sink);
    struct rule rule = *given;
    const char *reason = "cannot be read";
    int err = 0;
    apply_category(builder, &rule);
    switch (rule.kind) {
    case RULE_NAME: err = add_name(builder, &rule, &reason); break;
    case RULE_ADDRESS: err = add_address(builder, &rule, &reason); break;
    case RULE_MASK:
    case RULE_REGEX: err = add_pattern(builder, &rule, &reason); break;
    }
    if (err == -ENOMEM)
        builder->failed = true;
    else if (err < 0)
        on_dropped(sink, reason);
    else if (rule.flags & RULE_EXCEPTION)
        list_of(builder)->exceptions++;
    else
        list_of(builder)->rules++;
}

int builder_init(struct builder *builder, uint64_t seed)
{
    *builder = (struct builder){.seed = seed};
    builder->sink.on_rule = on_rule;
    builder->sink.on_cosmetic = on_cosmetic;
    builder->sink.on_dropped = on_dropped;
    growing_add(&builder->sections[IMAGE_CONDITIONS], NONE_BYTES);
    growing_add(&builder->sections[IMAGE_STRINGS], 1);
    return 0;
}

void builder_done(struct builder *builder)
{
    for (int i = 0; i < IMAGE_SECTIONS; i++)
        growing_done(&builder->sections[i]);
    hostset_builder_done(&builder->names);
    hostset_builder_done(&builder->suffixes);
    netset_builder_done(&builder->rules);
    growing_done(&builder->twins);
    hash_index_done(&builder->classes);
    hash_index_done(&builder->traits);
    hash_index_done(&builder->conditions);
}

void builder_begin(struct builder *builder, const struct filter_source *source)
{
    struct image_list list = {.name = add_string(builder, slice_of(source->name))};
    builder->list = (uint16_t)(builder->sections[IMAGE_LISTS].size / sizeof(list));
    builder->source = source;
    growing_append(&builder->sections[IMAGE_LISTS], &list, sizeof(list));
}

static int twin_order(const void *a, const void *b)
{
    uint64_t x = ((const struct twin *)a)->name, y = ((const struct twin *)b)->name;
    return x < y ? -1 : x > y;
}

/* Asked for every name there is. */
static bool is_twin(const void *owner, uint64_t hash, uint32_t value)
{
    const struct builder *builder = owner;
    const struct twin *twins = (const struct twin *)builder->twins.data;
    size_t low = 0, count = builder->twins.size / sizeof(*twins);
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (twins[middle].name < hash)
            low = middle + 1;
        else
            high = middle;
    }
    const struct image_class *class =
        (const struct image_class *)builder->sections[IMAGE_CLASSES].data + value;
    for (; low < count && twins[low].name == hash; low++)
        if (twins[low].traits == class->traits && twins[low].scope == class->scope)
            return true;
    return false;
}

/* Nothing will be added: what only adding needs goes. */
static int end_adding(struct builder *builder)
{
    hash_index_done(&builder->classes);
    hash_index_done(&builder->traits);
    hash_index_done(&builder->conditions);
    if (builder->failed || builder->twins.failed)
        return -ENOMEM;
    if (builder->twins.size > 0) {
        qsort(builder->twins.data, builder->twins.size / sizeof(struct twin), sizeof(struct twin),
              twin_order);
        builder->names.is_out = is_twin;
        builder->names.owner = builder;
    }
    int err = netset_arrange(&builder->rules, builder->sections);
    netset_builder_done(&builder->rules);
    for (int i = 0; i < IMAGE_SECTIONS && err == 0; i++)
        err = builder->sections[i].failed ? -ENOMEM : 0;
    return err;
}

static void write_section(struct builder *builder, struct image_writer *writer,
                          enum image_section section)
{
    struct growing *content = &builder->sections[section];
    image_writer_begin(writer, section);
    image_writer_append(writer, content->data, content->size);
    if (section != IMAGE_CLASSES) /* of which twins are told */
        growing_done(content);
}

static int write_sections(struct builder *builder, struct image_writer *writer)
{
    int err = 0;
    for (enum image_section i = 0; i < IMAGE_SECTIONS && err == 0; i++) {
        switch (i) {
        case IMAGE_NAME_BUCKETS: err = hostset_arrange(&builder->names, writer, i); break;
        case IMAGE_SUFFIX_BUCKETS: err = hostset_arrange(&builder->suffixes, writer, i); break;
        case IMAGE_NAME_ENTRIES:
        case IMAGE_SUFFIX_ENTRIES: break; /* written with their buckets */
        default: write_section(builder, writer, i);
        }
    }
    return err < 0 ? err : image_writer_end(writer);
}

int builder_make_file(struct builder *builder, int fd)
{
    struct image_writer writer;
    int err = end_adding(builder);
    if (err < 0)
        return err;
    image_writer_to_file(&writer, builder->seed, fd);
    return write_sections(builder, &writer);
}

int builder_make(struct builder *builder, uint8_t **ret, size_t *ret_size)
{
    struct image_writer writer;
    int err = end_adding(builder);
    if (err < 0)
        return err;
    size_t most = hostset_most_bytes(&builder->names) + hostset_most_bytes(&builder->suffixes);
    for (int i = 0; i < IMAGE_SECTIONS; i++)
        most += image_writer_most(builder->sections[i].size);
    image_writer_to_memory(&writer, builder->seed, most);
    err = write_sections(builder, &writer);
    if (err == 0)
        *ret = image_writer_take(&writer, ret_size);
    image_writer_done(&writer);
    return err;
}
