/* Numbers of a verdict as text. */
#include "adblock/filter_state.h"

#include <stdio.h>

/* The last `labels` labels of `host`. */
static const char *tail(const char *host, unsigned labels)
{
    const char *at = host + strlen(host);
    while (at > host && labels > 0) {
        at--;
        while (at > host && at[-1] != '.')
            at--;
        if (--labels > 0 && at > host)
            at--;
    }
    return at;
}

static void describe_name(const struct filter *filter, const struct verdict *verdict,
                          const char *host, char *ret, size_t capacity)
{
    const struct image_class *class =
        image_class(&filter->image, hostset_value(&filter->names, verdict->rule));
    if (!class)
        return;
    snprintf(ret, capacity, "%s%s%s", image_string(&filter->image, class->prefix),
             tail(host, verdict->labels), image_string(&filter->image, class->suffix));
}

void filter_describe(const struct filter *filter, const struct verdict *verdict, const char *host,
                     char *ret_list, size_t list_capacity, char *ret_rule, size_t rule_capacity)
{
    const struct image_list *lists = filter->image.sections[IMAGE_LISTS].data;
    if (list_capacity > 0)
        ret_list[0] = '\0';
    if (rule_capacity > 0)
        ret_rule[0] = '\0';
    if (verdict->action != VERDICT_NONE && verdict->list == OWN_NAMES_LIST) {
        snprintf(ret_list, list_capacity, "%s", FILTER_OWN_LIST);
        own_names_describe(filter->own, verdict->rule, ret_rule, rule_capacity);
        return;
    }
    if (verdict->action == VERDICT_NONE ||
        verdict->list >= filter->image.sections[IMAGE_LISTS].count)
        return;
    snprintf(ret_list, list_capacity, "%s",
             image_string(&filter->image, lists[verdict->list].name));
    uint32_t rule = verdict->rule & ~FILTER_RULE_BIT;
    if (rule != verdict->rule && rule < filter->rules.count)
        snprintf(ret_rule, rule_capacity, "%s",
                 image_string(&filter->image, filter->rules.rules[rule].text));
    else if (rule == verdict->rule && rule < filter->names.count)
        describe_name(filter, verdict, host, ret_rule, rule_capacity);
}
