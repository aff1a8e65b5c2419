/* The lists of the configuration: which are in force, what is known of each, their updates. */
#include "service/engine/engine_parts.h"

#include "base/err.h"
#include "service/engine/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_MODULE "engine"
#include "base/log.h"

/* --- in force -------------------------------------------------------------------------------- */

static int describe_list(const struct config_list *from, struct lists_source *ret)
{
    *ret = (struct lists_source){
        .name = from->name, .category = from->category, .path = from->file, .url = from->url};
    return lists_parse_format(from->format, &ret->format);
}

/* The rules as the text of a list, NULL if there are none. */
static int join_rules(const struct config_filter *config, char **ret)
{
    size_t size = 1;
    *ret = NULL;
    if (config->rules_count == 0)
        return 0;
    for (unsigned i = 0; i < config->rules_count; i++)
        size += strlen(config->rules[i]) + 1;
    char *text = malloc(size), *at = text;
    if (!text)
        return -ENOMEM;
    for (unsigned i = 0; i < config->rules_count; i++) {
        at = stpcpy(at, config->rules[i]);
        at = stpcpy(at, "\n");
    }
    *ret = text;
    return 0;
}

/* Does a schedule let the list be in force? Notes those that it takes away. */
static bool is_in_force(const struct config_filter *config, unsigned number, const char *category,
                        const char *name, time_t now, uint64_t hidden[2])
{
    if (schedule_is_in_force(config, category, name, now))
        return true;
    hidden[number / 64] |= UINT64_C(1) << number % 64;
    return false;
}

/* The lists of that time; the built-in one and the user's rules (NULL: none) have the last numbers.
 */
static int choose_lists(const struct config_filter *config, const char *rules, time_t now,
                        uint64_t hidden[2], struct lists_source sources[ENGINE_LISTS_MAX],
                        size_t *ret_count)
{
    static const struct lists_source builtin = {
        .name = "built-in", .category = "ads", .format = FILTER_DOMAINS};
    const struct lists_source own = {
        .name = "rules", .category = "rules", .text = rules, .format = FILTER_ADBLOCK};
    size_t count = 0;
    int err = 0;

    if (config->builtin &&
        is_in_force(config, ENGINE_LISTS_MAX - 1, builtin.category, builtin.name, now, hidden))
        sources[count++] = builtin;
    for (unsigned i = 0; i < config->lists_count && err == 0; i++) {
        const struct config_list *list = &config->lists[i];
        if (list->enabled && is_in_force(config, i, list->category, list->name, now, hidden))
            err = describe_list(list, &sources[count++]);
    }
    if (rules && is_in_force(config, ENGINE_LISTS_MAX - 2, own.category, own.name, now, hidden))
        sources[count++] = own;
    *ret_count = count;
    return err;
}

int engine_set_lists(struct engine *engine, const struct config_filter *config, time_t now,
                     struct engine_error *error)
{
    struct lists_source sources[ENGINE_LISTS_MAX];
    struct lists_options options = {
        .sources = sources,
        .allow = (const char *const *)config->allow,
        .allow_count = config->allow_count,
        .deny = (const char *const *)config->deny,
        .deny_count = config->deny_count,
    };
    uint64_t hidden[2] = {0, 0};
    char *rules = NULL;
    int err = join_rules(config, &rules);

    if (err == 0)
        err = choose_lists(config, rules, now, hidden, sources, &options.count);
    if (err == 0)
        err = lists_set(engine->lists, &options, error->text, sizeof(error->text));
    if (err == 0)
        memcpy(engine->rules.lists_hidden, hidden, sizeof(hidden));
    free(rules); /* lists_set made its copy */
    return err;
}

bool engine_has_lists_of(const struct engine *engine, time_t now)
{
    const struct config_filter *config = &engine->config->filter;
    struct lists_source sources[ENGINE_LISTS_MAX];
    uint64_t hidden[2] = {0, 0};
    size_t count;

    choose_lists(config, config->rules_count ? "" : NULL, now, hidden, sources, &count);
    return memcmp(engine->rules.lists_hidden, hidden, sizeof(hidden)) == 0;
}

/* --- downloads ------------------------------------------------------------------------------- */

/* A list was replaced, by this worker or by the one that downloads. */
static void on_replaced(void *owner)
{
    struct engine *engine = owner;
    struct engine_error error = {""};

    if (engine->config && engine_set_lists(engine, &engine->config->filter, time(NULL), &error) < 0)
        log_warning("the new lists are not in force: %s", error.text);
}

void engine_keep_lists(struct engine *engine)
{
    int err;

    if (engine->state_dir < 0)
        return;
    lists_keep_in(engine->lists, engine->state_dir);
    err =
        list_watch_open(engine->loop, engine->state_dir, on_replaced, engine, &engine->list_watch);
    if (err < 0)
        log_warning("updated lists count from the next start err=\"%s\"", err_text(err));
}

static void on_list_inbound(void *owner, struct inbound *inbound)
{
    engine_take_inbound(owner, inbound);
}

void engine_follow_lists(struct engine *engine)
{
    int err = engine->list_keeper && engine->config
                  ? list_keeper_set(engine->list_keeper, &engine->config->filter)
                  : 0;

    if (err < 0)
        log_error("lists are not updated err=\"%s\"", err_text(err));
}

int engine_download_lists(struct engine *engine)
{
    if (engine->state_dir < 0)
        return 0;
    engine->list_keeper = list_keeper_new(engine->loop, engine->state_dir, on_list_inbound, engine);
    if (!engine->list_keeper)
        return -ENOMEM;
    engine_follow_lists(engine);
    return 0;
}

void engine_stop_lists(struct engine *engine)
{
    list_watch_close(engine->list_watch);
    list_keeper_free(engine->list_keeper);
    engine->list_watch = NULL;
    engine->list_keeper = NULL;
}

int engine_update_lists(struct engine *engine, const char *name)
{
    const struct config_filter *config = &engine->config->filter;
    int found = 0;

    for (unsigned i = 0; i < config->lists_count; i++) {
        const struct config_list *list = &config->lists[i];
        if (!list->url || !list->enabled || (name && strcmp(name, list->name) != 0))
            continue;
        found += list_keeper_start(engine->list_keeper, list->url) == 0;
    }
    return found || !name ? found : -ENOENT;
}

/* --- what is known --------------------------------------------------------------------------- */

static struct filter_stats stats_of(const struct filter *filter, const char *name)
{
    const char *other;

    for (size_t i = 0; filter && (other = filter_list_name(filter, i)); i++)
        if (strcmp(other, name) == 0)
            return filter_list_stats(filter, i);
    return (struct filter_stats){0};
}

void engine_each_list(const struct engine *engine, engine_list_fn *fn, void *owner)
{
    const struct config_filter *config = &engine->config->filter;
    const struct filter *filter = engine_filter(engine);
    struct engine_list list = {.name = "built-in", .category = "ads", .format = "domains"};
    bool goes_on = true;

    list.is_enabled = config->enabled && config->builtin;
    list.stats = stats_of(filter, list.name);
    if (config->builtin)
        goes_on = fn(owner, &list);
    for (unsigned i = 0; i < config->lists_count && goes_on; i++) {
        const struct config_list *from = &config->lists[i];
        list = (struct engine_list){
            .name = from->name,
            .category = from->category,
            .format = from->format,
            .place = from->url ? from->url : from->file,
            .is_enabled = config->enabled && from->enabled,
            .stats = stats_of(filter, from->name),
        };
        if (from->url)
            list.is_downloaded =
                list_keeper_status(engine->list_keeper, from->url, &list.update) == 0;
        goes_on = fn(owner, &list);
    }
    list = (struct engine_list){.name = "rules", .category = "rules", .format = "adblock"};
    list.is_enabled = config->enabled;
    list.stats = stats_of(filter, list.name);
    if (goes_on && config->rules_count > 0)
        fn(owner, &list);
}

const char *engine_lists_problem(const struct engine *engine)
{
    return lists_problem(engine->lists);
}
