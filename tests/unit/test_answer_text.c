/* The worker's answers as tables, and the figures in them. */
#include "ui/cli/answer_text.h"

#include "ui/cli/table.h"

#include "tests/unit/printed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_usage(void **state)
{
    (void)state;
    assert_printed(
        answer_print_usage,
        "{\"rows\":[{\"day\":\"2026-01-31\",\"upstream\":\"home\",\"bytes_up\":10,"
        "\"bytes_down\":1000000,\"requests\":3,\"blocked\":0},{\"day\":\"2026-02-01\","
        "\"upstream\":\"\",\"bytes_up\":0,\"bytes_down\":0,\"requests\":0,\"blocked\":12}],"
        "\"total\":{\"bytes_up\":10,\"bytes_down\":1000000,\"requests\":3,\"blocked\":12}}",
        "DAY         UPSTREAM    DOWN    UP  REQUESTS  BLOCKED\n"
        "2026-01-31  home      1.0 MB  10 B         3        0\n"
        "2026-02-01  -            0 B   0 B         0       12\n"
        "total       -         1.0 MB  10 B         3       12\n");
    /* a row without its day still has as many columns as the others */
    assert_printed(answer_print_usage,
                   "{\"rows\":[{\"day\":\"2026-01-31\",\"upstream\":\"home\"},"
                   "{\"upstream\":\"work\"}],\"total\":{}}",
                   "DAY         UPSTREAM  DOWN   UP  REQUESTS  BLOCKED\n"
                   "2026-01-31  home       0 B  0 B         0        0\n"
                   "            work       0 B  0 B         0        0\n"
                   "total       -          0 B  0 B         0        0\n");
    assert_printed(answer_print_usage, "{\"rows\":[],\"total\":{}}",
                   "UPSTREAM  DOWN   UP  REQUESTS  BLOCKED\n"
                   "total      0 B  0 B         0        0\n");
}

static void test_flows(void **state)
{
    (void)state;
    assert_printed(
        answer_print_flows,
        "{\"flows\":[{\"kind\":\"tcp\",\"door\":\"tun\",\"state\":\"relaying\",\"age_ms\":61000,"
        "\"bytes_up\":1,\"bytes_down\":2,\"upstream\":\"home\",\"target\":\"192.0.2.1:443\","
        "\"host\":\"a.example\"},{\"kind\":\"udp\",\"door\":\"socks5\",\"state\":\"dialing\","
        "\"age_ms\":5,\"bytes_up\":0,\"bytes_down\":0,\"upstream\":null,\"target\":\"b\\u001b:1\","
        "\"host\":null}],\"total\":5}",
        "KIND  DOOR    STATE       AGE  DOWN   UP  UPSTREAM  TARGET\n"
        "tcp   tun     relaying  1 min   2 B  1 B  home      192.0.2.1:443 a.example\n"
        "udp   socks5  dialing     0 s   0 B  0 B  -         b?:1\n"
        "... and 3 more; see --limit\n");
}

static void test_blocked(void **state)
{
    (void)state;
    assert_printed(answer_print_blocked,
                   "{\"blocked\":[{\"time\":\"2026-01-31T00:00:00.000Z\",\"kind\":\"dns\","
                   "\"name\":\"ads.example\",\"list\":\"builtin\",\"rule\":\"ads.example\"}]}",
                   "TIME                      BY   NAME         LIST     RULE\n"
                   "2026-01-31T00:00:00.000Z  dns  ads.example  builtin  ads.example\n");
}

static void test_check(void **state)
{
    (void)state;
    assert_printed(answer_print_check,
                   "{\"asked\":\"a.example\",\"verdict\":\"block\",\"list\":\"l\",\"rule\":\"r\"}",
                   "blocked: a.example, by the rule r of the list l\n");
    assert_printed(answer_print_check, "{\"asked\":\"a.example\",\"verdict\":\"none\"}",
                   "not blocked: a.example, no rule speaks of it\n");
}

static void test_figures(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } bytes[] = {
        {0, "0 B"},         {999, "999 B"},         {1000, "1.0 kB"},          {999949, "999.9 kB"},
        {999950, "1.0 MB"}, {1500000000, "1.5 GB"}, {UINT64_MAX, "18446.7 PB"}};
    static const struct {
        uint64_t ms;
        const char *text;
    } durations[] = {{0, "0 s"},
                     {59999, "59 s"},
                     {60000, "1 min"},
                     {3600000, "1 h 0 min"},
                     {90000000, "1 d 1 h"}};
    char text[TABLE_FIGURE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
        assert_string_equal(table_bytes(bytes[i].bytes, text), bytes[i].text);
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
        assert_string_equal(table_duration(durations[i].ms, text), durations[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),   cmocka_unit_test(test_flows),
        cmocka_unit_test(test_blocked), cmocka_unit_test(test_check),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
