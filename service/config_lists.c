/* The lists of the filter: each from one place, with a name of its own; those that the catalogue
 * knows, by themselves or with their category, become lists like the others. */
#include "blocklists/catalogue.h"
#include "service/config_check.h"
#include "service/config_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 64, LABEL_MAX_BYTES = 63 };

static const struct catalogue_source *find_source(const char *id)
{
    for (size_t i = 0; i < catalogue_count; i++)
        if (strcmp(catalogue_sources[i].id, id) == 0)
            return &catalogue_sources[i];
    return NULL;
}

static bool is_category(const char *name)
{
    for (const char *const *known = catalogue_categories; *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

/* --- completing ------------------------------------------------------------------------------ */

static int fill(char **at, const char *text)
{
    if (!*at && text)
        *at = strdup(text);
    return *at || !text ? 0 : -ENOMEM;
}

/* A file may be called longer than a list. */
static int fill_name(char **at, const char *text)
{
    int result = fill(at, text);
    if (*at && strlen(*at) > LABEL_MAX_BYTES)
        (*at)[LABEL_MAX_BYTES] = '\0';
    return result;
}

/* What was not written comes from the catalogue, or is what suits a file. */
static int complete_list(struct config_list *list)
{
    const struct catalogue_source *source = list->catalogue ? find_source(list->catalogue) : NULL;
    const char *slash = list->file ? strrchr(list->file, '/') : NULL;
    const char *name = source ? source->id : slash ? slash + 1 : NULL;
    int result = fill_name(&list->name, name);
    if (result == 0)
        result = fill(&list->format, source ? source->format : "auto");
    if (result == 0)
        result = fill(&list->category, source ? source->category : "ads");
    if (result == 0 && source && !list->file)
        result = fill(&list->url, source->url);
    return result;
}

static bool has_source(const struct config_filter *filter, const char *id)
{
    for (unsigned i = 0; i < filter->lists_count; i++) {
        const char *own = filter->lists[i].catalogue;
        if (own && strcmp(own, id) == 0)
            return true;
    }
    return false;
}

/* At the end; `lists` has room for it. */
static int append(struct config_filter *filter, const char *id)
{
    struct config_list *list = &filter->lists[filter->lists_count];
    *list = (struct config_list){.enabled = true, .catalogue = strdup(id)};
    if (!list->catalogue)
        return -ENOMEM;
    filter->lists_count++;
    return complete_list(list);
}

static int grow(struct config_filter *filter)
{
    struct config_list *lists = realloc(filter->lists, CONFIG_LISTS_MAX * sizeof(*lists));
    if (!lists)
        return -ENOMEM;
    filter->lists = lists;
    return 0;
}

static int add_category(struct config_yaml *yaml, struct config_filter *filter, unsigned index)
{
    const char *category = filter->categories[index];
    char path[PATH_MAX_BYTES], known[160];
    snprintf(path, sizeof(path), "filter.categories[%u]", index);
    if (!is_category(category)) {
        config_text_join(catalogue_categories, known, sizeof(known));
        return config_fail_at(yaml, path, "'%.40s' is not known here; known are %s", category,
                              known);
    }
    for (size_t i = 0; i < catalogue_count; i++) {
        const struct catalogue_source *source = &catalogue_sources[i];
        if (!source->is_recommended || strcmp(source->category, category) != 0 ||
            has_source(filter, source->id))
            continue;
        if (filter->lists_count == CONFIG_LISTS_MAX)
            return config_fail_at(yaml, path, "these are more than %d lists; leave some out",
                                  CONFIG_LISTS_MAX);
        int result = append(filter, source->id);
        if (result < 0)
            return result;
    }
    return 0;
}

int config_complete_lists(struct config_yaml *yaml, struct config_filter *filter)
{
    int result = 0;
    for (unsigned i = 0; i < filter->lists_count && result == 0; i++)
        result = complete_list(&filter->lists[i]);
    if (result == 0 && filter->categories_count > 0)
        result = grow(filter);
    for (unsigned i = 0; i < filter->categories_count && result == 0; i++)
        result = add_category(yaml, filter, i);
    return result;
}

/* --- checking -------------------------------------------------------------------------------- */

static bool is_web_address(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    return scheme && url[scheme] && url[scheme] != '/' && !strpbrk(url, " \t\"<>\\");
}

static int check_place(struct config_yaml *yaml, const struct config_list *list, const char *path)
{
    bool is_own_url = list->url && !list->catalogue;
    if (!list->file && !list->url && !list->catalogue)
        return config_fail_at(yaml, path,
                              "this list has no 'file', 'url' or 'catalogue'; give one of them");
    if (list->catalogue && !find_source(list->catalogue))
        return config_fail_at(yaml, path,
                              "the catalogue has no list '%s'; atlantic lists catalogue "
                              "shows what it has",
                              list->catalogue);
    if (list->file && (list->url || list->catalogue))
        return config_fail_at(yaml, path,
                              "a list comes from one place; give 'file', 'url' or "
                              "'catalogue' alone");
    if (is_own_url && !is_web_address(list->url))
        return config_fail_at(yaml, path,
                              "'%s' is not the address of a list; write it like "
                              "https://lists.example/ads.txt",
                              list->url);
    if (is_own_url && !list->name)
        return config_fail_at(yaml, path, "this list needs a name; give it one");
    return 0;
}

static int check_name(struct config_yaml *yaml, const struct config_filter *filter, unsigned index,
                      const char *path)
{
    static const char *const taken[] = {"builtin", "built-in", "allow", "deny", "rules"};
    const char *name = filter->lists[index].name;
    bool is_taken = name[0] == '\0';
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        is_taken |= strcmp(name, taken[i]) == 0;
    if (is_taken)
        return config_fail_at(yaml, path, "a list cannot be called '%s'; choose another name",
                              name);
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(name, filter->lists[i].name) == 0)
            return config_fail_at(yaml, path,
                                  "there is a list called '%s' already; give this "
                                  "one another name",
                                  name);
    }
    return 0;
}

int config_check_lists(struct config_yaml *yaml, const struct config_filter *filter)
{
    char path[PATH_MAX_BYTES];
    int result = 0;
    for (unsigned i = 0; i < filter->lists_count && result == 0; i++) {
        snprintf(path, sizeof(path), "filter.lists[%u].name", i);
        result = check_place(yaml, &filter->lists[i], path);
        if (result == 0)
            result = check_name(yaml, filter, i, path);
    }
    return result;
}
