#include "adblock/list_file.h"

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

#define URL "https://lists.example/a.txt"

static char folder[64], path[128];
static const struct list_validators validators = {.etag = "\"1\"", .modified = "yesterday"};

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_list_file.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/list", folder);
    return 0;
}

static int teardown(void **state)
{
    static const char *const suffixes[] = {"", ".new", ".from"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char name[160];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static int store(const char *text)
{
    struct list_file file;
    assert_int_equal(list_file_open(&file, path), 0);
    assert_int_equal(list_file_write(&file, text, strlen(text)), 0);
    int err = list_file_accept(&file, URL, &validators);
    list_file_discard(&file);
    return err;
}

static void assert_stored(const char *text)
{
    char stored[256] = "", name[160];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t size = fread(stored, 1, sizeof(stored) - 1, file);
    fclose(file);
    stored[size] = '\0';
    assert_string_equal(stored, text);
    snprintf(name, sizeof(name), "%s.new", path);
    assert_int_equal(access(name, F_OK), -1);
}

static void assert_validators(const char *url, const char *etag, const char *modified)
{
    struct list_validators known;
    list_file_validators(path, url, &known);
    assert_string_equal(known.etag, etag);
    assert_string_equal(known.modified, modified);
}

static void test_a_new_version_takes_over(void **state)
{
    (void)state;
    assert_validators(URL, "", "");
    assert_int_equal(store("a.example\n"), 0);
    assert_stored("a.example\n");
    assert_int_equal(store("b.example\nc.example\n"), 0);
    assert_stored("b.example\nc.example\n");
}

static void test_validators(void **state)
{
    (void)state;
    assert_int_equal(store("a.example\n"), 0);
    assert_validators(URL, "\"1\"", "yesterday");
    assert_validators("https://other.example/", "", "");
    assert_int_equal(truncate(path, 3), 0); /* somebody changed it */
    assert_validators(URL, "", "");
    unlink(path);
    assert_validators(URL, "", "");
}

static void test_what_is_no_list_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(store("a.example\n"), 0);
    assert_int_equal(store(""), -ENODATA);
    assert_int_equal(store(" \r\n\n"), -ENODATA);
    assert_int_equal(store("<html><body>Not Found"), -EBADMSG);
    assert_int_equal(store("  <!DOCTYPE HTML>\n"), -EBADMSG);
    assert_stored("a.example\n");
    assert_validators(URL, "\"1\"", "yesterday");
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    struct list_file first, second;
    assert_int_equal(list_file_open(&first, path), 0);
    assert_int_equal(list_file_open(&second, path), -EALREADY);
    list_file_discard(&first);
    list_file_discard(&first); /* twice is once */
    assert_int_equal(list_file_open(&second, path), 0);
    list_file_discard(&second);
}

/* A kill leaves PATH.new behind, and no lock. */
static void test_left_overs_are_used_again(void **state)
{
    (void)state;
    struct list_file file;
    assert_int_equal(list_file_open(&file, path), 0);
    assert_int_equal(list_file_write(&file, "half a l", 8), 0);
    close(file.fd);
    assert_int_equal(store("a.example\n"), 0);
    assert_stored("a.example\n");
}

static void test_bad_paths(void **state)
{
    (void)state;
    struct list_file file;
    char longest[LIST_FILE_PATH_MAX + 1];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(list_file_open(&file, longest), -ENAMETOOLONG);
    assert_int_equal(list_file_open(&file, "/nonexistent/list"), -ENOENT);
}

#define file_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(test_a_new_version_takes_over),        file_test(test_validators),
        file_test(test_what_is_no_list_changes_nothing), file_test(test_one_at_a_time),
        file_test(test_left_overs_are_used_again),       file_test(test_bad_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
