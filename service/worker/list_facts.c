#include "service/worker/list_facts.h"

#include "service/worker/facts.h"

struct teller {
    control_list_fn *tell;
    void *to;
};

static bool tell_list(void *owner, const struct engine_list *list)
{
    const struct teller *teller = owner;
    const struct control_list told = {
        .name = list->name,
        .category = list->category,
        .format = list->format,
        .place = list->place,
        .is_enabled = list->is_enabled,
        .names = list->stats.names,
        .rules = list->stats.rules,
        .exceptions = list->stats.exceptions,
        .cosmetic = list->stats.cosmetic,
        .dropped = list->stats.dropped,
        .is_downloaded = list->is_downloaded,
        .is_running = list->update.is_running,
        .checked_s = list->update.checked_s,
        .changed_s = list->update.changed_s,
        .due_s = list->update.due_s,
        .failures = list->update.failures,
        .error = list->update.error,
    };
    return teller->tell(teller->to, &told);
}

void list_facts_tell(void *owner, control_list_fn *tell, void *to)
{
    const struct facts *facts = owner;
    struct teller teller = {tell, to};
    engine_each_list(facts->engine, tell_list, &teller);
}

const char *list_facts_problem(void *owner)
{
    const struct facts *facts = owner;
    return engine_lists_problem(facts->engine);
}

int list_facts_update(void *owner, const char *name)
{
    const struct facts *facts = owner;
    return engine_update_lists(facts->engine, name);
}
