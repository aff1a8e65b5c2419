/* The engine's decisions in the query log's words. */
#include "service/worker/query_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct query_log_entry entry;

static void add_url(const char *url, size_t size)
{
    struct filter_request request = {.url = url, .url_size = size, .type = FILTER_TYPE_SCRIPT};
    query_entry_fill(&entry, &(struct decision){.kind = "http",
                                                .name = url,
                                                .name_size = size,
                                                .request = &request,
                                                .verdict = "pass"});
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *name, *path;
    } rows[] = {
        {"http://a.example/b/c.js?token=secret#x", "a.example", "/b/c.js"},
        {"http://a.example:8080/", "a.example", "/"},
        {"http://a.example?secret", "a.example", ""},
        {"http://a.example", "a.example", ""},
        {"http://a.example/x#y?z", "a.example", "/x"},
        {"x", "x", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        add_url(rows[i].url, strlen(rows[i].url));
        assert_string_equal(entry.name, rows[i].name);
        assert_string_equal(entry.path, rows[i].path);
        assert_string_equal(entry.type, "script");
    }
    add_url("http://a.example/secret", 17); /* texts are not terminated */
    assert_string_equal(entry.path, "/");
}

static void test_questions(void **state)
{
    struct caller caller = {.client = {.family = 4, .ip = {192, 0, 2, 7}}};
    struct decision decision = {.kind = "dns",
                                .name = "ads.example",
                                .name_size = 11,
                                .caller = &caller,
                                .qtype = 28,
                                .verdict = "block",
                                .list = "one",
                                .rule = "||ads.example^",
                                .took_ms = UINT64_MAX};

    (void)state;
    query_entry_fill(&entry, &decision);
    assert_string_equal(entry.kind, "dns");
    assert_string_equal(entry.name, "ads.example");
    assert_string_equal(entry.path, "");
    assert_string_equal(entry.type, "AAAA");
    assert_string_equal(entry.rule, "||ads.example^");
    assert_string_equal(entry.upstream, "");
    assert_int_equal(entry.client.ip[3], 7);
    assert_int_equal(entry.took_ms, UINT32_MAX);
    assert_true(entry.at_unix_ms > 0);
    decision.qtype = 65000;
    query_entry_fill(&entry, &decision);
    assert_string_equal(entry.type, "TYPE65000");
    assert_int_equal(entry.user, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_urls),
                                       cmocka_unit_test(test_questions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
