#define XXH_INLINE_ALL
#include "adblock/list_plan.h"

#include "adblock/list_place.h"
#include "adblock/list_texts.h"
#include "base/err.h"
#include "blocklists/builtin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

/* --- the copy -------------------------------------------------------------------------------- */

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

static const char *const *copy_texts(const char *const *texts, size_t count, bool *failed)
{
    char **copies = calloc(count + 1, sizeof(*copies));
    *failed |= !copies;
    for (size_t i = 0; copies && i < count; i++)
        copies[i] = copy_text(texts[i], failed);
    return (const char *const *)copies;
}

static struct lists_source *copy_sources(const struct lists_source *sources, size_t count,
                                         int folder, bool *failed)
{
    struct lists_source *copies = calloc(count + 1, sizeof(*copies));
    *failed |= !copies;
    for (size_t i = 0; copies && i < count; i++) {
        char path[LIST_PLACE_PATH_MAX];
        if (sources[i].url)
            list_place_path(folder, list_place_key(sources[i].url), path);
        copies[i] = sources[i];
        copies[i].name = copy_text(sources[i].name, failed);
        copies[i].category = copy_text(sources[i].category, failed);
        copies[i].path = copy_text(sources[i].url ? path : sources[i].path, failed);
        copies[i].url = copy_text(sources[i].url, failed);
        copies[i].text = copy_text(sources[i].text, failed);
    }
    return copies;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void free_texts(const char *const *texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        free_text(texts[i]);
    free((void *)(uintptr_t)texts);
}

void list_plan_free(struct list_plan *plan)
{
    if (!plan)
        return;
    const struct lists_options *options = &plan->options;
    for (size_t i = 0; options->sources && i < options->count; i++) {
        free_text(options->sources[i].name);
        free_text(options->sources[i].category);
        free_text(options->sources[i].path);
        free_text(options->sources[i].url);
        free_text(options->sources[i].text);
    }
    free((void *)(uintptr_t)options->sources);
    free_texts(options->allow, options->allow_count);
    free_texts(options->deny, options->deny_count);
    free(plan);
}

/* --- the fingerprint ------------------------------------------------------------------------- */

/* With its end, so that "ab", "c" is not "a", "bc". */
static void add_text(XXH3_state_t *state, const char *text)
{
    XXH3_128bits_update(state, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_texts(XXH3_state_t *state, const char *const *texts, size_t count)
{
    XXH3_128bits_update(state, &count, sizeof(count));
    for (size_t i = 0; i < count; i++)
        add_text(state, texts[i]);
}

/* Both times: the one that a program may set, and the one that it may not. */
static void add_file(XXH3_state_t *state, const struct stat *file)
{
    const uint64_t facts[] = {
        file->st_dev,
        file->st_ino,
        (uint64_t)file->st_size,
        (uint64_t)file->st_mtim.tv_sec,
        (uint64_t)file->st_mtim.tv_nsec,
        (uint64_t)file->st_ctim.tv_sec,
        (uint64_t)file->st_ctim.tv_nsec,
    };
    XXH3_128bits_update(state, facts, sizeof(facts));
}

static void add_file_at(XXH3_state_t *state, const char *path)
{
    struct stat file = {0};
    if (stat(path, &file) < 0)
        file = (struct stat){0};
    add_file(state, &file);
}

static int look_at_list(struct list_plan *plan, const struct lists_source *list,
                        XXH3_state_t *state, char *ret_error, size_t capacity)
{
    struct stat file = {0};
    const int format = (int)list->format;
    int err = list_text_look(list, &file, ret_error, capacity);
    if (err < 0)
        return err;
    add_text(state, list->name);
    add_text(state, list->category);
    XXH3_128bits_update(state, &format, sizeof(format));
    if (list->path)
        add_file(state, &file);
    else if (list->text)
        add_text(state, list->text);
    else
        XXH3_128bits_update(state, builtin_list_text, builtin_list_size);
    plan->size += (size_t)file.st_size;
    if (plan->size > LIST_TEXTS_MAX_BYTES)
        return list_text_too_large(list, ret_error, capacity);
    return 0;
}

static int look(struct list_plan *plan, char *ret_error, size_t capacity)
{
    const struct lists_options *options = &plan->options;
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    int err = 0;
    for (size_t i = 0; i < options->count && err == 0; i++)
        err = look_at_list(plan, &options->sources[i], &state, ret_error, capacity);
    if (err == 0)
        err = list_names_look("allow", options->allow, options->allow_count, ret_error, capacity);
    if (err == 0)
        err = list_names_look("deny", options->deny, options->deny_count, ret_error, capacity);
    if (err < 0)
        return err;
    add_texts(&state, options->allow, options->allow_count);
    add_texts(&state, options->deny, options->deny_count);
    add_file_at(&state, FILTER_PSL_PATH);
    add_text(&state, ATLANTIC_VERSION);
    add_file_at(&state, "/proc/self/exe");
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    plan->fingerprint[0] = hash.high64;
    plan->fingerprint[1] = hash.low64;
    return 0;
}

int list_plan_new(const struct lists_options *options, int folder, struct list_plan **ret,
                  char *ret_error, size_t capacity)
{
    struct list_plan *plan = calloc(1, sizeof(*plan));
    bool failed = !plan;
    if (plan) {
        plan->options = *options;
        plan->options.sources = copy_sources(options->sources, options->count, folder, &failed);
        plan->options.allow = copy_texts(options->allow, options->allow_count, &failed);
        plan->options.deny = copy_texts(options->deny, options->deny_count, &failed);
    }
    int err = failed ? -ENOMEM : look(plan, ret_error, capacity);
    if (failed)
        snprintf(ret_error, capacity, "lists: %s", err_text(-ENOMEM));
    if (err < 0) {
        list_plan_free(plan);
        return err;
    }
    *ret = plan;
    return 0;
}
