/* Zones become rules over names that only the longest name of the list speaks in; data becomes
 * answers in $dnsrewrite's syntax. */
#include "adblock/list_unbound.h"

#include "adblock/list_names.h"
#include "adblock/name_hash.h"
#include "base/endpoint.h"

#include <errno.h>
#include <stdio.h>

enum { TYPES_ANY = 0xffff, SUFFIX_MAX = 64, TYPES_MAX = 32, ANSWER_MAX = 512 };

/* What is known of a name. */
enum known {
    HAS_A = 1 << 0,
    HAS_AAAA = 1 << 1,
    HAS_OTHERS = 1 << 2,
    HAS_DATA = HAS_A | HAS_AAAA | HAS_OTHERS,
    IS_ZONE = 1 << 3, /* and of the zone: */
    IS_OPEN = 1 << 4, /* what has no data is looked up as ever */
    IS_REDIRECTED = 1 << 5,
    IGNORES_DATA = 1 << 6,
    IS_BY_TYPE = 1 << 7, /* so are the types that a name has no data of */
    IS_FOR_A = 1 << 8,   /* says nothing about other types */
};

/* Types of zones that do more than to refuse what has no data. */
static const struct {
    struct slice name;
    uint32_t known;
} kinds[] = {
    {SLICE("transparent"), IS_OPEN},
    {SLICE("inform"), IS_OPEN},
    {SLICE("nodefault"), IS_OPEN},
    {SLICE("noview"), IS_OPEN},
    {SLICE("ipset"), IS_OPEN},
    {SLICE("typetransparent"), IS_OPEN | IS_BY_TYPE},
    {SLICE("redirect"), IS_REDIRECTED},
    {SLICE("inform_redirect"), IS_REDIRECTED},
    {SLICE("always_transparent"), IS_OPEN | IGNORES_DATA},
    {SLICE("always_refuse"), IGNORES_DATA},
    {SLICE("always_nxdomain"), IGNORES_DATA},
    {SLICE("always_nodata"), IGNORES_DATA},
    {SLICE("always_deny"), IGNORES_DATA},
    {SLICE("always_null"), IGNORES_DATA},
    {SLICE("block_a"), IGNORES_DATA | IS_FOR_A},
};

/* A line cut into its parts. */
struct entry {
    bool is_zone;
    struct slice name;
    struct slice kind; /* a zone's, or a record's type */
    struct slice data;
    const char *reason; /* why it is none */
};

static bool is_ttl_or_class(struct slice word)
{
    return slice_equals_fold(word, SLICE("IN")) || slice_number(word, INT32_MAX) >= 0;
}

/* "name [ttl] [IN] TYPE data" */
static void read_record(struct slice text, struct entry *entry)
{
    bool has_name = slice_word(&text, &entry->name), has_type = has_name;
    do {
        has_type = has_type && slice_word(&text, &entry->kind);
    } while (has_type && is_ttl_or_class(entry->kind));
    entry->data = slice_trim(text);
    if (!has_type || entry->data.size == 0)
        entry->reason = "no record for the name";
}

/* "name" type, or name type */
static void read_zone(struct slice text, struct entry *entry)
{
    struct slice rest = text;
    if (slice_starts(text, SLICE("\"")) || slice_starts(text, SLICE("'"))) {
        struct slice inside = slice_from(text, 1);
        size_t end = slice_find(inside, text.data[0]);
        entry->name = slice_trim(slice_until(inside, end));
        rest = slice_from(inside, end < inside.size ? end + 1 : end);
    } else {
        slice_word(&rest, &entry->name);
    }
    if (!slice_word(&rest, &entry->kind) || entry->kind.data[0] == '#')
        entry->reason = "no type of zone";
}

static struct entry read_entry(struct slice line)
{
    struct entry entry = {.is_zone = slice_starts(line, SLICE("local-zone:"))};
    if (!entry.is_zone && !slice_starts(line, SLICE("local-data:"))) {
        entry.reason = "not local-zone: or local-data:";
        return entry;
    }
    struct slice value = slice_trim(slice_from(line, sizeof("local-zone:") - 1));
    if (entry.is_zone) {
        read_zone(value, &entry);
    } else if (slice_starts(value, SLICE("\"")) || slice_starts(value, SLICE("'"))) {
        struct slice inside = slice_from(value, 1);
        read_record(slice_until(inside, slice_find(inside, value.data[0])), &entry);
    } else {
        entry.reason = "no quotes around the record";
    }
    return entry;
}

static uint32_t known_of_kind(struct slice kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (slice_equals(kind, kinds[i].name))
            return IS_ZONE | kinds[i].known;
    return IS_ZONE;
}

static uint32_t known_of_type(struct slice type)
{
    if (slice_equals_fold(type, SLICE("A")))
        return HAS_A;
    return slice_equals_fold(type, SLICE("AAAA")) ? HAS_AAAA : HAS_OTHERS;
}

static bool is_root(struct slice name)
{
    return slice_equals(name, SLICE("."));
}

/* The hashes of a name and all above it, the shortest first. */
static size_t hash_all(struct slice name, struct name_suffix ret[NAME_LABELS_MAX])
{
    char folded[NAME_MAX_BYTES + 1];
    if (slice_ends(name, SLICE(".")))
        name.size--;
    name = slice_at_most(name, NAME_MAX_BYTES);
    for (size_t i = 0; i < name.size; i++)
        folded[i] = char_lower(name.data[i]);
    return name_hash_suffixes(folded, name.size, 0, ret);
}

static uint32_t known_of(const struct list_unbound *unbound, struct slice name)
{
    struct name_suffix suffixes[NAME_LABELS_MAX];
    uint32_t known = 0;
    size_t count = hash_all(name, suffixes);
    if (count == 0)
        return is_root(name) ? unbound->root : 0;
    hash_index_get(&unbound->names, suffixes[count - 1].hash, &known);
    return known;
}

/* Of the zone that a name is in: its own, or the nearest above. */
static uint32_t zone_of(const struct list_unbound *unbound, struct slice name)
{
    struct name_suffix suffixes[NAME_LABELS_MAX];
    uint32_t known;
    for (size_t i = hash_all(name, suffixes); i-- > 0;)
        if (hash_index_get(&unbound->names, suffixes[i].hash, &known) && (known & IS_ZONE))
            return known;
    return unbound->root;
}

/* Of two types for one zone the first holds. */
static int note(struct list_unbound *unbound, struct slice line)
{
    struct name_suffix suffixes[NAME_LABELS_MAX];
    struct entry entry = read_entry(slice_trim(line));
    if (entry.reason)
        return 0;
    uint32_t known = known_of(unbound, entry.name);
    if (!entry.is_zone)
        known |= known_of_type(entry.kind);
    else if (!(known & IS_ZONE))
        known |= known_of_kind(entry.kind);
    size_t count = hash_all(entry.name, suffixes);
    if (count > 0)
        return hash_index_put(&unbound->names, suffixes[count - 1].hash, known);
    if (is_root(entry.name))
        unbound->root = known;
    return 0;
}

int list_unbound_init(struct list_unbound *unbound, struct list_lines *lines)
{
    struct slice line;
    int err = 0;
    *unbound = (struct list_unbound){0};
    while (err == 0 && list_lines_next(lines, &line))
        err = note(unbound, line);
    if (err == 0)
        err = list_lines_rewind(lines);
    if (err < 0)
        list_unbound_done(unbound);
    return err;
}

void list_unbound_done(struct list_unbound *unbound)
{
    hash_index_done(&unbound->names);
}

static struct rule name_rule(struct slice name, enum rule_scope scope)
{
    return (struct rule){
        .kind = RULE_NAME,
        .scope = scope,
        .subject = name,
        .flags = RULE_FOR_NAMES | RULE_FOR_REQUESTS | RULE_MOST_SPECIFIC,
        .types = TYPES_ANY,
    };
}

/* Everything; what is open needs no rule. Not about requests: their names are asked about. */
static void emit_root(struct rule *rule, struct rule_sink *sink)
{
    if (rule->flags & RULE_EXCEPTION)
        return;
    rule->kind = RULE_MASK;
    rule->subject = SLICE("");
    rule->prefix = SLICE("local-zone: \".");
    rule->flags &= ~(uint32_t)RULE_FOR_REQUESTS;
    sink->on_rule(sink, rule);
}

static bool has_zone_above(const struct list_unbound *unbound, struct slice name)
{
    size_t dot = slice_find(name, '.');
    struct slice above = slice_from(name, dot < name.size ? dot + 1 : dot);
    return zone_of(unbound, above) & IS_ZONE;
}

/* One for A, and one that keeps the zones above, if any, from speaking of the rest. */
static void emit_for_a(const struct list_unbound *unbound, const struct rule *rule,
                       struct rule_sink *sink)
{
    struct rule of_a = *rule, of_others = *rule;
    of_a.flags &= ~(uint32_t)RULE_FOR_REQUESTS;
    of_a.values[RULE_DNSTYPE] = SLICE("A");
    of_others.flags |= RULE_EXCEPTION;
    of_others.values[RULE_DNSTYPE] = SLICE("~A");
    if (is_root(rule->subject))
        return emit_root(&of_a, sink);
    sink->on_rule(sink, &of_a);
    if (has_zone_above(unbound, rule->subject))
        sink->on_rule(sink, &of_others);
}

/* Of a zone's own name the types that it has no data of, lest the zones above speak of them. */
static void emit_other_types(const struct rule *rule, uint32_t known, struct rule_sink *sink)
{
    static const struct slice others[HAS_DATA + 1] = {
        [HAS_A] = SLICE("~TYPE0|~A"),
        [HAS_AAAA] = SLICE("~TYPE0|~AAAA"),
        [HAS_A | HAS_AAAA] = SLICE("~TYPE0|~A|~AAAA"),
    };
    struct rule own = *rule;
    own.scope = RULE_EXACT;
    own.flags &= ~(uint32_t)RULE_FOR_REQUESTS;
    own.values[RULE_DNSTYPE] = others[known & HAS_DATA];
    if (own.values[RULE_DNSTYPE].data)
        sink->on_rule(sink, &own);
}

/* The data of a zone's own name answer for it, whatever the zone does with other names. */
static void emit_zone(const struct list_unbound *unbound, const struct entry *entry,
                      struct rule_sink *sink)
{
    char suffix[SUFFIX_MAX + 3];
    uint32_t zone = known_of_kind(entry->kind), known = known_of(unbound, entry->name);
    bool has_data = !(zone & IGNORES_DATA) && (known & HAS_DATA);
    struct rule rule = name_rule(entry->name, has_data ? RULE_BELOW : RULE_TREE);
    if (has_data && (zone & IS_REDIRECTED))
        return; /* the data speak for all of it */
    if (zone & IS_OPEN)
        rule.flags |= RULE_EXCEPTION;
    struct slice kind = slice_at_most(entry->kind, SUFFIX_MAX);
    int written = snprintf(suffix, sizeof(suffix), "\" %.*s", (int)kind.size, kind.data);
    rule.prefix = SLICE("local-zone: \"");
    rule.suffix = (struct slice){suffix, (size_t)written};
    if (has_data && (zone & IS_BY_TYPE) && !is_root(entry->name))
        emit_other_types(&rule, known, sink);
    if (zone & IS_FOR_A)
        emit_for_a(unbound, &rule, sink);
    else if (is_root(entry->name))
        emit_root(&rule, sink);
    else
        sink->on_rule(sink, &rule);
}

/* The record's, and of names that are not asked about by DNS: they have none. */
static struct slice own_type(struct slice type, char to[TYPES_MAX])
{
    int size = snprintf(to, TYPES_MAX, "TYPE0|%.*s", (int)type.size, type.data);
    return (struct slice){to, size < TYPES_MAX ? (size_t)size : TYPES_MAX - 1};
}

static void emit_data(const struct list_unbound *unbound, const struct entry *entry,
                      struct rule_sink *sink)
{
    char answer[ANSWER_MAX], suffix[ANSWER_MAX], types[TYPES_MAX];
    uint32_t zone = zone_of(unbound, entry->name);
    bool is_redirected = known_of(unbound, entry->name) & IS_REDIRECTED;
    struct rule rule = name_rule(entry->name, is_redirected ? RULE_TREE : RULE_EXACT);
    if (zone & IGNORES_DATA)
        return sink->on_dropped(sink, "data in a zone that ignores them");
    int written = snprintf(answer, sizeof(answer), "NOERROR;%.*s;%.*s", (int)entry->kind.size,
                           entry->kind.data, (int)entry->data.size, entry->data.data);
    if (written >= (int)sizeof(answer))
        return sink->on_dropped(sink, "a record with too much data");
    rule.flags |= RULE_HOSTS;
    rule.values[RULE_ANSWER] = (struct slice){answer, (size_t)written};
    if ((zone & IS_BY_TYPE) && !slice_equals_fold(entry->kind, SLICE("CNAME")))
        rule.values[RULE_DNSTYPE] = own_type(entry->kind, types);
    written = snprintf(suffix, sizeof(suffix), " %.*s %.*s\"", (int)entry->kind.size,
                       entry->kind.data, (int)entry->data.size, entry->data.data);
    rule.prefix = SLICE("local-data: \"");
    rule.suffix = (struct slice){suffix, (size_t)written};
    sink->on_rule(sink, &rule);
}

void list_unbound_line(const struct list_unbound *unbound, struct slice line,
                       struct rule_sink *sink)
{
    if (line.size == 0 || line.data[0] == '#' || slice_equals(line, SLICE("server:")))
        return;
    struct entry entry = read_entry(line);
    if (entry.reason)
        sink->on_dropped(sink, entry.reason);
    else if (entry.is_zone)
        emit_zone(unbound, &entry, sink);
    else
        emit_data(unbound, &entry, sink);
}
