/* A question about a name: every rule that speaks of it is weighed, the heaviest decides. */
#include "adblock/filter_ask.h"

#include "adblock/address_prefix.h"
#include "adblock/token.h"

enum { TYPE_NONE = 0 };

static const char scheme[] = "http://";
enum { SCHEME_BYTES = sizeof(scheme) - 1 };

static const void *condition(const struct asking *asking, const struct image_traits *traits,
                             enum rule_condition which)
{
    uint32_t at = traits->conditions[which];
    return at ? image_condition(&asking->filter->image, at) : NULL;
}

/* Addresses come from answers: no list of zones is about them, nor is "all but these zones". */
static bool is_denied(struct asking *asking, const void *deny)
{
    struct address address;
    return address_parse_ip(asking->name->host, &address) == 0 || site_meets(&asking->site, deny);
}

static bool is_met(struct asking *asking, const struct image_traits *traits)
{
    const struct filter_name *name = asking->name;
    const void *deny = condition(asking, traits, RULE_DENYALLOW);
    const void *type = condition(asking, traits, RULE_DNSTYPE);
    const void *client = condition(asking, traits, RULE_CLIENT);
    const void *tag = condition(asking, traits, RULE_CTAG);
    if (!(traits->flags & RULE_FOR_NAMES))
        return false;
    return !(deny && is_denied(asking, deny)) &&
           !(type && !condition_has_type(type, name->qtype)) &&
           !(client && !condition_has_client(&asking->filter->image, client, name)) &&
           !(tag && !condition_has_tag(&asking->filter->image, tag, name->client_tags));
}

/* Without a question of DNS there is nothing to answer: an answer that denies the name blocks. */
static enum verdict_action action_of_answer(const struct asking *asking,
                                            const struct image_traits *traits)
{
    const struct condition_answer *answer = condition(asking, traits, RULE_ANSWER);
    bool is_hosts = traits->flags & RULE_HOSTS, is_dns = asking->name->qtype != TYPE_NONE;
    if (!answer)
        return VERDICT_BLOCK;
    if (answer->kind == FILTER_ANSWER_RECORD && condition_answer_is_null(answer) &&
        !(traits->flags & RULE_DNSREWRITE))
        return is_hosts ? VERDICT_HOST : VERDICT_BLOCK;
    if (!is_dns && (answer->kind == FILTER_ANSWER_RCODE || answer->kind == FILTER_ANSWER_DROP))
        return VERDICT_BLOCK;
    return is_hosts && is_dns ? VERDICT_HOST : VERDICT_REWRITE;
}

static enum asking_weight weight_of(const struct image_traits *traits)
{
    bool is_important = traits->flags & RULE_IMPORTANT;
    if (traits->flags & RULE_EXCEPTION)
        return traits->flags & RULE_OWN ? ASKING_OWN_EXCEPTION
               : is_important           ? ASKING_IMPORTANT_EXCEPTION
                                        : ASKING_EXCEPTION;
    if (traits->flags & RULE_OWN)
        return ASKING_OWN_BLOCK;
    if (traits->flags & RULE_DNSREWRITE)
        return ASKING_ANSWER;
    if (is_important)
        return ASKING_IMPORTANT_BLOCK;
    return traits->flags & RULE_HOSTS ? ASKING_HOSTS : ASKING_BLOCK;
}

/* Of more than there is room for, the weighty ones stay. */
static struct asking_answer *place_for(struct asking *asking, enum asking_weight weight)
{
    if (asking->answer_count < FILTER_ANSWERS_MAX)
        return &asking->answers[asking->answer_count++];
    for (size_t i = 0; i < FILTER_ANSWERS_MAX; i++)
        if (asking->answers[i].weight < weight)
            return &asking->answers[i];
    return NULL;
}

static void keep_answer(struct asking *asking, const struct image_traits *traits,
                        const struct verdict *found, enum asking_weight weight)
{
    const struct condition_answer *answer = condition(asking, traits, RULE_ANSWER);
    struct asking_answer *place = answer ? place_for(asking, weight) : NULL;
    if (place)
        *place = (struct asking_answer){answer, *found, weight};
}

static void weigh(struct asking *asking, const struct image_traits *traits, struct verdict found)
{
    enum asking_weight weight = weight_of(traits);
    bool takes_back = (traits->flags & RULE_EXCEPTION) && (traits->flags & RULE_DNSREWRITE);
    found.action =
        traits->flags & RULE_EXCEPTION ? VERDICT_ALLOW : action_of_answer(asking, traits);
    if (asking->on_match)
        asking->on_match(asking->owner, &found);
    if (takes_back) {
        const struct condition_answer *back = condition(asking, traits, RULE_ANSWER);
        if (back && asking->back_count < FILTER_ANSWERS_MAX)
            asking->backs[asking->back_count++] = back;
        return;
    }
    keep_answer(asking, traits, &found, weight);
    if (weight == ASKING_ANSWER || weight <= asking->weight)
        return; /* answers are weighed when all that takes them back is known */
    asking->weight = weight;
    asking->verdict = found;
}

/* Of one zone only the longest owner name speaks: has that list spoken of a longer one? */
static bool is_outspoken(struct asking *asking, uint16_t list, size_t labels)
{
    for (size_t i = 0; i < asking->zone_count; i++)
        if (asking->zones[i].list == list)
            return asking->zones[i].labels > labels;
    if (asking->zone_count < ASKING_ZONES_MAX)
        asking->zones[asking->zone_count++] = (struct asking_zone){list, (uint16_t)labels};
    return false;
}

static void ask_names(struct asking *asking)
{
    const struct filter *filter = asking->filter;
    struct hostset_walk walks[NAME_LABELS_MAX];
    for (size_t i = 0; i < asking->site.count; i++)
        hostset_find(&filter->names, asking->site.suffixes[i].hash, &walks[i]);
    for (size_t i = asking->site.count; i-- > 0;) {
        uint32_t place;
        while (hostset_next(&filter->names, &walks[i], &place)) {
            const struct image_class *class =
                image_class(&filter->image, hostset_value(&filter->names, place));
            if (!filter_class_covers(class, i + 1 == asking->site.count))
                continue;
            const struct image_traits *traits = image_traits(&filter->image, class->traits);
            if (!is_met(asking, traits) ||
                ((traits->flags & RULE_MOST_SPECIFIC) && is_outspoken(asking, class->list, i + 1)))
                continue;
            weigh(asking, traits,
                  (struct verdict){.list = class->list, .rule = place, .labels = (uint8_t)(i + 1)});
        }
    }
}

/* "/ads.": the slash in front of a name, not one in a path. */
static bool is_slash_and_name(struct slice pattern)
{
    if (pattern.size < 4 || pattern.data[0] != '/' || !slice_ends(pattern, SLICE(".")))
        return false;
    for (size_t i = 1; i < pattern.size; i++)
        if (!char_is_alnum(pattern.data[i]) && pattern.data[i] != '.' && pattern.data[i] != '-')
            return false;
    return true;
}

/* Most patterns are matched with the name alone; those that begin with a scheme, or the end of one,
 * with a URL of it. */
static bool wants_scheme(const struct image_rule *rule, const char *text)
{
    struct slice pattern = {text, rule->pattern_size};
    return rule->kind == RULE_MASK && !(rule->anchors & PATTERN_START) &&
           (slice_starts(pattern, SLICE("http://")) || slice_starts(pattern, SLICE("https:/")) ||
            slice_starts(pattern, SLICE("://")) || is_slash_and_name(pattern));
}

/* "||example.com/", or that and a star: every URL of the name has that slash. */
static bool matches_root(struct asking *asking, const struct image_rule *rule,
                         struct pattern_subject subject, long at)
{
    struct slice pattern = {image_string(&asking->filter->image, rule->pattern),
                            rule->pattern_size};
    if (rule->kind != RULE_MASK || !(rule->anchors & (PATTERN_HOST | PATTERN_OPEN)) ||
        !slice_ends(pattern, SLICE("/")))
        return false;
    asking->url[subject.size++] = '/';
    bool found = filter_matches(asking->filter, rule, &subject, asking->url, at);
    asking->url[subject.size - 1] = '\0';
    return found;
}

/* A rule about the root of zones is a pattern: without a label, it speaks last. What RPZ says of
 * clients comes before all names. */
static bool is_outspoken_root(struct asking *asking, const struct image_rule *rule,
                              const struct image_traits *traits)
{
    return (traits->flags & RULE_MOST_SPECIFIC) && !traits->conditions[RULE_CLIENT] &&
           is_outspoken(asking, rule->list, 0);
}

static bool visit_rule(void *owner, uint32_t number, long at)
{
    struct asking *asking = owner;
    const struct filter *filter = asking->filter;
    const struct image_rule *rule = &filter->rules.rules[number];
    const struct image_traits *traits = image_traits(&filter->image, rule->traits);
    struct pattern_subject subject = {asking->url, asking->url_size, SCHEME_BYTES, SCHEME_BYTES,
                                      asking->url_size};
    if (wants_scheme(rule, image_string(&filter->image, rule->pattern)))
        subject.start = 0;
    if (is_met(asking, traits) && !is_outspoken_root(asking, rule, traits) &&
        (filter_matches(filter, rule, &subject, asking->url, at) ||
         matches_root(asking, rule, subject, at)))
        weigh(asking, traits,
              (struct verdict){.list = rule->list, .rule = number | FILTER_RULE_BIT});
    return false;
}

static void ask_rules(struct asking *asking)
{
    struct slice host = asking->site.host;
    if (asking->filter->rules.count == 0)
        return;
    memcpy(asking->url, scheme, SCHEME_BYTES);
    memcpy(asking->url + SCHEME_BYTES, host.data, host.size);
    asking->url_size = SCHEME_BYTES + host.size;
    memset(asking->url + asking->url_size, 0, TOKEN_PADDING);
    struct netset_query query = {
        .text = asking->url,
        .size = asking->url_size,
        .host = SCHEME_BYTES,
        .host_suffixes = asking->site.suffixes,
        .host_count = asking->site.count,
    };
    netset_visit(&asking->filter->rules, NETSET_NAMES, &query, visit_rule, asking);
}

static bool is_taken_back(const struct asking *asking, const struct asking_answer *answer)
{
    const struct image *image = &asking->filter->image;
    for (size_t i = 0; i < asking->back_count; i++) {
        const struct condition_answer *back = asking->backs[i], *given = answer->answer;
        if (back->kind == CONDITION_ANSWER_ANY)
            return true;
        if (back->kind == given->kind && back->rcode == given->rcode && back->type == given->type &&
            memcmp(back->ip, given->ip, sizeof(back->ip)) == 0 &&
            strcmp(image_string(image, back->text), image_string(image, given->text)) == 0)
            return true;
    }
    return false;
}

/* A name or a code stands alone; records may be several, and beat "no data". */
static int rank_of(const struct condition_answer *answer)
{
    if (answer->kind == FILTER_ANSWER_RECORD)
        return 1;
    return answer->kind == FILTER_ANSWER_RCODE && answer->rcode == 0 ? 0 : 2;
}

/* Which of the $dnsrewrite answers are left, and do they decide? */
static void settle_answers(struct asking *asking)
{
    const struct asking_answer *best = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < asking->answer_count; i++) {
        struct asking_answer *answer = &asking->answers[i];
        if (answer->weight == ASKING_ANSWER && is_taken_back(asking, answer))
            continue;
        asking->answers[kept++] = *answer;
    }
    asking->answer_count = kept;
    for (size_t i = 0; i < kept; i++)
        if (asking->answers[i].weight == ASKING_ANSWER &&
            (!best || rank_of(asking->answers[i].answer) > rank_of(best->answer)))
            best = &asking->answers[i];
    if (best && asking->weight < ASKING_ANSWER) {
        asking->weight = ASKING_ANSWER;
        asking->verdict = best->verdict;
    }
}

/* Nothing beats the user's own names: the rest is of interest only to an explanation. */
static bool is_settled_by_own_name(struct asking *asking)
{
    if (!own_names_find(asking->filter->own, &asking->site, &asking->verdict))
        return false;
    asking->weight = ASKING_OWN_NAME;
    if (asking->on_match)
        asking->on_match(asking->owner, &asking->verdict);
    return !asking->on_match;
}

void asking_run(struct asking *asking, const struct filter *filter, const struct filter_name *name)
{
    struct slice host = slice_of(name->host);
    asking->filter = filter;
    asking->name = name;
    asking->answer_count = asking->back_count = asking->zone_count = 0;
    asking->weight = ASKING_NOTHING;
    asking->verdict = (struct verdict){0};
    if (host.size > NAME_MAX_BYTES)
        host.size = 0; /* is no name */
    site_init(&asking->site, host, &filter->suffixes, filter->image.seed);
    for (size_t i = 0; i < asking->site.count; i++)
        hostset_prefetch(&filter->names, asking->site.suffixes[i].hash);
    if (is_settled_by_own_name(asking))
        return;
    ask_names(asking);
    ask_rules(asking);
    if (asking->answer_count > 0)
        settle_answers(asking);
}

void filter_ask_name(const struct filter *filter, const struct filter_name *name,
                     struct verdict *ret)
{
    struct asking asking;
    asking.on_match = NULL;
    asking_run(&asking, filter, name);
    *ret = asking.verdict;
}

void filter_explain_name(const struct filter *filter, const struct filter_name *name,
                         filter_match_fn *fn, void *owner)
{
    struct asking asking;
    asking.on_match = fn;
    asking.owner = owner;
    asking_run(&asking, filter, name);
}

static void take_prefix(const struct filter *filter, const struct address *address,
                        struct image_prefix prefix, struct verdict *ret)
{
    struct hostset_walk walk;
    uint32_t place;
    if (prefix.family != address->family)
        return;
    hostset_find(&filter->names, address_prefix_hash(address, prefix.bits, filter->image.seed),
                 &walk);
    while (hostset_next(&filter->names, &walk, &place)) {
        const struct image_class *class =
            image_class(&filter->image, hostset_value(&filter->names, place));
        if (!class)
            continue;
        const struct image_traits *traits = image_traits(&filter->image, class->traits);
        bool is_exception = traits->flags & RULE_EXCEPTION;
        if (ret->action == VERDICT_ALLOW || (ret->action == VERDICT_BLOCK && !is_exception))
            continue;
        *ret = (struct verdict){.action = is_exception ? VERDICT_ALLOW : VERDICT_BLOCK,
                                .list = class->list,
                                .rule = place};
    }
}

void filter_ask_address(const struct filter *filter, const struct address *address,
                        struct verdict *ret)
{
    char text[ADDRESS_TEXT_MAX];
    struct filter_name name = {.host = address_format_ip(address, text)};
    const struct image_prefix *prefixes = filter->image.sections[IMAGE_PREFIXES].data;
    struct verdict verdict;
    filter_ask_name(filter, &name, &verdict);
    for (size_t i = 0;
         verdict.action == VERDICT_NONE && i < filter->image.sections[IMAGE_PREFIXES].count; i++)
        take_prefix(filter, address, prefixes[i], &verdict);
    *ret = verdict;
}
