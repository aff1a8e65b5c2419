#include "adblock/http_collect.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char request[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
enum { REQUEST_SIZE = sizeof(request) - 1 };

static struct http_collect collect;
static struct http_head head;
static const char *why;

static int feed(const char *data, size_t size, size_t *ret_used)
{
    return http_collect_feed(&collect, http_head_parse_request, data, size, &head, &why, ret_used);
}

static void test_whole_is_parsed_in_place(void **state)
{
    (void)state;
    size_t used = 0;
    char more[REQUEST_SIZE + 5] = "";
    memcpy(more, request, REQUEST_SIZE);
    assert_int_equal(feed(more, sizeof(more), &used), 1);
    assert_int_equal(used, REQUEST_SIZE);
    assert_int_equal(collect.size, 0);
    assert_ptr_equal(head.method.data, more);
}

static void test_pieces_are_joined(void **state)
{
    (void)state;
    for (size_t first = 1; first < REQUEST_SIZE; first++) {
        size_t used = 0;
        assert_int_equal(feed(request, first, &used), 0);
        char rest[2 * REQUEST_SIZE];
        memcpy(rest, request + first, REQUEST_SIZE - first);
        memcpy(rest + REQUEST_SIZE - first, request, REQUEST_SIZE);
        assert_int_equal(feed(rest, sizeof(rest) - first, &used), 1);
        assert_int_equal(used, REQUEST_SIZE - first);
        assert_int_equal(collect.size, REQUEST_SIZE);
        assert_memory_equal(collect.data, request, REQUEST_SIZE);
        assert_memory_equal(head.headers[0].value.data, "a.example", 9);
        http_collect_done(&collect);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    size_t used = 0;
    assert_int_equal(feed("GET\n", 4, &used), -EBADMSG);
    assert_non_null(why);
    assert_int_equal(feed("GE", 2, &used), 0);
    assert_int_equal(feed("T\n", 2, &used), -EBADMSG);
    assert_int_equal(collect.size, 4);
    http_collect_done(&collect);
}

static void test_too_large(void **state)
{
    (void)state;
    static char line[1000];
    size_t used = 0, fed = REQUEST_SIZE - 2;
    memset(line, 'x', sizeof(line));
    assert_int_equal(feed(request, fed, &used), 0);
    int result = 0;
    while ((result = feed(line, sizeof(line), &used)) == 0)
        fed += sizeof(line);
    assert_int_equal(result, -E2BIG);
    assert_true(fed > HTTP_HEAD_MAX_BYTES - 2 * (int)sizeof(line) && fed <= HTTP_HEAD_MAX_BYTES);
    http_collect_done(&collect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_is_parsed_in_place),
        cmocka_unit_test(test_pieces_are_joined),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
