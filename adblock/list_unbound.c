/* Zones become rules over names that only the longest name of the list speaks in; data becomes
 * answers in $dnsrewrite's syntax. */
#include "adblock/list_unbound.h"

#include "adblock/list_names.h"
#include "adblock/name_hash.h"
#include "base/endpoint.h"

#include <errno.h>
#include <stdio.h>

enum { TYPES_ANY = 0xffff, SUFFIX_MAX = 64, ANSWER_MAX = 512 };
enum known { HAS_DATA = 1, IS_REDIRECTED = 2 };

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

static struct entry read_entry(struct slice line)
{
    struct entry entry = {.is_zone = slice_starts(line, SLICE("local-zone:"))};
    if (!entry.is_zone && !slice_starts(line, SLICE("local-data:"))) {
        entry.reason = "not local-zone: or local-data:";
        return entry;
    }
    struct slice value = slice_trim(slice_from(line, sizeof("local-zone:") - 1));
    bool is_quoted = slice_starts(value, SLICE("\"")) || slice_starts(value, SLICE("'"));
    char closing = ' ';
    if (is_quoted) {
        closing = value.data[0];
        value = slice_from(value, 1);
    } else if (!entry.is_zone) {
        entry.reason = "no quotes around the record";
        return entry;
    }
    size_t end = slice_find(value, closing);
    struct slice inside = slice_until(value, end);
    struct slice rest = slice_from(value, end < value.size ? end + 1 : end);
    if (!entry.is_zone) {
        read_record(inside, &entry);
        return entry;
    }
    entry.name = slice_trim(inside);
    if (!slice_word(&rest, &entry.kind) || entry.kind.data[0] == '#')
        entry.reason = "no type of zone";
    return entry;
}

static uint64_t hash_of(struct slice name)
{
    char folded[NAME_MAX_BYTES + 1];
    if (slice_ends(name, SLICE(".")))
        name.size--;
    name = slice_at_most(name, NAME_MAX_BYTES);
    for (size_t i = 0; i < name.size; i++)
        folded[i] = char_lower(name.data[i]);
    return name_hash(folded, name.size, 0);
}

static uint32_t known_of(const struct list_unbound *unbound, struct slice name)
{
    uint32_t known = 0;
    hash_index_get(&unbound->names, hash_of(name), &known);
    return known;
}

static int note(struct list_unbound *unbound, struct slice line)
{
    struct entry entry = read_entry(slice_trim(line));
    bool is_redirected = entry.is_zone && slice_equals(entry.kind, SLICE("redirect"));
    if (entry.reason || (entry.is_zone && !is_redirected))
        return 0;
    uint32_t known = known_of(unbound, entry.name) | (is_redirected ? IS_REDIRECTED : HAS_DATA);
    return hash_index_put(&unbound->names, hash_of(entry.name), known);
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

/* The data of a zone's own name answer for it, whatever the zone does with other names. */
static void emit_zone(const struct list_unbound *unbound, const struct entry *entry,
                      struct rule_sink *sink)
{
    static const struct slice open[] = {SLICE("transparent"), SLICE("always_transparent"),
                                        SLICE("typetransparent"), SLICE("inform"),
                                        SLICE("nodefault")};
    char suffix[SUFFIX_MAX + 3];
    bool has_data = known_of(unbound, entry->name) & HAS_DATA;
    struct rule rule = name_rule(entry->name, has_data ? RULE_BELOW : RULE_TREE);
    if (has_data && slice_equals(entry->kind, SLICE("redirect")))
        return; /* the data speak for all of it */
    if (slice_equals(entry->kind, SLICE("block_a"))) {
        rule.flags &= ~(uint32_t)RULE_FOR_REQUESTS;
        rule.values[RULE_DNSTYPE] = SLICE("A");
    }
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        if (slice_equals(entry->kind, open[i]))
            rule.flags |= RULE_EXCEPTION;
    struct slice kind = slice_at_most(entry->kind, SUFFIX_MAX);
    int written = snprintf(suffix, sizeof(suffix), "\" %.*s", (int)kind.size, kind.data);
    rule.prefix = SLICE("local-zone: \"");
    rule.suffix = (struct slice){suffix, (size_t)written};
    sink->on_rule(sink, &rule);
}

static void emit_data(const struct list_unbound *unbound, const struct entry *entry,
                      struct rule_sink *sink)
{
    char answer[ANSWER_MAX], suffix[ANSWER_MAX];
    bool is_redirected = known_of(unbound, entry->name) & IS_REDIRECTED;
    struct rule rule = name_rule(entry->name, is_redirected ? RULE_TREE : RULE_EXACT);
    int written = snprintf(answer, sizeof(answer), "NOERROR;%.*s;%.*s", (int)entry->kind.size,
                           entry->kind.data, (int)entry->data.size, entry->data.data);
    if (written >= (int)sizeof(answer))
        return sink->on_dropped(sink, "a record with too much data");
    rule.flags |= RULE_HOSTS;
    rule.values[RULE_ANSWER] = (struct slice){answer, (size_t)written};
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
