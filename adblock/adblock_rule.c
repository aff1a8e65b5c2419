/* What kind of line it is, where its pattern ends and its modifiers begin. Sources: the filter
 * syntax pages of Adblock Plus and of uBlock Origin, AdGuard's knowledge base ("How to create your
 * own ad filters", "DNS filtering rules syntax"). */
#include "adblock/adblock_rule.h"

#include "adblock/list_names.h"
#include "adblock/punycode.h"
#include "adblock/rule_option.h"

#include <sys/types.h>

enum {
    TYPES_ANY = 0xffff,
    LITERALS_MIN = 2,
    PATTERN_MIN = 3,
    URL_PATTERN_MIN = 4, /* shorter ones are in nearly every URL */
    PATTERN_MAX = 4096,
    PUNYCODE_MIN = 8, /* "xn--" and what it spells */
};

/* "!#if cap || !cap", evaluated from the left, && before ||. No capability of a browser extension
 * is ours, so every name is false. */
static bool is_condition_true(struct slice condition)
{
    struct slice rest = condition;
    bool any = false, all = true, is_not = false, value = false;
    while (rest.size > 0) {
        char c = rest.data[0];
        size_t size = 1;
        if (c == '!') {
            is_not = !is_not;
        } else if (c == '(') {
            size_t end = rest.size;
            for (size_t i = 1, depth = 1; i < end; i++) {
                depth += rest.data[i] == '(';
                depth -= rest.data[i] == ')';
                end = depth == 0 ? i : end;
            }
            value = is_condition_true((struct slice){rest.data + 1, end - 1}) != is_not;
            is_not = false;
            size = end < rest.size ? end + 1 : end;
        } else if (c == '&' || c == '|') {
            all = all && value;
            any = any || (c == '|' && all);
            all = c == '|' || all;
            value = false;
            size = rest.size > 1 && rest.data[1] == c ? 2 : 1;
        } else if (char_is_alnum(c) || c == '_') {
            while (size < rest.size && (char_is_alnum(rest.data[size]) || rest.data[size] == '_'))
                size++;
            value = slice_equals(slice_until(rest, size), SLICE("true")) != is_not;
            is_not = false;
        }
        rest = slice_from(rest, size);
    }
    return any || (all && value);
}

static void read_directive(struct adblock_list *list, struct slice line)
{
    bool is_off = list->is_off[list->depth];
    if (slice_starts(line, SLICE("!#if "))) {
        if (list->depth < ADBLOCK_IF_MAX)
            list->depth++;
        list->is_off[list->depth] =
            is_off || !is_condition_true(slice_from(line, sizeof("!#if ") - 1));
    } else if (slice_starts(line, SLICE("!#else")) && list->depth > 0) {
        list->is_off[list->depth] = list->is_off[list->depth - 1] || !is_off;
    } else if (slice_starts(line, SLICE("!#endif")) && list->depth > 0) {
        list->depth--;
    }
}

/* "example.com,example.org$$script[...]", "$@$". */
static bool is_html_rule(struct slice line)
{
    size_t end = 0;
    while (end < line.size && (char_is_alnum(line.data[end]) || strchr("-_.,~*", line.data[end])))
        end++;
    struct slice rest = slice_from(line, end);
    return slice_starts(rest, SLICE("$$")) || slice_starts(rest, SLICE("$@$"));
}

/* "##", "#@#", "#?#", "#$#", "#%#", "#$?#" and so on behind a list of domains. */
static bool is_cosmetic(struct slice line)
{
    for (size_t i = slice_find(line, '#'); i + 1 < line.size; i++) {
        size_t end = i + 1;
        if (line.data[i] != '#')
            continue;
        while (end < line.size && strchr("@?$%", line.data[end]))
            end++;
        if (end == line.size || line.data[end] != '#')
            continue;
        bool is_path = i > 0 && line.data[i - 1] == '/' && line.data[0] != '/';
        bool is_extended = line.data[0] == '[' || line.data[0] == '/';
        struct slice domains = slice_until(line, i);
        if (is_extended)
            return true;
        return !is_path && !slice_has(domains, '/') && !slice_has(domains, '|') &&
               !slice_has(domains, '"') && !slice_has(domains, '!');
    }
    return is_html_rule(line);
}

static bool is_comment(struct slice line)
{
    if (line.data[0] == '!')
        return true;
    if (line.data[0] == '[') /* "[Adblock Plus 2.0]", not an address */
        return line.data[line.size - 1] == ']' &&
               !list_names_is_address((struct slice){line.data + 1, line.size - 2});
    return line.data[0] == '#' && (line.size < 2 || !strchr("#@?$%", line.data[1]));
}

/* Where the $ of the modifiers is; the slice's size if there are none. */
static size_t find_options(struct slice body)
{
    for (size_t at = slice_find(body, '$'); at < body.size; at++) {
        if (body.data[at] != '$' || (at > 0 && body.data[at - 1] == '\\'))
            continue;
        if (at + 1 < body.size && rule_options_is_list(slice_from(body, at + 1)))
            return at;
    }
    return body.size;
}

static bool is_regex(struct slice pattern)
{
    return pattern.size > 2 && pattern.data[0] == '/' && slice_ends(pattern, SLICE("/"));
}

/* The name in "||name^"; size 0 for any other pattern. */
static struct slice anchored_name(struct slice pattern)
{
    struct slice none = {pattern.data, 0};
    if (pattern.size < 4 || !slice_starts(pattern, SLICE("||")) || !slice_ends(pattern, SLICE("^")))
        return none;
    struct slice name = {pattern.data + 2, pattern.size - 3};
    bool is_label_start = true;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool is_dot = c == '.';
        if (is_dot ? is_label_start : !char_is_alnum(c) && c != '-' && c != '_' && !(c & 0x80))
            return none;
        is_label_start = is_dot;
    }
    return is_label_start ? none : name;
}

/* Every name has less than that in it, and nothing about who asks, or for what, narrows it. */
static bool is_too_wide_for_names(const struct rule *rule)
{
    bool is_narrowed = false;
    for (size_t i = 0; i < RULE_ANSWER; i++)
        is_narrowed |= rule->values[i].data != NULL;
    return rule->subject.size < PATTERN_MIN && !is_narrowed;
}

static size_t count_literals(struct slice pattern)
{
    size_t count = 0;
    for (size_t i = 0; i < pattern.size; i++)
        count += !strchr("*^|", pattern.data[i]);
    return count;
}

static bool has_alnum(struct slice pattern)
{
    for (size_t i = 0; i < pattern.size; i++)
        if (char_is_alnum(pattern.data[i]))
            return true;
    return false;
}

/* Frees every page of whatever else is in the list: nobody means that. */
static bool frees_all_pages(const struct rule *rule)
{
    uint32_t parties = RULE_FIRST_PARTY | RULE_THIRD_PARTY | RULE_STRICT_FIRST | RULE_STRICT_THIRD;
    bool is_narrowed = rule->methods != 0 || (rule->flags & parties);
    for (size_t i = 0; i < RULE_ANSWER; i++)
        is_narrowed |= rule->values[i].data != NULL;
    return (rule->flags & (RULE_PAGE | RULE_GENERIC_OFF)) && !is_narrowed &&
           count_literals(rule->subject) < LITERALS_MIN;
}

/* A few bytes that stand in nearly every URL. With modifiers, or much else, the author meant it. */
static bool is_too_wide_for_urls(const struct rule *rule)
{
    struct slice pattern = rule->subject;
    if (frees_all_pages(rule))
        return true;
    if (rule->suffix.size > 0 || pattern.size >= URL_PATTERN_MIN)
        return false;
    return !slice_has(pattern, '*') ||
           (!has_alnum(pattern) && count_literals(pattern) < LITERALS_MIN);
}

/* A pattern with letters beyond ASCII in its host: spell the host as URLs do. */
static bool spell_host(struct slice *pattern, char to[PATTERN_MAX])
{
    size_t start = slice_starts(*pattern, SLICE("||")) ? 2 : 0, end = start;
    if (pattern->size >= PATTERN_MAX / 8)
        return false;
    while (end < pattern->size && !strchr("/^*?:|", pattern->data[end]))
        end++;
    memcpy(to, pattern->data, start);
    ssize_t size = punycode_name(pattern->data + start, end - start, to + start,
                                 PATTERN_MAX - start - (pattern->size - end));
    if (size < 0)
        return false;
    memcpy(to + start + size, pattern->data + end, pattern->size - end);
    *pattern = (struct slice){to, start + (size_t)size + pattern->size - end};
    return true;
}

static bool has_unicode(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] & 0x80)
            return true;
    return false;
}

static void emit_mask(struct rule *rule, struct rule_sink *sink)
{
    char spelled[PATTERN_MAX];
    rule->kind = RULE_MASK;
    if (has_unicode(rule->subject) && !spell_host(&rule->subject, spelled))
        return sink->on_dropped(sink, "a name that is not UTF-8");
    sink->on_rule(sink, rule);
}

/* Take from a rule the questions that it is no answer to. */
static void narrow_use(struct rule *rule)
{
    bool is_mask = !is_regex(rule->subject);
    if (is_too_wide_for_urls(rule))
        rule->flags &= ~(uint32_t)RULE_FOR_REQUESTS;
    if (is_mask && is_too_wide_for_names(rule))
        rule->flags &= ~(uint32_t)RULE_FOR_NAMES;
}

static void emit_pattern(struct rule *rule, struct rule_sink *sink)
{
    struct slice name = anchored_name(rule->subject);
    /* exceptions of a page are asked with the page's URL, not with a name */
    if (rule->flags & (RULE_PAGE | RULE_GENERIC_OFF))
        name.size = 0;
    if (name.size == 0)
        narrow_use(rule);
    if (!(rule->flags & (RULE_FOR_NAMES | RULE_FOR_REQUESTS)))
        return sink->on_dropped(sink, "a pattern that matches nearly everything");
    if (is_regex(rule->subject)) {
        rule->kind = RULE_REGEX;
    } else if (name.size > 0) {
        rule->kind = RULE_NAME;
        rule->scope = RULE_TREE;
        rule->prefix = (struct slice){rule->prefix.data, rule->prefix.size + 2};
        rule->suffix = (struct slice){rule->suffix.data - 1, rule->suffix.size + 1};
        rule->subject = name;
    } else {
        return emit_mask(rule, sink);
    }
    sink->on_rule(sink, rule);
}

/* What AdGuard's DNS filters take for a name: its last label of letters, or spelled in ASCII, and
 * no dot behind. */
static bool is_bare_name(struct slice word)
{
    size_t top = word.size;
    bool is_spelled = false, is_letters = true;
    while (top > 0 && word.data[top - 1] != '.')
        top--;
    struct slice last = slice_from(word, top);
    is_spelled =
        last.size >= PUNYCODE_MIN && slice_equals_fold(slice_until(last, 4), SLICE("xn--"));
    for (size_t i = 0; i < last.size; i++) {
        char c = last.data[i];
        is_letters &= (char_is_alnum(c) && !char_is_digit(c)) || (c & 0x80);
    }
    if (last.size < 2 || !(is_spelled || is_letters) || slice_has(word, '_'))
        return false;
    return top == 0 ? is_letters : list_names_is_name(word);
}

/* Names alone: only itself as a name, as AdGuard's DNS filters read it; a piece of an URL as
 * request. */
static void emit_bare_name(struct rule *rule, struct rule_sink *sink)
{
    struct rule of_name = *rule;
    of_name.kind = RULE_NAME;
    of_name.scope = RULE_EXACT;
    of_name.flags = RULE_FOR_NAMES | RULE_HOSTS;
    of_name.values[RULE_ANSWER] = SLICE("0.0.0.0");
    sink->on_rule(sink, &of_name);
    rule->flags = RULE_FOR_REQUESTS;
    if (!is_too_wide_for_urls(rule))
        emit_mask(rule, sink);
}

/* "name$badfilter": takes the line "name" out, so far as it speaks of requests. */
static void emit_bare_badfilter(struct rule *rule, struct rule_sink *sink)
{
    rule->flags = RULE_FOR_REQUESTS | RULE_BADFILTER;
    emit_mask(rule, sink);
}

static void read_rule(struct slice line, struct rule_sink *sink)
{
    bool is_exception = slice_starts(line, SLICE("@@"));
    struct slice body = slice_from(line, is_exception ? 2 : 0);
    size_t end = is_regex(body) && !slice_has(body, '$') ? body.size : find_options(body);
    struct rule rule = {
        .subject = slice_trim(slice_until(body, end)),
        .prefix = slice_until(line, is_exception ? 2 : 0),
        .suffix = slice_from(body, end),
        .flags = is_exception ? RULE_EXCEPTION : 0,
        .types = TYPES_ANY,
    };
    const char *reason = NULL;
    struct slice options = slice_from(body, end < body.size ? end + 1 : end);
    if (body.size == 0 || (end == body.size && slice_ends(body, SLICE("$"))))
        return sink->on_dropped(sink, "nothing to match");
    switch (rule_options_read(options, &rule, &reason)) {
    case RULE_OPTIONS_OK: break;
    case RULE_OPTIONS_IGNORED: return sink->on_cosmetic(sink);
    case RULE_OPTIONS_DROPPED: return sink->on_dropped(sink, reason);
    }
    bool is_name = !is_exception && is_bare_name(rule.subject);
    if (is_name && options.size == 0)
        emit_bare_name(&rule, sink);
    else if (is_name && slice_equals(options, SLICE("badfilter")))
        emit_bare_badfilter(&rule, sink);
    else
        emit_pattern(&rule, sink);
}

/* "example.com # why", in lists that mix names and rules. */
static struct slice without_remark(struct slice line)
{
    size_t at = slice_find(line, '#');
    if (at == 0 || at >= line.size || (line.data[at - 1] != ' ' && line.data[at - 1] != '\t'))
        return line;
    struct slice name = slice_trim(slice_until(line, at));
    return list_names_is_name(name) ? name : line;
}

static bool is_hosts_line(struct slice line)
{
    struct slice rest = line, address, name;
    return slice_word(&rest, &address) && list_names_is_address(address) &&
           slice_word(&rest, &name) && name.data[0] != '#';
}

void adblock_rule_line(struct adblock_list *list, struct slice line, struct rule_sink *sink)
{
    if (slice_starts(line, SLICE("!#")))
        return read_directive(list, line);
    if (line.size == 0 || list->is_off[list->depth] || is_comment(line))
        return;
    if (is_cosmetic(line))
        return sink->on_cosmetic(sink);
    if (is_hosts_line(line))
        return list_names_hosts(line, sink);
    read_rule(without_remark(line), sink);
}
