/* What blocklists/ holds: the built-in list and the catalogue of public lists. */
#include "adblock/filter.h"
#include "adblock/lists.h"
#include "base/endpoint.h"
#include "blocklists/builtin.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NAMES_MAX = 4096 };

struct names {
    char *text;
    char *lines[NAMES_MAX];
    size_t count;
};

/* The list's names in order; an empty line or a comment becomes "", which starts a section. */
static int setup(void **state)
{
    struct names *names = calloc(1, sizeof(*names));
    names->text = strndup(builtin_list_text, builtin_list_size);
    char *rest = names->text;
    for (char *line; (line = strsep(&rest, "\n")) && names->count < NAMES_MAX;) {
        if (line[0] == '#')
            line[0] = '\0';
        names->lines[names->count++] = line;
    }
    *state = names;
    return 0;
}

static int teardown(void **state)
{
    struct names *names = *state;
    free(names->text);
    free(names);
    return 0;
}

static void test_lines_are_names(void **state)
{
    const struct names *names = *state;
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct endpoint endpoint;
        const char *line = names->lines[i];
        if (!line[0])
            continue;
        count++;
        if (endpoint_from_host(line, strlen(line), 0, &endpoint) < 0 ||
            strcmp(endpoint.name, line) != 0 || !strchr(line, '.'))
            fail_msg("not a name in lower case: %s", line);
    }
    assert_in_range(count, 300, 2000);
}

static void test_sections_are_sorted(void **state)
{
    const struct names *names = *state;
    for (size_t i = 1; i < names->count; i++) {
        const char *line = names->lines[i], *before = names->lines[i - 1];
        if (line[0] && before[0] && strcmp(before, line) >= 0)
            fail_msg("out of order: %s, %s", before, line);
    }
}

static void test_no_name_is_below_another(void **state)
{
    const struct names *names = *state;
    for (size_t i = 0; i < names->count; i++) {
        for (size_t j = 0; j < names->count; j++) {
            const char *name = names->lines[i], *above = names->lines[j];
            size_t name_size = strlen(name), size = strlen(above);
            if (i == j || !size || size > name_size)
                continue;
            if (strcmp(name + name_size - size, above) == 0 &&
                (size == name_size || name[name_size - size - 1] == '.'))
                fail_msg("%s is covered by %s", name, above);
        }
    }
}

static enum verdict_action ask(const struct filter *filter, const char *host)
{
    struct verdict verdict;
    struct filter_name name = {.host = host};
    filter_ask_name(filter, &name, &verdict);
    return verdict.action;
}

static void test_the_filter_takes_it(void **state)
{
    const struct names *names = *state;
    struct filter_source source = {.name = "built-in",
                                   .category = "ads",
                                   .format = FILTER_DOMAINS,
                                   .text = builtin_list_text,
                                   .size = builtin_list_size};
    struct filter *filter;
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, NULL), 0);
    assert_int_equal(filter_stats(filter).dropped, 0);
    for (size_t i = 0; i < names->count; i++) {
        if (names->lines[i][0])
            assert_int_equal(ask(filter, names->lines[i]), VERDICT_BLOCK);
    }
    assert_int_equal(ask(filter, "ad.doubleclick.net"), VERDICT_BLOCK);
    static const char *const needed[] = {"google.com",   "www.googletagmanager.com",
                                         "facebook.com", "amazon.com",
                                         "debian.org",   "www.youtube.com"};
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        assert_int_equal(ask(filter, needed[i]), VERDICT_NONE);
    filter_unref(filter);
}

static cJSON *read_catalogue(void)
{
    static char text[256 * 1024];
    FILE *file = fopen(SOURCES_JSON, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    cJSON *catalogue = cJSON_Parse(text);
    assert_non_null(catalogue);
    return catalogue;
}

static const char *field(const cJSON *source, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(source, name);
    if (!cJSON_IsString(item) || !item->valuestring[0])
        fail_msg("a source without %s", name);
    return item->valuestring;
}

static void assert_category(const cJSON *catalogue, const char *category)
{
    const cJSON *item = NULL;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(catalogue, "categories"))
    {
        if (strcmp(item->valuestring, category) == 0)
            return;
    }
    fail_msg("unknown category %s", category);
}

static void test_catalogue(void **state)
{
    (void)state;
    cJSON *catalogue = read_catalogue();
    const cJSON *sources = cJSON_GetObjectItemCaseSensitive(catalogue, "sources"), *source = NULL;
    int count = 0;
    cJSON_ArrayForEach(source, sources)
    {
        enum filter_format format;
        count++;
        field(source, "name");
        field(source, "licence");
        assert_category(catalogue, field(source, "category"));
        assert_int_equal(lists_parse_format(field(source, "format"), &format), 0);
        assert_int_not_equal(format, FILTER_AUTO);
        assert_int_equal(strncmp(field(source, "url"), "https://", 8), 0);
        assert_int_equal(strncmp(field(source, "homepage"), "https://", 8), 0);
        for (const cJSON *other = source->next; other; other = other->next) {
            assert_string_not_equal(field(source, "id"), field(other, "id"));
            assert_string_not_equal(field(source, "url"), field(other, "url"));
        }
    }
    assert_true(count >= 20);
    cJSON_Delete(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sections_are_sorted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_name_is_below_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_filter_takes_it, setup, teardown),
        cmocka_unit_test(test_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
