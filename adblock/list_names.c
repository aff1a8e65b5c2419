/* hosts(5), domains, dnsmasq(8) address=, server=, local=. */
#include "adblock/list_names.h"

#include "base/endpoint.h"

#include <stdio.h>

enum { TYPES_ANY = 0xffff, TARGET_MAX = 63 };

bool list_names_is_address(struct slice word)
{
    char text[ADDRESS_TEXT_MAX];
    struct address address;
    size_t zone = slice_find(word, '%'); /* fe80::1%lo0 */
    return (char_is_digit(word.data[0]) || slice_has(word, ':')) &&
           slice_copy(slice_until(word, zone), text, sizeof(text)) &&
           address_parse_ip(text, &address) == 0;
}

static bool is_label(struct slice label)
{
    if (label.size == 0 || label.size > 63 || label.data[0] == '-')
        return false;
    for (size_t i = 0; i < label.size; i++) {
        char c = label.data[i];
        if (!char_is_alnum(c) && c != '-' && c != '_' && (unsigned char)c < 0x80)
            return false;
    }
    return true;
}

bool list_names_is_name(struct slice word)
{
    struct slice rest = word, label = {0};
    size_t labels = 0;
    if (slice_ends(word, SLICE(".")))
        rest.size--;
    if (rest.size == 0 || rest.size > NAME_MAX_BYTES)
        return false;
    while (slice_next(&rest, '.', &label)) {
        if (!is_label(label))
            return false;
        labels++;
    }
    bool is_number = true;
    for (size_t i = 0; i < label.size; i++)
        is_number &= char_is_digit(label.data[i]);
    return labels >= 2 && !is_number;
}

static struct rule name_rule(struct slice name, enum rule_scope scope)
{
    return (struct rule){
        .kind = RULE_NAME,
        .scope = scope,
        .subject = name,
        .flags = RULE_FOR_NAMES | RULE_FOR_REQUESTS,
        .types = TYPES_ANY,
    };
}

/* Names that a hosts file must have for the host itself, not to refuse them. */
static bool is_own_name(struct slice name)
{
    static const struct slice own[] = {
        SLICE("localhost"),      SLICE("localhost.localdomain"), SLICE("local"),
        SLICE("broadcasthost"),  SLICE("ip6-localhost"),         SLICE("ip6-loopback"),
        SLICE("ip6-localnet"),   SLICE("ip6-mcastprefix"),       SLICE("ip6-allnodes"),
        SLICE("ip6-allrouters"), SLICE("ip6-allhosts"),          SLICE("0.0.0.0"),
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (slice_equals_fold(name, own[i]))
            return true;
    return false;
}

void list_names_hosts(struct slice line, struct rule_sink *sink)
{
    char prefix[ADDRESS_TEXT_MAX + 1];
    struct slice address, name, rest = slice_until(line, slice_find(line, '#'));
    if (!slice_word(&rest, &address))
        return;
    if (!list_names_is_address(address) || address.size >= sizeof(prefix) - 1)
        return sink->on_dropped(sink, "no address in front");
    memcpy(prefix, address.data, address.size);
    prefix[address.size] = ' ';
    while (slice_word(&rest, &name)) {
        if (is_own_name(name))
            continue;
        struct rule rule = name_rule(name, RULE_EXACT);
        rule.flags |= RULE_HOSTS;
        rule.prefix = (struct slice){prefix, address.size + 1};
        rule.values[RULE_ANSWER] = slice_until(address, slice_find(address, '%'));
        sink->on_rule(sink, &rule);
    }
}

void list_names_domains(struct slice line, struct rule_sink *sink)
{
    struct slice name, more, rest = slice_until(line, slice_find(line, '#'));
    enum rule_scope scope = RULE_TREE;
    struct slice prefix = {0};
    if (line.size > 0 && (line.data[0] == '!' || line.data[0] == ';'))
        return;
    if (!slice_word(&rest, &name))
        return;
    if (slice_word(&rest, &more))
        return sink->on_dropped(sink, "more than one word");
    if (slice_starts(name, SLICE("*."))) {
        scope = RULE_BELOW;
        prefix = SLICE("*.");
    } else if (slice_starts(name, SLICE("."))) {
        prefix = SLICE(".");
    }
    struct rule rule = name_rule(slice_from(name, prefix.size), scope);
    rule.prefix = prefix;
    sink->on_rule(sink, &rule);
}

/* One of the names, as dnsmasq 2.86 and later read it: itself and everything below; "*.name" only
 * below; "*name" whatever ends so; "#" all. Of several the longest decides. */
static struct rule dnsmasq_name(struct slice name)
{
    bool is_all = slice_equals(name, SLICE("#"));
    bool is_below = slice_starts(name, SLICE("*.")), is_tail = !is_below && name.data[0] == '*';
    struct rule rule = name_rule(name, is_below ? RULE_BELOW : RULE_TREE);
    rule.flags |= RULE_MOST_SPECIFIC;
    if (is_below)
        rule.subject = slice_from(name, 2);
    else if (is_tail || name.data[0] == '.')
        rule.subject = slice_from(name, 1);
    if (is_all || is_tail) {
        rule.kind = RULE_MASK;
        rule.flags = RULE_FOR_NAMES;
        if (is_all)
            rule.subject = SLICE("");
    }
    return rule;
}

static void dnsmasq_emit(struct slice key, struct slice name, struct slice target,
                         struct rule_sink *sink)
{
    char prefix[16], suffix[TARGET_MAX + 2], tail[NAME_MAX_BYTES + 2];
    struct rule rule = dnsmasq_name(name);
    bool is_exception = !slice_equals(key, SLICE("address=")) && target.size > 0;
    int written = snprintf(prefix, sizeof(prefix), "%.*s/%s", (int)key.size, key.data,
                           rule.scope == RULE_BELOW ? "*."
                           : rule.kind != RULE_MASK ? ""
                           : rule.subject.size == 0 ? "#"
                                                    : "*");
    rule.prefix = (struct slice){prefix, (size_t)written};
    written = snprintf(suffix, sizeof(suffix), "/%.*s", (int)target.size, target.data);
    rule.suffix = (struct slice){suffix, (size_t)written};
    if (is_exception)
        rule.flags |= RULE_EXCEPTION; /* "#": ask as usual */
    else if (target.size > 0 && !slice_equals(target, SLICE("#")))
        rule.values[RULE_ANSWER] = target;
    if (rule.kind == RULE_MASK && rule.subject.size > 0) {
        if (rule.subject.size > NAME_MAX_BYTES)
            return sink->on_dropped(sink, "a name too long");
        written = snprintf(tail, sizeof(tail), "%.*s|", (int)rule.subject.size, rule.subject.data);
        rule.subject = (struct slice){tail, (size_t)written};
    }
    sink->on_rule(sink, &rule);
}

/* "/name/name/target" */
static void dnsmasq_names(struct slice key, struct slice value, struct rule_sink *sink)
{
    bool is_server = !slice_equals(key, SLICE("address="));
    size_t last = value.size;
    while (last > 0 && value.data[last - 1] != '/')
        last--;
    struct slice target = slice_at_most(slice_from(value, last), TARGET_MAX), name;
    bool is_special = target.size == 0 || slice_equals(target, SLICE("#"));
    if (last < 2)
        return sink->on_dropped(sink, "no name between slashes");
    if (is_server && !is_special)
        return sink->on_dropped(sink, "forwards a name, blocks nothing");
    if (!is_special && !list_names_is_address(target))
        return sink->on_dropped(sink, "no address behind the names");
    struct slice names = {value.data + 1, last - 2};
    while (slice_next(&names, '/', &name))
        if (name.size > 0)
            dnsmasq_emit(key, name, target, sink);
}

/* "key=/names/target", with blanks around = and a remark behind, as dnsmasq's own reader has it. */
static bool split_dnsmasq(struct slice line, struct slice *ret_key, struct slice *ret_value)
{
    static const struct slice keys[] = {SLICE("address="), SLICE("server="), SLICE("local=")};
    size_t equals = slice_find(line, '=');
    struct slice name = slice_trim(slice_until(line, equals)), value;
    struct slice rest = slice_from(line, equals < line.size ? equals + 1 : equals);
    if (!slice_word(&rest, &value) || value.data[0] != '/')
        return false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (slice_equals(name, slice_until(keys[i], keys[i].size - 1))) {
            *ret_key = keys[i];
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool list_names_is_dnsmasq(struct slice line)
{
    struct slice key, value;
    return split_dnsmasq(line, &key, &value);
}

void list_names_dnsmasq(struct slice line, struct rule_sink *sink)
{
    struct slice key, value;
    if (line.size == 0 || line.data[0] == '#')
        return;
    if (split_dnsmasq(line, &key, &value))
        dnsmasq_names(key, value, sink);
    else
        sink->on_dropped(sink, "not address=/, server=/ or local=/");
}
