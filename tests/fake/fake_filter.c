#include "tests/fake/fake_filter.h"

#include <stdio.h>
#include <string.h>

void filter_ask_request(const struct filter *filter, const struct filter_request *request,
                        struct verdict *ret)
{
    struct filter *fake = (struct filter *)filter;
    fake->asked++;
    fake->type = request->type;
    snprintf(fake->url, sizeof(fake->url), "%.*s", (int)request->url_size, request->url);
    snprintf(fake->source_url, sizeof(fake->source_url), "%.*s", (int)request->source_url_size,
             request->source_url);
    *ret = (struct verdict){.action = VERDICT_NONE};
    for (int i = 0; i < 4; i++) {
        const char *word = filter->blocked[i];
        if (word && memmem(request->url, request->url_size, word, strlen(word)))
            *ret = (struct verdict){.action = VERDICT_BLOCK, .list = 0, .rule = (uint32_t)i};
    }
}

void filter_describe(const struct filter *filter, const struct verdict *verdict, const char *host,
                     char *ret_list, size_t list_capacity, char *ret_rule, size_t rule_capacity)
{
    (void)verdict, (void)host;
    snprintf(ret_list, list_capacity, "%s", filter->list);
    snprintf(ret_rule, rule_capacity, "%s", filter->rule);
}
