/* Every row of the policy table, as a configuration meets it. */
#include "blocklists/catalogue.h"
#include "blocklists/regions.h"
#include "service/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DAY_S = 24 * 60 * 60 };

static struct config_error error;

/* NULL: refused, with `error`. */
static struct config *parse(const char *code, const char *rest)
{
    char text[1024];
    struct config *config = NULL;
    snprintf(text, sizeof(text), "region: %s\n%s", code, rest);
    error.text[0] = '\0';
    return config_parse("t", text, strlen(text), &config, &error) < 0 ? NULL : config;
}

static bool has_word(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static const char *source_of(const char *category)
{
    for (size_t i = 0; i < catalogue_count; i++)
        if (strcmp(catalogue_sources[i].category, category) == 0)
            return catalogue_sources[i].id;
    fail_msg("no list of %s", category);
    return "";
}

/* --- the table itself ------------------------------------------------------------------------ */

static const struct region *unknown(void)
{
    return &regions[regions_count - 1];
}

static void test_the_unknown_region_is_the_strictest(void **state)
{
    (void)state;
    assert_null(unknown()->codes[0]);
    for (const struct region *row = regions; row < unknown(); row++) {
        assert_non_null(row->codes[0]);
        assert_in_range(unknown()->log_days, 1, row->log_days);
        assert_true(unknown()->log_consent || !row->log_consent);
        for (const char *const *category = unknown()->categories; *category; category++)
            if (!has_word(row->categories, *category))
                fail_msg("%s is allowed to the unknown, not in %s", *category, row->name);
    }
}

static void test_categories_are_the_catalogue_s(void **state)
{
    (void)state;
    for (const struct region *row = regions; row <= unknown(); row++)
        for (const char *const *category = row->categories; *category; category++)
            if (!has_word(catalogue_categories, *category))
                fail_msg("%s: the catalogue has no %s", row->name, *category);
}

static void test_a_country_is_in_one_row(void **state)
{
    (void)state;
    for (const struct region *row = regions; row < unknown(); row++) {
        for (size_t i = 0; row->codes[i]; i++) {
            unsigned count = 0;
            for (const struct region *other = regions; other < unknown(); other++)
                for (size_t j = 0; other->codes[j]; j++)
                    count += strcmp(row->codes[i], other->codes[j]) == 0;
            if (count != 1)
                fail_msg("%s is there %u times", row->codes[i], count);
        }
    }
}

/* --- what the rows do ------------------------------------------------------------------------ */

static void assert_category(const char *code, const struct region *row, const char *category)
{
    char text[256];
    bool is_allowed = has_word(row->categories, category);
    snprintf(text, sizeof(text), "filter:\n  categories: [ads, %s]\n", category);
    struct config *config = parse(code, text);
    if (is_allowed != !!config)
        fail_msg("region '%s', category %s: %s", code, category, error.text);
    if (!config && (strncmp(error.text, "t:3:21: ", 8) != 0 || !strstr(error.text, category)))
        fail_msg("not at its place: %s", error.text);
    config_unref(config);

    snprintf(text, sizeof(text), "filter:\n  lists:\n    - catalogue: %s\n      category: ads\n",
             source_of(category));
    config = parse(code, text);
    if (is_allowed != !!config)
        fail_msg("region '%s', a list of %s: %s", code, category, error.text);
    if (!config && strncmp(error.text, "t:4:18: ", 8) != 0)
        fail_msg("not at its place: %s", error.text);
    config_unref(config);

    snprintf(text, sizeof(text), "filter:\n  lists: [{catalogue: %s, enabled: false}]\n",
             source_of(category));
    config = parse(code, text);
    assert_non_null(config); /* it is not on */
    config_unref(config);
}

static void assert_age(const char *code, const struct region *row)
{
    char text[64];
    const unsigned days[] = {1, row->log_days, row->log_days + 1, 366};
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        unsigned kept = days[i] < row->log_days ? days[i] : row->log_days;
        snprintf(text, sizeof(text), "query_log: {age: %ud}\n", days[i]);
        struct config *config = parse(code, text);
        assert_non_null(config);
        assert_int_equal(config->query_log.age_s, kept * DAY_S);
        assert_int_equal(config->query_log.asked_age_s, days[i] * DAY_S);
        config_unref(config);
    }
}

static void assert_consent(const char *code, const struct region *row)
{
    struct config *config = parse(code, "");
    assert_non_null(config);
    assert_int_equal(config->query_log.needs_consent, row->log_consent);
    config_unref(config);
}

static void assert_row(const char *code, const struct region *row)
{
    for (const char *const *category = catalogue_categories; *category; category++)
        assert_category(code, row, *category);
    assert_age(code, row);
    assert_consent(code, row);
}

/* NO is a country here, not a switch. */
static void test_every_country_of_every_row(void **state)
{
    (void)state;
    for (const struct region *row = regions; row < unknown(); row++)
        for (size_t i = 0; row->codes[i]; i++)
            assert_row(row->codes[i], row);
}

static void test_no_region_and_one_without_a_row(void **state)
{
    (void)state;
    assert_row("", unknown());
    assert_row("ZZ", unknown());
    assert_null(parse("", "filter: {categories: [adult]}\n"));
    assert_non_null(strstr(error.text, "set region:"));
}

static void test_the_defaults_are_for_everybody(void **state)
{
    (void)state;
    struct config *config = NULL;
    assert_int_equal(config_parse("t", NULL, 0, &config, &error), 0);
    assert_null(config->region);
    assert_true(config->filter.builtin);
    assert_int_equal(config->query_log.mode, CONFIG_QUERY_LOG_BLOCKED);
    assert_int_equal(config->query_log.age_s, 7 * DAY_S);
    assert_int_equal(config->query_log.asked_age_s, config->query_log.age_s);
    config_unref(config);
    assert_true(has_word(unknown()->categories, "ads")); /* the built-in list's */
}

static void test_what_is_no_code_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"de", "D", "DEU", "D1", "Germany"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(parse(wrong[i], ""));
        if (strncmp(error.text, "t:1:9: ", 7) != 0 || !strstr(error.text, "ISO 3166-1"))
            fail_msg("%s: %s", wrong[i], error.text);
    }
}

static void test_what_is_in_force_is_shown(void **state)
{
    (void)state;
    struct config *config = parse("NO", "query_log: {age: 366d}\n");
    assert_non_null(config);
    char *text = config_format(config);
    assert_non_null(text);
    assert_non_null(strstr(text, "region: "));
    assert_non_null(strstr(text, "age: 30d\n"));
    free(text);
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_unknown_region_is_the_strictest),
        cmocka_unit_test(test_categories_are_the_catalogue_s),
        cmocka_unit_test(test_a_country_is_in_one_row),
        cmocka_unit_test(test_every_country_of_every_row),
        cmocka_unit_test(test_no_region_and_one_without_a_row),
        cmocka_unit_test(test_the_defaults_are_for_everybody),
        cmocka_unit_test(test_what_is_no_code_is_refused),
        cmocka_unit_test(test_what_is_in_force_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
