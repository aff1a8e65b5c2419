/* What DNS answers instead: the records of all rules that weigh as much as the deciding one. */
#include "adblock/filter_ask.h"

#include <stdio.h>

static struct filter_answer answer_of(const struct image *image,
                                      const struct condition_answer *stored)
{
    struct filter_answer answer = {
        .kind = (enum filter_answer_kind)stored->kind,
        .rcode = stored->rcode,
        .type = stored->type,
        .address = {.family = stored->family},
    };
    memcpy(answer.address.ip, stored->ip, sizeof(stored->ip));
    snprintf(answer.text, sizeof(answer.text), "%s", image_string(image, stored->text));
    return answer;
}

/* RPZ: "*.garden.example" stands for the asked name in front of that. */
static void expand_wildcard(struct filter_answer *answer, const char *host)
{
    char text[sizeof(answer->text)];
    if (answer->kind != FILTER_ANSWER_CNAME || strncmp(answer->text, "*.", 2) != 0)
        return;
    int size = snprintf(text, sizeof(text), "%s%s", host, answer->text + 1);
    if (size > 0 && (size_t)size < sizeof(text))
        memcpy(answer->text, text, (size_t)size + 1);
}

static bool is_same(const struct verdict *a, const struct verdict *b)
{
    return a->rule == b->rule && a->list == b->list;
}

size_t filter_answers(const struct filter *filter, const struct filter_name *name,
                      const struct verdict *verdict, struct filter_answer *ret, size_t max)
{
    struct asking asking;
    const struct asking_answer *deciding = NULL;
    size_t count = 0;
    asking.on_match = NULL;
    asking_run(&asking, filter, name);
    for (size_t i = 0; i < asking.answer_count; i++)
        if (is_same(&asking.answers[i].verdict, verdict))
            deciding = &asking.answers[i];
    if (!deciding || max == 0)
        return 0;
    if (deciding->answer->kind != FILTER_ANSWER_RECORD) {
        ret[0] = answer_of(&filter->image, deciding->answer);
        expand_wildcard(&ret[0], name->host);
        return 1;
    }
    for (size_t i = 0; i < asking.answer_count && count < max; i++)
        if (asking.answers[i].weight == deciding->weight &&
            asking.answers[i].answer->kind == FILTER_ANSWER_RECORD)
            ret[count++] = answer_of(&filter->image, asking.answers[i].answer);
    return count;
}
