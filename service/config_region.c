/* What the region's row of the policy table means for a configuration: categories that are not for
 * it are refused, the query log is not kept longer than it allows, and where it asks for consent
 * the configuration says so. Without a region, and for one that has no row, it is the strictest. */
#include "blocklists/catalogue.h"
#include "blocklists/regions.h"
#include "service/config_check.h"
#include "service/config_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 64, DAY_S = 24 * 60 * 60 };

static bool has_word(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static const struct region *find_region(const char *code)
{
    const struct region *strictest = &regions[regions_count - 1];
    for (const struct region *region = regions; code && region < strictest; region++)
        if (has_word(region->codes, code))
            return region;
    return strictest;
}

void config_complete_region(struct config *config)
{
    const struct region *region = find_region(config->region);
    uint32_t most_s = region->log_days * DAY_S;
    config->query_log.needs_consent = region->log_consent;
    config->query_log.asked_age_s = config->query_log.age_s;
    if (config->query_log.age_s > most_s)
        config->query_log.age_s = most_s;
}

static int check_code(struct config_yaml *yaml, const char *code)
{
    bool is_code =
        strlen(code) == 2 && isupper((unsigned char)code[0]) && isupper((unsigned char)code[1]);
    return is_code ? 0
                   : config_fail_at(yaml, "region",
                                    "'%.40s' is not a country's code; write the two capital "
                                    "letters of ISO 3166-1, like DE, GB or US",
                                    code);
}

static int refuse(struct config_yaml *yaml, const char *path, const char *category,
                  const struct region *region, const char *code)
{
    char allowed[160];
    config_text_join(region->categories, allowed, sizeof(allowed));
    bool is_known = region->codes[0];
    if (is_known)
        return config_fail_at(yaml, path,
                              "the category '%s' may not be on in the region '%s'; take it away; "
                              "allowed are %s",
                              category, code, allowed);
    return config_fail_at(yaml, path,
                          "the category '%s' may not be on where the region is %s; set region: to "
                          "the country this is used in, or take it away; allowed are %s",
                          category, code ? "one without rules of its own" : "not set", allowed);
}

/* NULL: of no category of the catalogue's, or not on. */
static const char *category_of(const struct config_list *list)
{
    for (size_t i = 0; list->enabled && list->catalogue && i < catalogue_count; i++)
        if (strcmp(catalogue_sources[i].id, list->catalogue) == 0)
            return catalogue_sources[i].category;
    return NULL;
}

int config_check_region(struct config_yaml *yaml, const struct config *config)
{
    const struct region *region = find_region(config->region);
    const struct config_filter *filter = &config->filter;
    char path[PATH_MAX_BYTES];
    int result = config->region ? check_code(yaml, config->region) : 0;
    for (unsigned i = 0; i < filter->categories_count && result == 0; i++) {
        snprintf(path, sizeof(path), "filter.categories[%u]", i);
        if (!has_word(region->categories, filter->categories[i]))
            result = refuse(yaml, path, filter->categories[i], region, config->region);
    }
    for (unsigned i = 0; i < filter->lists_count && result == 0; i++) {
        const char *category = category_of(&filter->lists[i]);
        snprintf(path, sizeof(path), "filter.lists[%u].catalogue", i);
        if (category && !has_word(region->categories, category))
            result = refuse(yaml, path, category, region, config->region);
    }
    return result;
}
