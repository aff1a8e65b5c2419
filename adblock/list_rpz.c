/* Records become rules: "CNAME ." blocks, the other actions are answers in $dnsrewrite's syntax
 * (with DROP and TCP-ONLY besides). */
#include "adblock/list_rpz.h"

#include <stdio.h>

enum { TYPES_ANY = 0xffff, ANSWER_MAX = 512, ADDRESS_MAX = 80, ADDRESS_PARTS_MAX = 9 };

struct record {
    struct slice owner, type, data;
};

static bool is_ttl_or_class(struct slice word)
{
    if (slice_equals_fold(word, SLICE("IN")))
        return true;
    for (size_t i = 0; i < word.size; i++)
        if (!char_is_digit(word.data[i]) && !strchr("smhdwSMHDW", word.data[i]))
            return false;
    return char_is_digit(word.data[0]);
}

struct scan {
    struct slice line;
    size_t at; /* behind the last one found */
    bool is_quoted;
};

/* The next character that stands neither in quotes, where it is text, nor behind a backslash; '\0'
 * at the end. */
static char next_plain(struct scan *scan)
{
    while (scan->at < scan->line.size) {
        char c = scan->line.data[scan->at++];
        if (c == '\\')
            scan->at++;
        else if (c == '"')
            scan->is_quoted = !scan->is_quoted;
        else if (!scan->is_quoted && c != '\0')
            return c;
    }
    return '\0';
}

static struct slice without_comment(struct slice line)
{
    struct scan scan = {.line = line};
    for (char c; (c = next_plain(&scan));)
        if (c == ';')
            return slice_until(line, scan.at - 1);
    return line;
}

static void keep(struct slice word, char to[NAME_MAX_BYTES + 1])
{
    if (slice_ends(word, SLICE(".")))
        word.size--;
    if (!slice_copy(word, to, NAME_MAX_BYTES + 1))
        to[0] = '\0';
}

/* An absolute owner stands below the zone's own name: take that off. */
static struct slice relative(const struct list_rpz *rpz, struct slice owner)
{
    struct slice origin = slice_of(rpz->origin);
    if (!slice_ends(owner, SLICE(".")))
        return owner;
    owner.size--;
    if (origin.size > 0 && owner.size > origin.size &&
        owner.data[owner.size - origin.size - 1] == '.' &&
        slice_equals_fold(slice_from(owner, owner.size - origin.size), origin))
        owner.size -= origin.size + 1;
    return owner;
}

/* Cut a record; false for directives, the zone's own records and what is no record. */
static bool read_record(struct list_rpz *rpz, struct slice line, struct record *ret)
{
    struct slice rest = line, word, origin;
    if (!slice_word(&rest, &word))
        return false;
    if (slice_equals_fold(word, SLICE("$ORIGIN")) && slice_word(&rest, &origin))
        keep(origin, rpz->origin);
    if (slice_starts(word, SLICE("$")))
        return false;
    if (char_is_space(line.data[0]))
        rest = line;
    else if (!slice_copy(word, rpz->owner, sizeof(rpz->owner)))
        rpz->owner[0] = '\0';
    ret->owner = slice_of(rpz->owner);
    do {
        if (!slice_word(&rest, &ret->type))
            return false;
    } while (is_ttl_or_class(ret->type));
    ret->data = slice_trim(rest);
    return !slice_equals(ret->owner, SLICE("@")) && !slice_equals_fold(ret->type, SLICE("SOA")) &&
           !slice_equals_fold(ret->type, SLICE("NS"));
}

/* What the record says, as flags and answer. */
static void read_action(const struct record *record, struct rule *rule, char answer[ANSWER_MAX])
{
    struct slice data = record->data;
    const char *code = NULL;
    int size = 0;
    if (!slice_equals_fold(record->type, SLICE("CNAME")))
        size = snprintf(answer, ANSWER_MAX, "NOERROR;%.*s;%.*s", (int)record->type.size,
                        record->type.data, (int)data.size, data.data);
    else if (slice_equals(data, SLICE(".")))
        return;
    else if (slice_equals_fold(data, SLICE("rpz-passthru.")))
        rule->flags |= RULE_EXCEPTION;
    else if (slice_equals_fold(data, SLICE("rpz-drop.")))
        code = "DROP";
    else if (slice_equals_fold(data, SLICE("rpz-tcp-only.")))
        code = "TCP-ONLY";
    else if (slice_equals(data, SLICE("*.")))
        code = "NOERROR";
    else
        size = snprintf(answer, ANSWER_MAX, "NOERROR;CNAME;%.*s",
                        (int)data.size - slice_ends(data, SLICE(".")), data.data);
    if (code)
        size = snprintf(answer, ANSWER_MAX, "%s", code);
    if (size > 0 && size < ANSWER_MAX)
        rule->values[RULE_ANSWER] = (struct slice){answer, (size_t)size};
}

/* "24.0.113.0.203" or "48.zz.bad.db8.2001" as "203.0.113.0/24", "2001:db8:bad::/48". */
static bool read_prefix(struct slice reversed, char *to, size_t capacity)
{
    struct slice parts[ADDRESS_PARTS_MAX];
    size_t count = 0, at = 0;
    while (count < ADDRESS_PARTS_MAX && slice_next(&reversed, '.', &parts[count]))
        count++;
    if (count < 3)
        return false;
    bool is_v4 = count == 5;
    for (size_t i = 1; i < count; i++)
        is_v4 &= slice_number(parts[i], UINT8_MAX) >= 0;
    const char *mark = is_v4 ? "." : ":";
    for (size_t i = count - 1; i > 0; i--) {
        bool is_gap = slice_equals(parts[i], SLICE("zz"));
        bool is_last = i == 1;
        int written = is_gap
                          ? snprintf(to + at, capacity - at, "%s%s", i == count - 1 ? ":" : "", ":")
                          : snprintf(to + at, capacity - at, "%.*s%s", (int)parts[i].size,
                                     parts[i].data, is_last ? "" : mark);
        if (written < 0 || (size_t)written >= capacity - at)
            return false;
        at += (size_t)written;
    }
    int written = snprintf(to + at, capacity - at, "/%.*s", (int)parts[0].size, parts[0].data);
    return written > 0 && (size_t)written < capacity - at;
}

/* Triggers that are not names: by the label in front of the zone's name. */
static bool read_trigger(struct slice owner, struct slice suffix, char *to, size_t capacity)
{
    return slice_ends(owner, suffix) &&
           read_prefix(slice_until(owner, owner.size - suffix.size), to, capacity);
}

/* What the record is about: a name, all below one, or what is no name at all. */
static void read_subject(struct slice owner, struct rule *rule, char address[ADDRESS_MAX])
{
    rule->subject = owner;
    if (slice_ends(owner, SLICE(".rpz-nsdname"))) /* asked about under that very name */
        rule->flags &= ~(uint32_t)RULE_FOR_REQUESTS;
    if (read_trigger(owner, SLICE(".rpz-client-ip"), address, ADDRESS_MAX)) {
        rule->kind = RULE_MASK;
        rule->flags &= ~(uint32_t)RULE_FOR_REQUESTS;
        rule->values[RULE_CLIENT] = slice_of(address);
        rule->subject = SLICE(""); /* whatever is asked */
        rule->prefix = owner;
    } else if (read_trigger(owner, SLICE(".rpz-ip"), address, ADDRESS_MAX)) {
        rule->kind = RULE_ADDRESS;
        rule->prefix = owner;
        rule->subject = slice_of(address);
    } else if (slice_starts(owner, SLICE("*."))) {
        rule->scope = RULE_BELOW;
        rule->prefix = SLICE("*.");
        rule->subject = slice_from(owner, 2);
    }
}

/* How many parentheses are open behind the line. */
static unsigned depth_behind(unsigned depth, struct slice line)
{
    struct scan scan = {.line = line};
    for (char c; (c = next_plain(&scan));) {
        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
    }
    return depth;
}

void list_rpz_line(struct list_rpz *rpz, struct slice line, struct rule_sink *sink)
{
    char answer[ANSWER_MAX], address[ADDRESS_MAX], suffix[ANSWER_MAX];
    struct record record;
    line = without_comment(line);
    bool was_inside = rpz->depth > 0; /* of an SOA's parentheses */
    rpz->depth = depth_behind(rpz->depth, line);
    if (was_inside || line.size == 0 || !read_record(rpz, line, &record))
        return;
    struct slice owner = relative(rpz, record.owner);
    int written = snprintf(suffix, sizeof(suffix), " %.*s %.*s", (int)record.type.size,
                           record.type.data, (int)record.data.size, record.data.data);
    struct rule rule = {
        .kind = RULE_NAME,
        .scope = RULE_EXACT,
        .suffix = {suffix, written < (int)sizeof(suffix) ? (size_t)written : sizeof(suffix) - 1},
        .flags = RULE_FOR_NAMES | RULE_FOR_REQUESTS | RULE_MOST_SPECIFIC,
        .types = TYPES_ANY,
    };
    read_action(&record, &rule, answer);
    if (slice_ends(owner, SLICE(".rpz-nsip")))
        return sink->on_dropped(sink, "asks about addresses of name servers");
    read_subject(owner, &rule, address);
    sink->on_rule(sink, &rule);
}
