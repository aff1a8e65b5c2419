#include "adblock/list_texts.h"
#include "blocklists/builtin.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_list_texts.XXXXXX", path[64], error[512];
static struct list_texts texts;

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/list", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_list(const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static int read_one(const char *file)
{
    struct lists_source source = {
        .name = "mine", .category = "ads", .path = file, .format = FILTER_HOSTS};
    struct lists_options options = {.sources = &source, .count = 1};
    error[0] = '\0';
    return list_texts_open(&options, &texts, error, sizeof(error));
}

static void assert_refused(const char *file, int err, const char *phrase)
{
    assert_int_equal(read_one(file), err);
    assert_non_null(strstr(error, phrase));
    assert_non_null(strstr(error, "mine"));
    assert_non_null(strstr(error, file));
    assert_null(strchr(error, '\n'));
}

static void test_reads_files_and_names(void **state)
{
    (void)state;
    static const char *const allow[] = {"a.example", "*.b.example"}, *const deny[] = {"c.example"};
    struct lists_source sources[] = {
        {.name = "mine", .category = "social", .path = path, .format = FILTER_HOSTS},
        {.name = "built-in", .format = FILTER_DOMAINS}};
    struct lists_options options = {sources, 2, allow, 2, deny, 1};
    write_list("0.0.0.0 x.example\n");
    assert_int_equal(list_texts_open(&options, &texts, error, sizeof(error)), 0);
    assert_int_equal(texts.count, 4);
    assert_string_equal(texts.sources[0].name, "mine");
    assert_string_equal(texts.sources[0].category, "social");
    assert_int_equal(texts.sources[0].format, FILTER_HOSTS);
    assert_int_equal(texts.sources[0].size, strlen("0.0.0.0 x.example\n"));
    assert_ptr_equal(texts.sources[1].text, builtin_list_text);
    assert_string_equal(texts.sources[2].category, "allow");
    assert_memory_equal(texts.sources[2].text, "a.example\n*.b.example\n", 22);
    assert_string_equal(texts.sources[3].category, "deny");
    assert_memory_equal(texts.sources[3].text, "c.example\n", 10);
    list_texts_close(&texts);
}

static void test_an_empty_file_is_an_empty_list(void **state)
{
    (void)state;
    write_list("");
    assert_int_equal(read_one(path), 0);
    assert_int_equal(texts.sources[0].size, 0);
    list_texts_close(&texts);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    assert_refused("/nonexistent/list", -ENOENT, "check the path");
    assert_refused(folder, -EISDIR, "directory");
    assert_refused("/dev/zero", -EINVAL, "check the path");
}

static void test_web_pages_are_refused(void **state)
{
    (void)state;
    write_list("\n<!DOCTYPE html><html>404</html>\n");
    assert_refused(path, -EINVAL, "web page");
}

static void test_too_large_is_refused(void **state)
{
    (void)state;
    write_list("a.example\n");
    assert_int_equal(truncate(path, FILTER_TEXT_MAX_BYTES + 1L), 0); /* sparse */
    assert_refused(path, -EFBIG, "too large");
}

static void test_names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"a b", "http://a.example", "192.0.2.1", "", "*.*.a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct lists_options options = {.allow = &bad[i], .allow_count = 1};
        assert_int_equal(list_texts_open(&options, &texts, error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, "allow"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_files_and_names),
        cmocka_unit_test(test_an_empty_file_is_an_empty_list),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_web_pages_are_refused),
        cmocka_unit_test(test_too_large_is_refused),
        cmocka_unit_test(test_names_are_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
