#include "proxy/http_connect.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct endpoint endpoint_of(const char *text)
{
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse(text, 0, &endpoint), 0);
    return endpoint;
}

static void test_request(void **state)
{
    char request[HTTP_CONNECT_REQUEST_MAX];
    struct endpoint target = endpoint_of("[2001:db8::1]:443");
    (void)state;
    ssize_t size = http_connect_build_request(request, &target, NULL, NULL);
    assert_int_equal(size, strlen(request));
    assert_string_equal(request, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"
                                 "Host: [2001:db8::1]:443\r\n\r\n");
    target = endpoint_of("example.com:80");
    http_connect_build_request(request, &target, "Aladdin", "open sesame");
    assert_string_equal(request, "CONNECT example.com:80 HTTP/1.1\r\n"
                                 "Host: example.com:80\r\n"
                                 "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
                                 "\r\n");
    assert_int_equal(http_connect_build_request(request, &target, "a:b", "c"), -EINVAL);
}

static void test_longest_request_fits(void **state)
{
    char request[HTTP_CONNECT_REQUEST_MAX], name[NAME_MAX_BYTES + 7] = "", text[513];
    (void)state;
    for (int i = 0; i < 63; i++)
        strcat(name, "aaa.");
    strcpy(name + 252, "b:65535");
    struct endpoint target = endpoint_of(name);
    memset(text, 'x', sizeof(text));
    text[512] = '\0';
    ssize_t size = http_connect_build_request(request, &target, text, text + 1);
    assert_true(size > 0 && size < HTTP_CONNECT_REQUEST_MAX);
    char huge[2000];
    memset(huge, 'x', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    assert_int_equal(http_connect_build_request(request, &target, huge, "p"), -ENOSPC);
}

static void test_reply(void **state)
{
    const char *reply = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nSSH-2.0";
    size_t head = strlen(reply) - strlen("SSH-2.0");
    int status = 0;
    (void)state;
    assert_int_equal(http_connect_parse_reply(reply, head - 1, &status), 0);
    assert_int_equal(http_connect_parse_reply(reply, strlen(reply), &status), head);
    assert_int_equal(status, 200);
    assert_int_equal(http_connect_parse_reply("SSH-2.0-x\r\n\r\n", 13, &status), ERR_PROTOCOL);
}

static void test_statuses(void **state)
{
    (void)state;
    assert_int_equal(http_connect_status_to_err(200), 0);
    assert_int_equal(http_connect_status_to_err(204), 0);
    assert_int_equal(http_connect_status_to_err(302), ERR_REFUSED_BY_PROXY);
    assert_int_equal(http_connect_status_to_err(403), ERR_REFUSED_BY_PROXY);
    assert_int_equal(http_connect_status_to_err(401), ERR_AUTH);
    assert_int_equal(http_connect_status_to_err(407), ERR_AUTH);
    assert_int_equal(http_connect_status_to_err(503), ERR_TARGET_UNREACHABLE);
}

static int parse_target(const char *target, struct endpoint *ret)
{
    struct http_head head = {.is_request = true, .target = {target, strlen(target)}};
    return http_connect_parse_target(&head, ret);
}

static void test_target(void **state)
{
    struct endpoint endpoint;
    char text[ENDPOINT_TEXT_MAX];
    (void)state;
    assert_int_equal(parse_target("Example.COM:443", &endpoint), 0);
    assert_string_equal(endpoint_format(&endpoint, text), "example.com:443");
    assert_int_equal(parse_target("[::1]:443", &endpoint), 0);
    assert_int_equal(parse_target("example.com", &endpoint), ERR_PROTOCOL);
    assert_int_equal(parse_target("http://example.com:80/", &endpoint), ERR_PROTOCOL);
    assert_int_equal(parse_target("", &endpoint), ERR_PROTOCOL);
}

static void test_server_side(void **state)
{
    const char *text = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n"
                       "Proxy-Authorization: Basic YTpiYw==\r\n\r\n";
    struct http_head head;
    char reply[HTTP_CONNECT_REPLY_MAX];
    const int errs[] = {ERR_AUTH, ERR_BLOCKED, ERR_PROTOCOL, ERR_NO_UPSTREAM, -ETIMEDOUT, ERR_NAME};
    const int statuses[] = {407, 403, 400, 503, 504, 502};
    (void)state;
    assert_true(http_head_parse_request(text, strlen(text), &head, NULL) > 0);
    assert_true(http_connect_has_login(&head, "a", "bc"));
    assert_false(http_connect_has_login(&head, "a", "bd"));
    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
        size_t size = http_connect_build_reply(reply, errs[i]);
        int status = 0;
        assert_true(size < sizeof(reply));
        assert_true(http_connect_parse_reply(reply, size, &status) > 0);
        assert_int_equal(status, statuses[i]);
    }
    size_t size = http_connect_build_reply(reply, 0);
    assert_int_equal(size, strlen(reply));
    assert_string_equal(reply, "HTTP/1.1 200 Connected\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_longest_request_fits),
        cmocka_unit_test(test_reply),   cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_target),  cmocka_unit_test(test_server_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
