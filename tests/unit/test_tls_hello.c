#include "adblock/sniff.h"
#include "adblock/tls_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A hello put together from its extensions; GREASE (RFC 8701) in front of everything. */
struct hello {
    uint8_t data[4 * SNIFF_MAX_BYTES];
    size_t size;
};

static void add(struct hello *hello, const void *data, size_t size)
{
    memcpy(hello->data + hello->size, data, size);
    hello->size += size;
}

static void add16(struct hello *hello, size_t value)
{
    uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    add(hello, bytes, 2);
}

static void add_extension(struct hello *hello, unsigned type, const void *data, size_t size)
{
    add16(hello, type);
    add16(hello, size);
    add(hello, data, size);
}

static void add_name(struct hello *hello, const char *name)
{
    size_t size = strlen(name);
    struct hello list = {.size = 0};
    add16(&list, size + 3);
    add(&list, "\0", 1);
    add16(&list, size);
    add(&list, name, size);
    add_extension(hello, 0, list.data, list.size);
}

static void add_message(struct hello *to, const struct hello *extensions)
{
    struct hello body = {.size = 0};
    add(&body, "\3\3", 2);
    memset(body.data + body.size, 7, 32);
    body.size += 32;
    add(&body,
        "\x04"
        "abcd",
        5);
    add(&body, "\0\4\x0a\x0a\x13\x01", 6);
    add(&body, "\1\0", 2);
    if (extensions) {
        add16(&body, extensions->size);
        add(&body, extensions->data, extensions->size);
    }
    add(to, "\1\0", 2);
    add16(to, body.size);
    add(to, body.data, body.size);
}

/* Cut into records of `size` bytes. */
static struct hello in_records(const struct hello *message, size_t size)
{
    struct hello all = {.size = 0};
    for (size_t at = 0; at < message->size; at += size) {
        size_t here = message->size - at < size ? message->size - at : size;
        add(&all, "\x16\3\1", 3);
        add16(&all, here);
        add(&all, message->data + at, here);
    }
    return all;
}

static struct hello hello_for(const char *name)
{
    struct hello extensions = {.size = 0}, message = {.size = 0};
    add_extension(&extensions, 0x2a2a, "", 0);
    if (name)
        add_name(&extensions, name);
    add_extension(&extensions, 43, "\2\3\4", 3);
    add_message(&message, &extensions);
    return in_records(&message, 16384);
}

static enum tls_hello_result parse(const struct hello *hello, struct tls_hello *ret)
{
    uint8_t *exact = malloc(hello->size ? hello->size : 1); /* so that asan sees a byte too many */
    memcpy(exact, hello->data, hello->size);
    enum tls_hello_result result = tls_hello_parse(exact, hello->size, ret);
    free(exact);
    return result;
}

static void test_name(void **state)
{
    (void)state;
    struct tls_hello hello;
    struct hello bytes = hello_for("WWW.Example.com");
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
    assert_string_equal(hello.name, "www.example.com");
    assert_false(hello.has_ech);
    add(&bytes, "\x14\3\3\0\1\1", 6); /* what follows is not looked at */
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
}

static void test_no_name(void **state)
{
    (void)state;
    struct tls_hello hello;
    struct hello bytes = hello_for(NULL), message = {.size = 0};
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NO_NAME);
    assert_string_equal(hello.name, "");
    add_message(&message, NULL);
    bytes = in_records(&message, 16384);
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NO_NAME);
}

static void test_every_segment_needs_more(void **state)
{
    (void)state;
    struct tls_hello hello;
    struct hello whole = hello_for("www.example.com");
    for (size_t size = 0; size < whole.size; size++) {
        struct hello part = whole;
        part.size = size;
        assert_int_equal(parse(&part, &hello), TLS_HELLO_MORE);
    }
}

static void test_any_record_size(void **state)
{
    (void)state;
    struct hello extensions = {.size = 0}, message = {.size = 0};
    add_name(&extensions, "a.example");
    add_message(&message, &extensions);
    for (size_t size = 1; size <= message.size; size++) {
        struct tls_hello hello;
        struct hello bytes = in_records(&message, size);
        assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
        assert_string_equal(hello.name, "a.example");
        add(&bytes, "\x14\3\3\0\1\1", 6);
        assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
        bytes.size -= 7;
        assert_int_equal(parse(&bytes, &hello), TLS_HELLO_MORE);
    }
}

static void test_ech(void **state)
{
    (void)state;
    struct tls_hello hello;
    struct hello extensions = {.size = 0}, message = {.size = 0};
    add_name(&extensions, "outer.example");
    add_extension(&extensions, 0xfe0d, "\0\0\1\0\1x\0\0\0\0", 10);
    add_message(&message, &extensions);
    struct hello bytes = in_records(&message, 16384);
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
    assert_string_equal(hello.name, "outer.example");
    assert_true(hello.has_ech);
}

/* Key shares and padding beyond what is looked at: the name in front of them still counts. */
static void test_hello_larger_than_the_limit(void **state)
{
    (void)state;
    static uint8_t padding[2 * SNIFF_MAX_BYTES];
    struct tls_hello hello;
    struct hello extensions = {.size = 0}, message = {.size = 0};
    add_name(&extensions, "a.example");
    add_extension(&extensions, 21, padding, sizeof(padding));
    add_message(&message, &extensions);
    struct hello bytes = in_records(&message, 16384);
    bytes.size = SNIFF_MAX_BYTES - 1;
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_MORE);
    bytes.size = SNIFF_MAX_BYTES;
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
    assert_string_equal(hello.name, "a.example");
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    const char *bad[] = {
        "a b",  "a..b",
        ".a",   "",
        "a/b",  "\xc3\xa4.example",
        "a:80", "1234567890123456789012345678901234567890123456789012345678901234.com"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct tls_hello hello;
        struct hello bytes = hello_for(bad[i]);
        assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NO_NAME);
        assert_string_equal(hello.name, "");
    }
    struct tls_hello hello;
    struct hello bytes = hello_for("a_b.example.");
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NAME);
    assert_string_equal(hello.name, "a_b.example");
}

static void test_two_names_are_malformed(void **state)
{
    (void)state;
    struct tls_hello hello;
    struct hello extensions = {.size = 0}, message = {.size = 0};
    add_name(&extensions, "a.example");
    add_name(&extensions, "b.example");
    add_message(&message, &extensions);
    struct hello bytes = in_records(&message, 16384);
    assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NOT_TLS);
}

static void test_not_tls(void **state)
{
    (void)state;
    const char *other[] = {"GET / HTTP/1.1\r\n", "\x15\3\1\0\2", "\x16\2", "\x16\3\1\xff\xff",
                           "\x16\3\1\1\1\2"};
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
        struct tls_hello hello;
        struct hello bytes = {.size = 0};
        add(&bytes, other[i], strlen(other[i]));
        assert_int_equal(parse(&bytes, &hello), TLS_HELLO_NOT_TLS);
    }
}

/* No length may lead beyond its vector, and none may be ignored. */
static void test_every_wrong_length(void **state)
{
    (void)state;
    struct hello right = hello_for("www.example.com");
    for (size_t at = 9; at < right.size; at++) {
        for (int value = 0; value < 256; value++) {
            struct tls_hello hello = {.name = "untouched"};
            struct hello bytes = right;
            bytes.data[at] = (uint8_t)value;
            enum tls_hello_result result = parse(&bytes, &hello);
            if (result == TLS_HELLO_MORE || result == TLS_HELLO_NOT_TLS)
                assert_string_equal(hello.name, "untouched");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_every_segment_needs_more),
        cmocka_unit_test(test_any_record_size),
        cmocka_unit_test(test_ech),
        cmocka_unit_test(test_hello_larger_than_the_limit),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_two_names_are_malformed),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_every_wrong_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
