/* One table of all modifiers. What a modifier that is missing here means, nobody knows: its rule is
 * dropped, since without it the rule would match more than its author meant. */
#include "adblock/rule_option.h"

#include "adblock/filter.h"

enum effect {
    NOTHING,
    TYPE,      /* value: bits of enum filter_type */
    FLAG,      /* value: enum rule_flag; opposite: the flag when negated, 0 for none */
    CONDITION, /* value: enum rule_condition */
    METHOD,
    DOCUMENT,
    EVERYTHING, /* $all */
    BLOCKS,     /* changes what the client gets instead: still a block */
    REPLACES,   /* the same, and the value says by what */
    OTHERWISE,  /* neither blocks nor allows */
    PAGE_LOOKS, /* exceptions about cosmetics and scripts */
    UNDECIDABLE,
};

struct option {
    struct slice name;
    enum effect effect;
    uint32_t value, opposite;
};

#define BIT(type) (1U << FILTER_TYPE_##type)

static const struct option table[] = {
    {SLICE("third-party"), FLAG, RULE_THIRD_PARTY, RULE_FIRST_PARTY},
    {SLICE("3p"), FLAG, RULE_THIRD_PARTY, RULE_FIRST_PARTY},
    {SLICE("first-party"), FLAG, RULE_FIRST_PARTY, RULE_THIRD_PARTY},
    {SLICE("1p"), FLAG, RULE_FIRST_PARTY, RULE_THIRD_PARTY},
    {SLICE("popup"), TYPE, BIT(DOCUMENT), 0},
    {SLICE("domain"), CONDITION, RULE_DOMAIN, 0},
    {SLICE("script"), TYPE, BIT(SCRIPT), 0},
    {SLICE("image"), TYPE, BIT(IMAGE), 0},
    {SLICE("xmlhttprequest"), TYPE, BIT(XMLHTTPREQUEST), 0},
    {SLICE("xhr"), TYPE, BIT(XMLHTTPREQUEST), 0},
    {SLICE("document"), DOCUMENT, 0, 0},
    {SLICE("doc"), DOCUMENT, 0, 0},
    {SLICE("subdocument"), TYPE, BIT(SUBDOCUMENT), 0},
    {SLICE("frame"), TYPE, BIT(SUBDOCUMENT), 0},
    {SLICE("stylesheet"), TYPE, BIT(STYLESHEET), 0},
    {SLICE("css"), TYPE, BIT(STYLESHEET), 0},
    {SLICE("important"), FLAG, RULE_IMPORTANT, 0},
    {SLICE("badfilter"), FLAG, RULE_BADFILTER, 0},
    {SLICE("match-case"), FLAG, RULE_MATCH_CASE, 0},
    {SLICE("strict1p"), FLAG, RULE_STRICT_FIRST, 0},
    {SLICE("strict3p"), FLAG, RULE_STRICT_THIRD, 0},
    {SLICE("strict-first-party"), FLAG, RULE_STRICT_FIRST, 0},
    {SLICE("strict-third-party"), FLAG, RULE_STRICT_THIRD, 0},
    {SLICE("from"), CONDITION, RULE_DOMAIN, 0},
    {SLICE("to"), CONDITION, RULE_TO, 0},
    {SLICE("denyallow"), CONDITION, RULE_DENYALLOW, 0},
    {SLICE("method"), METHOD, 0, 0},
    {SLICE("font"), TYPE, BIT(FONT), 0},
    {SLICE("media"), TYPE, BIT(MEDIA), 0},
    {SLICE("websocket"), TYPE, BIT(WEBSOCKET), 0},
    {SLICE("ping"), TYPE, BIT(PING), 0},
    {SLICE("beacon"), TYPE, BIT(PING), 0},
    {SLICE("object"), TYPE, BIT(OBJECT), 0},
    {SLICE("object-subrequest"), TYPE, BIT(OBJECT), 0},
    {SLICE("other"), TYPE, BIT(OTHER), 0},
    {SLICE("popunder"), TYPE, BIT(DOCUMENT), 0},
    {SLICE("background"), TYPE, BIT(IMAGE), 0},
    {SLICE("all"), EVERYTHING, 0, 0},
    {SLICE("genericblock"), FLAG, RULE_GENERIC_OFF, 0},
    {SLICE("urlblock"), FLAG, RULE_PAGE, 0},
    {SLICE("client"), CONDITION, RULE_CLIENT, 0},
    {SLICE("ctag"), CONDITION, RULE_CTAG, 0},
    {SLICE("dnstype"), CONDITION, RULE_DNSTYPE, 0},
    {SLICE("dnsrewrite"), CONDITION, RULE_ANSWER, 0},
    {SLICE("redirect"), REPLACES, 0, 0},
    {SLICE("rewrite"), REPLACES, 0, 0},
    {SLICE("empty"), BLOCKS, 0, 0},
    {SLICE("mp4"), BLOCKS, BIT(MEDIA), 0},
    {SLICE("redirect-rule"), OTHERWISE, 0, 0},
    {SLICE("csp"), OTHERWISE, 0, 0},
    {SLICE("permissions"), OTHERWISE, 0, 0},
    {SLICE("removeparam"), OTHERWISE, 0, 0},
    {SLICE("queryprune"), OTHERWISE, 0, 0},
    {SLICE("removeheader"), OTHERWISE, 0, 0},
    {SLICE("addheader"), OTHERWISE, 0, 0},
    {SLICE("replace"), OTHERWISE, 0, 0},
    {SLICE("cookie"), OTHERWISE, 0, 0},
    {SLICE("hls"), OTHERWISE, 0, 0},
    {SLICE("jsonprune"), OTHERWISE, 0, 0},
    {SLICE("xmlprune"), OTHERWISE, 0, 0},
    {SLICE("referrerpolicy"), OTHERWISE, 0, 0},
    {SLICE("urltransform"), OTHERWISE, 0, 0},
    {SLICE("uritransform"), OTHERWISE, 0, 0},
    {SLICE("urlskip"), OTHERWISE, 0, 0},
    {SLICE("inline-script"), OTHERWISE, 0, 0},
    {SLICE("inline-font"), OTHERWISE, 0, 0},
    {SLICE("cname"), OTHERWISE, 0, 0},
    {SLICE("generichide"), PAGE_LOOKS, 0, 0},
    {SLICE("ghide"), PAGE_LOOKS, 0, 0},
    {SLICE("elemhide"), PAGE_LOOKS, 0, 0},
    {SLICE("ehide"), PAGE_LOOKS, 0, 0},
    {SLICE("specifichide"), PAGE_LOOKS, 0, 0},
    {SLICE("shide"), PAGE_LOOKS, 0, 0},
    {SLICE("jsinject"), PAGE_LOOKS, 0, 0},
    {SLICE("content"), PAGE_LOOKS, 0, 0},
    {SLICE("extension"), PAGE_LOOKS, 0, 0},
    {SLICE("stealth"), PAGE_LOOKS, 0, 0},
    {SLICE("reason"), NOTHING, 0, 0},
    {SLICE("header"), UNDECIDABLE, 0, 0},
    {SLICE("responseheader"), UNDECIDABLE, 0, 0},
    {SLICE("requestheader"), UNDECIDABLE, 0, 0},
    {SLICE("ipaddress"), UNDECIDABLE, 0, 0},
    {SLICE("sitekey"), UNDECIDABLE, 0, 0},
    {SLICE("webrtc"), UNDECIDABLE, 0, 0},
    {SLICE("app"), UNDECIDABLE, 0, 0},
    {SLICE("network"), UNDECIDABLE, 0, 0},
    {SLICE("top"), UNDECIDABLE, 0, 0},
};

static const struct slice methods[] = {
    SLICE("get"),     SLICE("post"),    SLICE("head"),  SLICE("put"),   SLICE("delete"),
    SLICE("connect"), SLICE("options"), SLICE("patch"), SLICE("trace"),
};
enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

/* What the modifiers say until all are read. */
struct reading {
    struct rule *rule;
    uint32_t types, types_not;
    bool is_about_names, is_ignored, is_looks, has_scope, is_all, is_document;
};

uint16_t rule_method_bit(struct slice method)
{
    for (size_t i = 0; i < METHODS; i++)
        if (slice_equals_fold(method, methods[i]))
            return (uint16_t)(1U << i);
    return (uint16_t)(1U << METHODS);
}

/* In small letters only, as uBlock Origin and AdGuard have them. */
static const struct option *find(struct slice name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (slice_equals(table[i].name, name))
            return &table[i];
    return NULL;
}

static const char *read_methods(struct slice value, struct rule *rule)
{
    struct slice method;
    uint32_t positive = 0, negative = 0;
    if (value.size == 0)
        return "a modifier without a value";
    while (slice_next(&value, '|', &method)) {
        bool is_not = slice_starts(method, SLICE("~"));
        uint16_t bit = rule_method_bit(slice_from(method, is_not));
        if (bit == 1U << METHODS)
            return "an unknown method";
        *(is_not ? &negative : &positive) |= bit;
    }
    rule->methods = (uint16_t)(positive ? positive & ~negative : ~negative);
    return NULL;
}

/* $document: a block of pages; in an exception everything that a page asks for. */
static void take_document(struct reading *reading, bool is_not)
{
    *(is_not ? &reading->types_not : &reading->types) |= BIT(DOCUMENT);
    reading->is_document = !is_not;
    if ((reading->rule->flags & RULE_EXCEPTION) && !is_not)
        reading->rule->flags |= RULE_PAGE;
}

static const char *take_flag(const struct option *option, bool is_not, struct reading *reading)
{
    uint32_t flag = is_not ? option->opposite : option->value;
    bool is_for_exceptions = flag & (RULE_PAGE | RULE_GENERIC_OFF);
    if (flag == 0)
        return "a modifier that cannot be negated";
    if (is_for_exceptions && !(reading->rule->flags & RULE_EXCEPTION))
        return "a modifier of exceptions only";
    reading->rule->flags |= flag;
    if (is_for_exceptions)
        reading->types |= BIT(DOCUMENT);
    if (!(flag & (RULE_IMPORTANT | RULE_BADFILTER)))
        reading->has_scope = true;
    return NULL;
}

static void take_block(const struct option *option, struct reading *reading)
{
    reading->types |= option->value;
    reading->has_scope = true;
    reading->is_ignored |= (reading->rule->flags & RULE_EXCEPTION) != 0;
}

static const char *take_condition(const struct option *option, struct slice value,
                                  struct reading *reading)
{
    bool may_be_empty = option->value == RULE_ANSWER;
    if (value.size == 0 && !may_be_empty)
        return "a modifier without a value";
    if (reading->rule->values[option->value].data)
        return "a modifier given twice";
    reading->rule->values[option->value] = value.data ? value : SLICE("");
    if (option->value == RULE_DOMAIN || option->value == RULE_TO)
        reading->has_scope = true;
    else if (option->value != RULE_DENYALLOW)
        reading->is_about_names = true;
    if (option->value == RULE_ANSWER)
        reading->rule->flags |= RULE_DNSREWRITE;
    return NULL;
}

static const char *take(const struct option *option, bool is_not, struct slice value,
                        struct reading *reading)
{
    bool is_exception = reading->rule->flags & RULE_EXCEPTION;
    bool is_bare = option->effect == TYPE || option->effect == FLAG || option->effect == DOCUMENT;
    if (is_not && !is_bare)
        return "a modifier that cannot be negated";
    if (value.data && is_bare)
        return "a modifier that takes no value";
    switch (option->effect) {
    case NOTHING: break;
    case TYPE: *(is_not ? &reading->types_not : &reading->types) |= option->value; break;
    case FLAG: return take_flag(option, is_not, reading);
    case CONDITION: return take_condition(option, value, reading);
    case METHOD: reading->has_scope = true; return read_methods(value, reading->rule);
    case DOCUMENT: take_document(reading, is_not); break;
    case EVERYTHING:
        if (is_exception)
            return "a modifier of blocks only";
        reading->is_all = true;
        break;
    case REPLACES:
        if (value.size == 0 && !is_exception)
            return "a modifier without a value";
        take_block(option, reading);
        break;
    case BLOCKS: take_block(option, reading); break;
    case OTHERWISE: reading->is_ignored = true; break;
    case PAGE_LOOKS: reading->is_looks = true; break;
    case UNDECIDABLE: return "a modifier about what a proxy does not see";
    }
    return NULL;
}

/* Cut at commas that no backslash, quotes or regular expression hide. */
static bool next_option(struct slice *rest, struct slice *ret)
{
    char quote = '\0';
    if (!rest->data)
        return false;
    for (size_t i = 0; i < rest->size; i++) {
        char c = rest->data[i];
        bool may_open = i > 0 && (rest->data[i - 1] == '=' || rest->data[i - 1] == '|');
        if (c == '\\') {
            i++;
        } else if (quote) {
            if (c == quote)
                quote = '\0';
        } else if (may_open && (c == '\'' || c == '"' || c == '/')) {
            if (slice_has(slice_from(*rest, i + 1), c))
                quote = c;
        } else if (c == ',') {
            *ret = slice_until(*rest, i);
            *rest = slice_from(*rest, i + 1);
            return true;
        }
    }
    *ret = *rest;
    *rest = (struct slice){NULL, 0};
    return true;
}

static bool is_noop(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] != '_')
            return false;
    return name.size > 0;
}

/* The types that the modifiers leave, and which of the two questions the rule answers. */
static const char *settle(struct reading *reading)
{
    struct rule *rule = reading->rule;
    uint32_t all = BIT(OBJECT) | (BIT(OBJECT) - 1), types = reading->types;
    if (reading->is_all || types == 0)
        types = all;
    types &= ~reading->types_not;
    rule->types = (uint16_t)types;
    bool has_types = (reading->types || reading->types_not) && !reading->is_all;
    /* "All but these": over names a plain way to speak; over URLs only together with a page. */
    bool is_about_all = rule->values[RULE_DENYALLOW].data && !rule->values[RULE_DOMAIN].data;
    bool is_for_requests = !reading->is_about_names && !is_about_all;
    /* Who is not to see a site's pages has no use for its name; of most conversations a proxy sees
     * no more than that. */
    bool is_site =
        reading->is_document && types == BIT(DOCUMENT) && !(rule->flags & RULE_EXCEPTION);
    bool is_for_names = (!has_types || is_site) && !reading->has_scope;
    if (!is_for_requests && !is_for_names)
        return is_about_all ? "$denyallow of requests without $domain"
                            : "modifiers of requests and of names together";
    rule->flags |= (is_for_requests ? RULE_FOR_REQUESTS : 0) | (is_for_names ? RULE_FOR_NAMES : 0);
    return NULL;
}

enum rule_options_result rule_options_read(struct slice options, struct rule *rule,
                                           const char **ret_reason)
{
    struct reading reading = {.rule = rule};
    struct slice rest = options, part;
    const char *reason = NULL;
    while (!reason && options.size > 0 && next_option(&rest, &part)) {
        part = slice_trim(part);
        bool is_not = slice_starts(part, SLICE("~"));
        struct slice name = slice_from(part, is_not), value = {NULL, 0};
        size_t equals = slice_find(name, '=');
        if (equals < name.size) {
            value = slice_from(name, equals + 1);
            name = slice_until(name, equals);
        }
        const struct option *option = find(name);
        if (option)
            reason = take(option, is_not, value, &reading);
        else if (!is_noop(name))
            reason = "an unknown modifier";
    }
    if (!reason)
        reason = settle(&reading);
    if (reason) {
        *ret_reason = reason;
        return RULE_OPTIONS_DROPPED;
    }
    bool is_only_looks = reading.is_looks && !(rule->flags & (RULE_PAGE | RULE_GENERIC_OFF));
    return reading.is_ignored || is_only_looks ? RULE_OPTIONS_IGNORED : RULE_OPTIONS_OK;
}

bool rule_options_is_list(struct slice options)
{
    struct slice rest = options, part;
    while (next_option(&rest, &part)) {
        part = slice_trim(part);
        size_t at = slice_starts(part, SLICE("~")), start = at;
        while (at < part.size &&
               (char_is_alnum(part.data[at]) || part.data[at] == '-' || part.data[at] == '_'))
            at++;
        if (at == start || (at < part.size && part.data[at] != '='))
            return false;
    }
    return true;
}
