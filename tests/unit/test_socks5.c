#include "proxy/socks5.h"

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

static void assert_endpoint(const struct endpoint *endpoint, const char *text)
{
    char formatted[ENDPOINT_TEXT_MAX];
    assert_string_equal(endpoint_format(endpoint, formatted), text);
}

/* Parsers see the message grow byte by byte, in memory that ends where the bytes end. */
#define assert_needs_all(message, size, call)                                                      \
    do {                                                                                           \
        for (size_t part = 0; part < (size); part++) {                                             \
            uint8_t *data = malloc(part ? part : 1);                                               \
            memcpy(data, message, part);                                                           \
            assert_int_equal(call, 0);                                                             \
            free(data);                                                                            \
        }                                                                                          \
        uint8_t *data = malloc((size) + 1);                                                        \
        size_t part = (size) + 1; /* one byte of what follows */                                   \
        memcpy(data, message, size);                                                               \
        data[size] = 0xee;                                                                         \
        assert_int_equal(call, size);                                                              \
        free(data);                                                                                \
    } while (0)

static void test_greeting(void **state)
{
    uint8_t message[SOCKS5_MESSAGE_MAX];
    bool none = false, login = false;
    (void)state;
    assert_int_equal(socks5_build_greeting(message, true, true), 4);
    assert_memory_equal(message, "\x05\x02\x00\x02", 4);
    assert_needs_all(message, 4, socks5_parse_greeting(data, part, &none, &login));
    assert_true(none && login);
    assert_int_equal(socks5_build_greeting(message, false, true), 3);
    assert_needs_all(message, 3, socks5_parse_greeting(data, part, &none, &login));
    assert_true(!none && login);
    assert_int_equal(socks5_parse_greeting((const uint8_t *)"\x05\x00", 2, &none, &login),
                     ERR_PROTOCOL);
    assert_int_equal(socks5_parse_greeting((const uint8_t *)"GET", 3, &none, &login), ERR_PROTOCOL);
}

static void test_choice(void **state)
{
    uint8_t message[SOCKS5_MESSAGE_MAX], method = 0;
    (void)state;
    assert_int_equal(socks5_build_choice(message, SOCKS5_NO_METHOD), 2);
    assert_needs_all(message, 2, socks5_parse_choice(data, part, &method));
    assert_int_equal(method, SOCKS5_NO_METHOD);
    assert_int_equal(socks5_parse_choice((const uint8_t *)"H", 1, &method), ERR_PROTOCOL);
}

static void test_login(void **state)
{
    uint8_t message[SOCKS5_MESSAGE_MAX];
    struct socks5_login login;
    char longest[SOCKS5_TEXT_MAX + 2];
    (void)state;
    assert_int_equal(socks5_build_login(message, "user", "secret"), 13);
    assert_memory_equal(message, "\x01\x04user\x06secret", 13);
    assert_needs_all(message, 13, socks5_parse_login(data, part, &login));
    assert_string_equal(login.user, "user");
    assert_string_equal(login.password, "secret");

    memset(longest, 'a', sizeof(longest));
    longest[SOCKS5_TEXT_MAX + 1] = '\0';
    assert_int_equal(socks5_build_login(message, longest, "x"), -EINVAL);
    longest[SOCKS5_TEXT_MAX] = '\0';
    assert_int_equal(socks5_build_login(message, longest, longest), SOCKS5_MESSAGE_MAX);
    assert_needs_all(message, (size_t)SOCKS5_MESSAGE_MAX, socks5_parse_login(data, part, &login));
    assert_string_equal(login.password, longest);

    assert_int_equal(socks5_parse_login((const uint8_t *)"\x01\x02u\0\x01p", 6, &login),
                     ERR_PROTOCOL);
    assert_int_equal(socks5_parse_login((const uint8_t *)"\x05", 1, &login), ERR_PROTOCOL);
}

static void test_login_reply(void **state)
{
    uint8_t message[SOCKS5_MESSAGE_MAX];
    bool is_accepted = false;
    (void)state;
    assert_int_equal(socks5_build_login_reply(message, true), 2);
    assert_needs_all(message, 2, socks5_parse_login_reply(data, part, &is_accepted));
    assert_true(is_accepted);
    socks5_build_login_reply(message, false);
    assert_needs_all(message, 2, socks5_parse_login_reply(data, part, &is_accepted));
    assert_false(is_accepted);
}

static void check_request(const char *target, size_t size)
{
    uint8_t message[SOCKS5_MESSAGE_MAX];
    struct endpoint endpoint = endpoint_of(target);
    struct socks5_request request;
    assert_int_equal(socks5_build_request(message, SOCKS5_CONNECT, &endpoint), size);
    assert_needs_all(message, size, socks5_parse_request(data, part, &request));
    assert_int_equal(request.command, SOCKS5_CONNECT);
    assert_endpoint(&request.target, target);
}

static void test_request(void **state)
{
    struct socks5_request request;
    char longest[NAME_MAX_BYTES + 1 + 4] = "";
    (void)state;
    check_request("192.0.2.1:80", 10);
    check_request("[2001:db8::1]:443", 22);
    check_request("example.com:65535", 18);
    for (int i = 0; i < 63; i++)
        strcat(longest, "aaa.");
    strcpy(longest + 252, "b:1");
    check_request(longest, 4 + 1 + 253 + 2);
    /* a name that spells an address */
    assert_int_equal(socks5_parse_request((const uint8_t *)"\x05\x01\x00\x03\x09"
                                                           "192.0.2.7"
                                                           "\x00\x50",
                                          16, &request),
                     16);
    assert_false(endpoint_is_name(&request.target));
    assert_int_equal(socks5_parse_request((const uint8_t *)"\x05\x01\x00\x03\x03"
                                                           "a b"
                                                           "\x00\x50",
                                          10, &request),
                     ERR_PROTOCOL);
    assert_int_equal(
        socks5_parse_request((const uint8_t *)"\x05\x01\x00\x03\x00\x00\x50", 7, &request),
        ERR_PROTOCOL);
    assert_int_equal(
        socks5_parse_request((const uint8_t *)"\x05\x01\x00\x05\x00\x00\x50", 7, &request),
        ERR_UNSUPPORTED);
}

static void test_reply(void **state)
{
    uint8_t message[SOCKS5_MESSAGE_MAX], code = 99;
    struct address bound, address;
    (void)state;
    assert_int_equal(address_parse("[2001:db8::1]:1080", &address), 0);
    assert_int_equal(socks5_build_reply(message, SOCKS5_SUCCEEDED, &address), 22);
    assert_needs_all(message, 22, socks5_parse_reply(data, part, &code, &bound));
    assert_int_equal(code, SOCKS5_SUCCEEDED);
    assert_true(address_is_equal(&bound, &address));
    assert_int_equal(socks5_build_reply(message, SOCKS5_SUCCEEDED, NULL), 10);
    assert_memory_equal(message, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10);
    /* a bound name is measured, not read: whatever it is, the bytes after it are the target's */
    const uint8_t named[] = {5, 0, 0, 3, 2, '!', 0, 0, 80};
    assert_needs_all(named, sizeof(named), socks5_parse_reply(data, part, &code, &bound));
    assert_int_equal(bound.family, 0);
    /* a refusal may come without the rest */
    assert_int_equal(socks5_parse_reply((const uint8_t *)"\x05\x05", 2, &code, &bound), 2);
    assert_int_equal(code, SOCKS5_REFUSED);
    assert_int_equal(socks5_parse_reply((const uint8_t *)"\x05\x00\x00\x07\x00", 5, &code, &bound),
                     ERR_PROTOCOL);
}

static void test_udp_header(void **state)
{
    uint8_t message[SOCKS5_UDP_HEADER_MAX], fragment = 9;
    struct endpoint peer, endpoint = endpoint_of("[2001:db8::5]:53");
    (void)state;
    assert_int_equal(socks5_build_udp_header(message, &endpoint), 22);
    assert_needs_all(message, 22, socks5_parse_udp_header(data, part, &fragment, &peer));
    assert_int_equal(fragment, 0);
    assert_endpoint(&peer, "[2001:db8::5]:53");
    endpoint = endpoint_of("example.org:9");
    size_t size = socks5_build_udp_header(message, &endpoint);
    message[2] = 1;
    assert_needs_all(message, size, socks5_parse_udp_header(data, part, &fragment, &peer));
    assert_int_equal(fragment, 1);
    assert_endpoint(&peer, "example.org:9");
}

static void test_codes(void **state)
{
    const int errs[] = {ERR_TARGET_REFUSED, ERR_TARGET_UNREACHABLE, ERR_REFUSED_BY_PROXY,
                        ERR_UNSUPPORTED, 0};
    (void)state;
    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
        assert_int_equal(socks5_code_to_err(socks5_code_of_err(errs[i])), errs[i]);
    assert_int_equal(socks5_code_to_err(200), ERR_REFUSED_BY_PROXY);
    assert_int_equal(socks5_code_of_err(ERR_BLOCKED), SOCKS5_NOT_ALLOWED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greeting),   cmocka_unit_test(test_choice),
        cmocka_unit_test(test_login),      cmocka_unit_test(test_login_reply),
        cmocka_unit_test(test_request),    cmocka_unit_test(test_reply),
        cmocka_unit_test(test_udp_header), cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
