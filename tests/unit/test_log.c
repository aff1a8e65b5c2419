#define LOG_MODULE "test"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static char lines[8][1200];
static int count;

static void keep(void *owner, const char *line)
{
    (void)owner;
    assert_true(count < 8);
    strcpy(lines[count++], line);
}

static int setup(void **state)
{
    (void)state;
    count = 0;
    log_set_sink(keep, NULL);
    log_setup(LOG_INFO, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    return 0;
}

static void a_line_has_level_and_module(void **state)
{
    (void)state;
    log_warning("flow refused id=%d", 7);
    assert_int_equal(count, 1);
    assert_string_equal(lines[0], "<4>test: flow refused id=7");
}

static int evaluated(int *times)
{
    return ++*times;
}

static void what_is_off_costs_nothing(void **state)
{
    int times = 0;
    (void)state;
    log_debug("x=%d", evaluated(&times));
    assert_int_equal(times, 0);
    assert_int_equal(count, 0);
    assert_true(log_is_on(LOG_INFO));
    assert_false(log_is_on(LOG_DEBUG));
    assert_false(log_has_names());
    log_setup(LOG_DEBUG, false);
    log_debug("x=%d", evaluated(&times));
    assert_int_equal(count, 1);
    assert_true(log_has_names());
    log_setup(LOG_INFO, true);
    assert_true(log_has_names());
}

static void equal_lines_in_a_row_are_merged(void **state)
{
    (void)state;
    for (int i = 0; i < 42; i++)
        log_notice("again");
    log_notice("other");
    log_notice("again");
    assert_int_equal(count, 4);
    assert_string_equal(lines[0], "<5>test: again");
    assert_string_equal(lines[1], "<5>test: again repeated=41");
    assert_string_equal(lines[2], "<5>test: other");
    assert_string_equal(lines[3], "<5>test: again");
}

static void a_line_cannot_be_made_two(void **state)
{
    (void)state;
    log_error("%s", "evil\n<3>kernel: \x1b[2Jx\x7f");
    assert_string_equal(lines[0], "<3>test: evil?<3>kernel: ?[2Jx?");
}

static void a_long_line_is_cut(void **state)
{
    char text[3000];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_error("%s", text);
    log_error("%s", text);
    log_error("other");
    assert_int_equal(count, 3);
    assert_true(strlen(lines[0]) < 1024);
    assert_non_null(strstr(lines[1], " repeated=1"));
}

static void *log_two(void *unused)
{
    (void)unused;
    log_info("from a job");
    log_info("from a job");
    return NULL;
}

static void other_threads_are_not_merged(void **state)
{
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, log_two, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(count, 2);
}

static void lines_go_to_stderr_in_one_write(void **state)
{
    int fds[2], saved = dup(STDERR_FILENO);
    char text[64] = "";
    (void)state;
    log_set_sink(NULL, NULL);
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    log_info("hello");
    dup2(saved, STDERR_FILENO);
    assert_int_equal(read(fds[0], text, sizeof(text)), strlen("<6>test: hello\n"));
    assert_memory_equal(text, "<6>test: hello\n", strlen("<6>test: hello\n"));
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

static void values_are_quoted(void **state)
{
    char text[16];
    (void)state;
    assert_string_equal(log_quote(text, sizeof(text), "a b"), "\"a b\"");
    assert_string_equal(log_quote(text, sizeof(text), ""), "\"\"");
    assert_string_equal(log_quote(text, sizeof(text), "a\"\\"), "\"a\\\"\\\\\"");
    assert_string_equal(log_quote(text, sizeof(text), "\n\xff"), "\"\\x0a\\xff\"");
    assert_string_equal(log_quote(text, sizeof(text), "0123456789abcdef"), "\"0123456789abc\"");
    assert_string_equal(log_quote(text, 8, "012\n"), "\"012\""); /* never half an escape */
    assert_string_equal(log_quote(text, 3, "abc"), "\"\"");
    assert_string_equal(log_quote(text, 2, "abc"), "");
}

#define log_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        log_test(a_line_has_level_and_module),
        log_test(what_is_off_costs_nothing),
        log_test(equal_lines_in_a_row_are_merged),
        log_test(a_line_cannot_be_made_two),
        log_test(a_long_line_is_cut),
        log_test(other_threads_are_not_merged),
        log_test(lines_go_to_stderr_in_one_write),
        log_test(values_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
