#include "proxy/door_page.h"

#include "base/err.h"
#include "base/http_body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Parses strictly, and its length is true. */
static void check(const char *text, size_t size, int status, bool keeps_alive, bool is_to_head)
{
    struct http_head head;
    struct http_body body;
    struct http_text method = {is_to_head ? "HEAD" : "GET", is_to_head ? 4 : 3};
    ssize_t head_size = http_head_parse_response(text, size, &head, NULL);
    assert_true(head_size > 0);
    assert_int_equal(head.status, status);
    assert_int_equal(http_head_keeps_alive(&head), keeps_alive);
    assert_non_null(http_head_find(&head, "content-length"));
    assert_int_equal(http_body_of_response(&head, method, &body), 0);
    size_t rest = size - (size_t)head_size;
    assert_int_equal(http_body_feed(&body, text + head_size, rest), rest);
    assert_true(http_body_is_done(&body));
    assert_int_equal(rest == 0, is_to_head);
}

static void test_every_status(void **state)
{
    static const int statuses[] = {400, 403, 407, 431, 501, 502, 503, 504};
    char text[DOOR_PAGE_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        for (int flags = 0; flags < 4; flags++) {
            struct door_page page = {.status = statuses[i],
                                     .why = err_text(ERR_NAME),
                                     .keeps_alive = flags & 1,
                                     .is_to_head = flags & 2};
            memset(page.target.name, 'a', NAME_MAX_BYTES); /* as long as it can be */
            page.target.address.port = 65535;
            size_t size = door_page_build(text, &page);
            check(text, size, statuses[i], flags & 1, flags & 2);
            assert_int_equal(memmem(text, size, "Proxy-Authenticate:", 19) != NULL,
                             statuses[i] == 407);
        }
    }
}

static void test_pac(void **state)
{
    char text[DOOR_PAGE_MAX_BYTES];
    struct address door;
    (void)state;
    assert_int_equal(address_parse("[::1]:1080", &door), 0);
    size_t size = door_page_build_pac(text, &door, true, false);
    check(text, size, 200, true, false);
    assert_non_null(memmem(text, size, "\"SOCKS5 [::1]:1080; PROXY [::1]:1080\"", 37));
    check(text, door_page_build_pac(text, &door, false, true), 200, false, true);
}

static void test_status_of_errors(void **state)
{
    (void)state;
    assert_int_equal(door_page_status_of(ERR_BLOCKED), 403);
    assert_int_equal(door_page_status_of(ERR_NO_UPSTREAM), 503);
    assert_int_equal(door_page_status_of(ERR_LIMIT), 503);
    assert_int_equal(door_page_status_of(-ETIMEDOUT), 504);
    assert_int_equal(door_page_status_of(ERR_TARGET_REFUSED), 502);
    assert_int_equal(door_page_status_of(ERR_NAME), 502);
    assert_int_equal(door_page_status_of(-EBADMSG), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status),
        cmocka_unit_test(test_pac),
        cmocka_unit_test(test_status_of_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
