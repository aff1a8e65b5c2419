#include "adblock/sniff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sniff sniff;

static enum sniff_result look(const char *text)
{
    return sniff_look(text, strlen(text), &sniff);
}

static void assert_http(const char *text, const char *host)
{
    assert_int_equal(look(text), SNIFF_HTTP);
    assert_string_equal(sniff.host, host);
}

static void test_http_host(void **state)
{
    (void)state;
    assert_http("GET / HTTP/1.1\r\nHost: WWW.Example.com\r\n\r\n", "www.example.com");
    assert_http("GET / HTTP/1.1\r\nHost: www.example.com:8080\r\n\r\nbody", "www.example.com");
    assert_http("POST /x HTTP/1.0\r\nHost: [2001:DB8::1]:80\r\n\r\n", "2001:db8::1");
    assert_http("M-SEARCH / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "192.0.2.1");
    assert_http("\r\nGET / HTTP/1.1\r\nHost: a.example.\r\n\r\n", "a.example");
    assert_http("GET / HTTP/1.0\r\n\r\n", "");
}

static void test_http_absolute_target(void **state)
{
    (void)state;
    assert_http("GET http://a.example:81/x?y HTTP/1.1\r\nHost: a.example:81\r\n\r\n", "a.example");
    assert_http("GET /http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", "b.example");
    assert_http("GET http://a.example HTTP/1.0\r\n\r\n", "a.example");
    assert_http("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", ""); /* refused */
}

static void test_malformed_heads_are_still_http(void **state)
{
    (void)state;
    assert_http("GET / HTTP/1.1\nHost: a.example\n\n", "");
    assert_http("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "");
    assert_http("GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n", "");
    assert_http("GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n", "");
    assert_http("GET /no-version\r\n", "");
}

static void test_every_part_of_a_request_needs_more(void **state)
{
    (void)state;
    const char *request = "\r\nGET /path HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for (size_t size = 0; size < strlen(request); size++) {
        assert_int_equal(sniff_look(request, size, &sniff), SNIFF_MORE);
        assert_string_equal(sniff.host, "");
    }
}

static void test_other_protocols(void **state)
{
    (void)state;
    const char *other[] = {
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "EHLO client.example\r\n",
        "INVITE sip:a@b.example SIP/2.0\r\n",
        "FETCH /no-version\r\n",
        "\x80\x2e\1\3\1",
        "\x16\2",
        " GET / HTTP/1.1\r\n",
        "{\"json\": 1}\n",
        "averyveryveryveryveryveryverylongtoken / HTTP/1.1\r\n",
        "\r\n\r\nPRI * HTTP/2.0\r\n",
    };
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        assert_int_equal(look(other[i]), SNIFF_UNKNOWN);
}

static void test_limit(void **state)
{
    (void)state;
    size_t size = SNIFF_MAX_BYTES;
    char *text = malloc(size);
    memset(text, 'a', size);
    assert_int_equal(sniff_look(text, size, &sniff), SNIFF_UNKNOWN);
    memcpy(text, "GET /", strlen("GET /"));
    assert_int_equal(sniff_look(text, size, &sniff), SNIFF_HTTP);
    assert_int_equal(sniff_look(text, size - 1, &sniff), SNIFF_MORE);
    const char *head = "GET / HTTP/1.1\r\nHost: a.example\r\nX: ";
    memcpy(text, head, strlen(head));
    assert_int_equal(sniff_look(text, size, &sniff), SNIFF_HTTP);
    text[0] = 0x16; /* a record header, but the record is not of a hello */
    text[1] = 3;
    text[3] = 1;
    assert_int_equal(sniff_look(text, size, &sniff), SNIFF_UNKNOWN);
    free(text);
}

static void test_tls_without_a_name(void **state)
{
    (void)state;
    static const uint8_t hello[] = "\x16\3\1\0\x2e\1\0\0\x2a\3\3"
                                   "abcdefghabcdefghabcdefghabcdefgh"
                                   "\0\0\2\x13\1\1\0\0";
    assert_int_equal(sniff_look(hello, 5 + 0x2e, &sniff), SNIFF_UNKNOWN); /* one byte too many */
    uint8_t right[sizeof(hello)];
    memcpy(right, hello, sizeof(hello));
    right[4]--;
    right[8]--;
    assert_int_equal(sniff_look(right, 5 + 0x2d, &sniff), SNIFF_TLS);
    assert_string_equal(sniff.host, "");
    assert_int_equal(sniff_look(right, 5 + 0x2c, &sniff), SNIFF_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_host),
        cmocka_unit_test(test_http_absolute_target),
        cmocka_unit_test(test_malformed_heads_are_still_http),
        cmocka_unit_test(test_every_part_of_a_request_needs_more),
        cmocka_unit_test(test_other_protocols),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_tls_without_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
