/* A question about a name: every rule that names it or something above it is weighed, the heaviest
 * decides. */
#include "adblock/condition.h"
#include "adblock/filter_state.h"

/* Heavier beats lighter: an important exception, an important block, an answer of its own, an
 * exception, a block, a line of hosts. */
enum weight {
    WEIGHT_NONE,
    WEIGHT_HOSTS,
    WEIGHT_BLOCK,
    WEIGHT_EXCEPTION,
    WEIGHT_ANSWER,
    WEIGHT_IMPORTANT_BLOCK,
    WEIGHT_IMPORTANT_EXCEPTION,
};

struct asking {
    const struct filter *filter;
    const struct filter_name *name;
    struct condition_host host;
    filter_match_fn *on_match; /* explain */
    void *owner;
    enum weight weight;
    struct verdict verdict;
};

static bool is_met(const struct asking *asking, const struct image_traits *traits)
{
    const struct image *image = &asking->filter->image;
    const uint32_t *conditions = traits->conditions;
    const struct filter_name *name = asking->name;
    if (!(traits->flags & RULE_FOR_NAMES))
        return false;
    if (conditions[RULE_DENYALLOW] &&
        condition_has_host(image_condition(image, conditions[RULE_DENYALLOW]), &asking->host))
        return false;
    if (conditions[RULE_DNSTYPE] &&
        !condition_has_type(image_condition(image, conditions[RULE_DNSTYPE]), name->qtype))
        return false;
    if (conditions[RULE_CLIENT] &&
        !condition_has_client(image, image_condition(image, conditions[RULE_CLIENT]), name))
        return false;
    return !conditions[RULE_CTAG] ||
           condition_has_tag(image, image_condition(image, conditions[RULE_CTAG]),
                             name->client_tags);
}

static bool is_null_address(const struct condition_answer *answer)
{
    static const uint8_t zeros[16] = {0};
    return memcmp(answer->ip, zeros, sizeof(zeros)) == 0 || answer->ip[0] == 127;
}

static enum verdict_action action_of(const struct image *image, const struct image_traits *traits,
                                     enum weight *ret_weight)
{
    bool is_important = traits->flags & RULE_IMPORTANT;
    if (traits->flags & RULE_EXCEPTION) {
        *ret_weight = is_important ? WEIGHT_IMPORTANT_EXCEPTION : WEIGHT_EXCEPTION;
        return VERDICT_ALLOW;
    }
    if (traits->flags & RULE_HOSTS) {
        *ret_weight = is_important ? WEIGHT_IMPORTANT_BLOCK : WEIGHT_HOSTS;
        return VERDICT_HOST;
    }
    *ret_weight = is_important ? WEIGHT_IMPORTANT_BLOCK : WEIGHT_BLOCK;
    if (!traits->conditions[RULE_ANSWER])
        return VERDICT_BLOCK;
    const struct condition_answer *answer =
        condition_answer(image_condition(image, traits->conditions[RULE_ANSWER]));
    if (answer->kind == FILTER_ANSWER_RECORD && is_null_address(answer))
        return VERDICT_BLOCK;
    return VERDICT_REWRITE;
}

static void weigh(struct asking *asking, const struct image_traits *traits, struct verdict *found)
{
    enum weight weight;
    found->action = action_of(&asking->filter->image, traits, &weight);
    if (asking->on_match)
        asking->on_match(asking->owner, found);
    if (weight <= asking->weight)
        return;
    asking->weight = weight;
    asking->verdict = *found;
}

static bool is_in_scope(const struct image_class *class, bool is_whole_name)
{
    return class->scope == RULE_TREE || (class->scope == RULE_EXACT) == is_whole_name;
}

static void ask_names(struct asking *asking)
{
    const struct filter *filter = asking->filter;
    for (size_t i = asking->host.suffix_count; i-- > 0;) {
        struct hostset_walk walk;
        uint32_t place;
        hostset_find(&filter->names, asking->host.suffixes[i].hash, &walk);
        while (hostset_next(&filter->names, &walk, &place)) {
            const struct image_class *class =
                image_class(&filter->image, hostset_value(&filter->names, place));
            const struct image_traits *traits = image_traits(&filter->image, class->traits);
            if (!is_in_scope(class, i + 1 == asking->host.suffix_count) || !is_met(asking, traits))
                continue;
            struct verdict found = {.list = class->list, .rule = place, .labels = (uint8_t)(i + 1)};
            weigh(asking, traits, &found);
        }
    }
}

static void ask(struct asking *asking)
{
    struct name_suffix suffixes[NAME_LABELS_MAX];
    const char *host = asking->name->host;
    asking->host.suffixes = suffixes;
    asking->host.suffix_count =
        name_hash_suffixes(host, strlen(host), asking->filter->image.seed, suffixes);
    for (size_t i = 0; i < asking->host.suffix_count; i++)
        hostset_prefetch(&asking->filter->names, suffixes[i].hash);
    ask_names(asking);
}

void filter_ask_name(const struct filter *filter, const struct filter_name *name,
                     struct verdict *ret)
{
    struct asking asking = {.filter = filter, .name = name};
    ask(&asking);
    *ret = asking.verdict;
}

void filter_explain_name(const struct filter *filter, const struct filter_name *name,
                         filter_match_fn *fn, void *owner)
{
    struct asking asking = {.filter = filter, .name = name, .on_match = fn, .owner = owner};
    ask(&asking);
}
