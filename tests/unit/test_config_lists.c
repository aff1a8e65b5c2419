#include "blocklists/catalogue.h"
#include "service/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config_error error;

static struct config *parse(const char *filter)
{
    char text[2048];
    struct config *config = NULL;
    snprintf(text, sizeof(text), "region: DE\nfilter:\n%s", filter);
    error.text[0] = '\0';
    if (config_parse("t", text, strlen(text), &config, &error) < 0)
        return NULL;
    return config;
}

static void assert_refused(const char *filter, const char *phrase)
{
    assert_null(parse(filter));
    if (!strstr(error.text, phrase))
        fail_msg("%s: %s", filter, error.text);
}

static void test_files_urls_and_the_catalogue(void **state)
{
    (void)state;
    const struct catalogue_source *first = &catalogue_sources[0];
    char text[512];
    snprintf(text, sizeof(text),
             "  lists:\n    - {file: /etc/mine.txt}\n"
             "    - {name: a, url: \"https://a.example/x?y=z\", format: hosts, category: social}\n"
             "    - {catalogue: %s}\n    - {catalogue: %s, name: other, enabled: false}\n",
             first->id, first->id);
    struct config *config = parse(text);
    assert_non_null(config);
    const struct config_list *lists = config->filter.lists;
    assert_int_equal(config->filter.lists_count, 4);
    assert_string_equal(lists[0].name, "mine.txt");
    assert_string_equal(lists[0].format, "auto");
    assert_string_equal(lists[0].category, "ads");
    assert_null(lists[0].url);
    assert_string_equal(lists[1].url, "https://a.example/x?y=z");
    assert_string_equal(lists[1].category, "social");
    assert_string_equal(lists[2].name, first->id);
    assert_string_equal(lists[2].url, first->url);
    assert_string_equal(lists[2].format, first->format);
    assert_string_equal(lists[2].category, first->category);
    assert_string_equal(lists[3].name, "other");
    assert_false(lists[3].enabled);
    config_unref(config);
}

static void test_categories_bring_their_lists_once(void **state)
{
    (void)state;
    size_t recommended = 0;
    const struct catalogue_source *one = NULL;
    for (size_t i = 0; i < catalogue_count; i++)
        if (catalogue_sources[i].is_recommended)
            recommended++, one = &catalogue_sources[i];
    assert_non_null(one);
    char text[512];
    snprintf(text, sizeof(text),
             "  categories: [ads, trackers, malware, social, adult, gambling]\n"
             "  lists: [{catalogue: %s, enabled: false}]\n",
             one->id);
    struct config *config = parse(text);
    assert_non_null(config);
    assert_int_equal(config->filter.lists_count, recommended);
    assert_false(config->filter.lists[0].enabled); /* what is written counts */
    config_unref(config);
}

static void test_every_category_has_a_list(void **state)
{
    (void)state;
    for (const char *const *category = catalogue_categories; *category; category++) {
        bool has = false;
        for (size_t i = 0; i < catalogue_count; i++)
            has |= catalogue_sources[i].is_recommended &&
                   strcmp(catalogue_sources[i].category, *category) == 0;
        if (!has)
            fail_msg("no list is recommended for %s", *category);
    }
}

static void test_what_is_wrong_is_told(void **state)
{
    (void)state;
    assert_refused("  lists: [{name: a}]\n", "no 'file', 'url' or 'catalogue'");
    assert_refused("  lists: [{name: a, file: /a, url: \"https://a.example/\"}]\n", "one place");
    assert_refused("  lists: [{catalogue: nonsense}]\n", "nonsense");
    assert_refused("  lists: [{name: a, url: \"ftp://a.example/\"}]\n", "not the address");
    assert_refused("  lists: [{name: a, url: \"https:///x\"}]\n", "not the address");
    assert_refused("  lists: [{url: \"https://a.example/\"}]\n", "name");
    assert_refused("  lists: [{name: rules, file: /a}]\n", "cannot be called");
    assert_refused("  lists: [{name: a, file: /a}, {name: a, file: /b}]\n", "already");
    assert_refused("  categories: [shopping]\n", "shopping");
}

static void test_own_rules(void **state)
{
    (void)state;
    struct config *config = parse("  rules: [\"||a.example^\", \"@@||b.a.example^\"]\n"
                                  "  update_every: 6h\n");
    assert_non_null(config);
    assert_int_equal(config->filter.rules_count, 2);
    assert_string_equal(config->filter.rules[1], "@@||b.a.example^");
    assert_int_equal(config->filter.update_every_s, 6 * 3600);
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_urls_and_the_catalogue),
        cmocka_unit_test(test_categories_bring_their_lists_once),
        cmocka_unit_test(test_every_category_has_a_list),
        cmocka_unit_test(test_what_is_wrong_is_told),
        cmocka_unit_test(test_own_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
