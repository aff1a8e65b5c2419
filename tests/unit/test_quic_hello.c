#include "tests/fake/quic_bytes.h"

#include "adblock/quic_hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "\x83\x94\xc8\xf0\x3e\x51\x57\x08"

static size_t from_hex(const char *hex, uint8_t *to)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        to[i] = (uint8_t)byte;
    }
    return size;
}

/* The result after all of these datagrams, each fed once; all before the last one ask for more. */
static enum quic_hello_result feed(const struct quic_bytes *datagrams, size_t count,
                                   struct tls_hello *ret)
{
    struct quic_hello *hello = quic_hello_new();
    enum quic_hello_result result = QUIC_HELLO_MORE;

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(result, QUIC_HELLO_MORE);
        result = quic_hello_feed(hello, datagrams[i].data, datagrams[i].size, ret);
    }
    quic_hello_free(hello);
    return result;
}

static void assert_name(const struct quic_bytes *datagrams, size_t count, const char *name)
{
    struct tls_hello hello;

    assert_int_equal(feed(datagrams, count, &hello), QUIC_HELLO_NAME);
    assert_string_equal(hello.name, name);
}

/* --- the packets of the standards --- */

/* RFC 9001 A.2, and RFC 9369 A.2: the same CRYPTO frame, packet number 2, 1200 bytes. Whoever has
 * the packet's begin and its tag right has all of it right. */
static const char sample_frame[] =
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413"
    "011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d001700180010"
    "00070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f"
    "1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00"
    "024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8"
    "f03e51570806048000ffff";

static void check_sample(enum quic_version version, const char *begin, const char *tag)
{
    struct quic_bytes frames = {.size = 0}, datagram = {.size = 0};
    uint8_t expected[64];
    size_t size;

    frames.size = from_hex(sample_frame, frames.data);
    quic_bytes_initial(&datagram, version, ID, 2, &frames, QUIC_DATAGRAM_BYTES);
    assert_int_equal(datagram.size, 1200);
    size = from_hex(begin, expected);
    assert_memory_equal(datagram.data, expected, size);
    size = from_hex(tag, expected);
    assert_memory_equal(datagram.data + datagram.size - size, expected, size);
    assert_name(&datagram, 1, "example.com");
}

static void test_the_sample_of_version_1(void **state)
{
    (void)state;
    check_sample(QUIC_V1,
                 "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b",
                 "e221af44860018ab0856972e194cd934");
}

static void test_the_sample_of_version_2(void **state)
{
    (void)state;
    check_sample(QUIC_V2,
                 "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071",
                 "a18b2faa745b6fe189cf772a9f84cbfc");
}

static void check_capture(const char *file, const char *name)
{
    struct quic_bytes datagram;
    FILE *stream = fopen(file, "rb");

    assert_non_null(stream);
    datagram.size = fread(datagram.data, 1, sizeof(datagram.data), stream);
    fclose(stream);
    assert_name(&datagram, 1, name);
}

/* What ngtcp2's client sent, as it stood on the wire. */
static void test_what_a_client_sent(void **state)
{
    (void)state;
    check_capture(CAPTURES "/client-v1", "localhost");
}

/* --- pieces --- */

enum { BEFORE = 1500 }; /* of another extension: more than one datagram holds */

/* The hello's bytes from `from` to `to`, as the only frame of a packet of its own. */
static void add_piece(struct quic_bytes *datagram, const struct quic_bytes *hello, uint32_t number,
                      size_t from, size_t to, size_t end)
{
    struct quic_bytes frames = {.size = 0};

    quic_bytes_crypto(&frames, from, hello->data + from, to - from);
    quic_bytes_initial(datagram, QUIC_V1, ID, number, &frames, end);
}

static void test_over_two_datagrams_in_any_order(void **state)
{
    struct quic_bytes hello = {.size = 0}, datagrams[2] = {{.size = 0}};

    (void)state;
    quic_bytes_hello(&hello, "long.example", BEFORE);
    add_piece(&datagrams[0], &hello, 0, 0, 1000, QUIC_DATAGRAM_BYTES);
    add_piece(&datagrams[1], &hello, 1, 1000, hello.size, QUIC_DATAGRAM_BYTES);
    assert_name(datagrams, 2, "long.example");
    struct quic_bytes turned[2] = {datagrams[1], datagrams[0]};
    assert_name(turned, 2, "long.example");
    struct quic_bytes again[3] = {datagrams[0], datagrams[0], datagrams[1]};
    assert_name(again, 3, "long.example");
}

static void test_over_packets_of_one_datagram(void **state)
{
    struct quic_bytes hello = {.size = 0}, datagram = {.size = 0};

    (void)state;
    quic_bytes_hello(&hello, "coalesced.example", 0);
    add_piece(&datagram, &hello, 1, 40, hello.size, 0);
    add_piece(&datagram, &hello, 0, 0, 50, QUIC_DATAGRAM_BYTES); /* they may overlap */
    assert_name(&datagram, 1, "coalesced.example");
}

static void test_frames_in_disorder_among_others(void **state)
{
    static const uint8_t ack[] = {2, 5, 0, 1, 1, 0, 1}, ping[] = {1, 0, 0, 1};
    static const uint8_t ack_ecn[] = {3, 5, 0, 0, 1, 1, 2, 3};
    struct quic_bytes hello = {.size = 0}, frames = {.size = 0}, datagram = {.size = 0};

    (void)state;
    quic_bytes_hello(&hello, "scrambled.example", 0);
    for (size_t end = hello.size; end > 0;) {
        size_t from = end > 7 ? end - 7 : 0;
        quic_bytes_crypto(&frames, from, hello.data + from, end - from);
        memcpy(frames.data + frames.size, ping, sizeof(ping));
        frames.size += sizeof(ping);
        memcpy(frames.data + frames.size, from % 2 ? ack : ack_ecn, from % 2 ? 7 : 8);
        frames.size += from % 2 ? 7 : 8;
        end = from;
    }
    quic_bytes_initial(&datagram, QUIC_V1, ID, 0, &frames, QUIC_DATAGRAM_BYTES);
    assert_name(&datagram, 1, "scrambled.example");
}

static void test_a_gap_is_waited_for(void **state)
{
    struct quic_bytes hello = {.size = 0}, datagrams[3] = {{.size = 0}};

    (void)state;
    quic_bytes_hello(&hello, "gap.example", BEFORE);
    add_piece(&datagrams[0], &hello, 0, 0, 700, QUIC_DATAGRAM_BYTES);
    add_piece(&datagrams[1], &hello, 2, 900, hello.size, QUIC_DATAGRAM_BYTES);
    add_piece(&datagrams[2], &hello, 1, 700, 900, QUIC_DATAGRAM_BYTES);
    assert_name(datagrams, 3, "gap.example");
}

/* --- none --- */

static void test_no_name(void **state)
{
    struct quic_bytes datagram = {.size = 0};
    struct tls_hello hello;

    (void)state;
    quic_bytes_first(&datagram, QUIC_V1, ID, NULL);
    assert_int_equal(feed(&datagram, 1, &hello), QUIC_HELLO_NO_NAME);
}

static void test_what_is_no_beginning(void **state)
{
    struct quic_bytes datagram = {.size = 0}, other = {.size = 0};
    struct tls_hello hello;
    struct quic_id id;

    (void)state;
    quic_bytes_first(&datagram, QUIC_V1, ID, "web.example");
    assert_true(quic_hello_is_initial(datagram.data, datagram.size, &id));
    assert_int_equal(id.size, 8);
    other = datagram;
    other.data[600] ^= 1; /* altered: no keys that we know */
    assert_int_equal(feed(&other, 1, &hello), QUIC_HELLO_NONE);
    other = datagram;
    other.data[6] ^= 1; /* for an id that a server chose */
    assert_int_equal(feed(&other, 1, &hello), QUIC_HELLO_NONE);
    other = datagram;
    other.data[4] = 9; /* another version */
    assert_false(quic_hello_is_initial(other.data, other.size, &id));
    assert_int_equal(feed(&other, 1, &hello), QUIC_HELLO_NONE);
    other = datagram;
    other.size = 700; /* cut */
    assert_false(quic_hello_is_initial(other.data, other.size, &id));
    datagram.data[0] &= 0x7f; /* a short header */
    assert_false(quic_hello_is_initial(datagram.data, datagram.size, &id));
}

static void test_packets_for_another_id_are_passed_over(void **state)
{
    struct quic_bytes hello = {.size = 0}, datagrams[2] = {{.size = 0}};
    struct tls_hello ret;

    (void)state;
    quic_bytes_hello(&hello, "gap.example", BEFORE);
    add_piece(&datagrams[0], &hello, 0, 0, 1000, QUIC_DATAGRAM_BYTES);
    quic_bytes_first(&datagrams[1], QUIC_V1, "other id", "other.example");
    assert_int_equal(feed(datagrams, 2, &ret), QUIC_HELLO_MORE);
}

/* The name is in the part that is read, or it is as good as none: no more than the limit is kept.
 */
static void test_a_hello_beyond_the_limit(void **state)
{
    struct quic_hello *hello = quic_hello_new();
    enum quic_hello_result result = QUIC_HELLO_MORE;
    static const uint8_t head[] = {1, 0, 0x7f, 0xff, 3, 3};
    uint8_t piece[1000] = {0};
    struct tls_hello ret;
    int fed = 0;

    (void)state;
    memcpy(piece, head, sizeof(head));
    for (size_t at = 0; result == QUIC_HELLO_MORE; at += sizeof(piece), fed++) {
        struct quic_bytes frames = {.size = 0}, datagram = {.size = 0};
        quic_bytes_crypto(&frames, at, piece, sizeof(piece));
        quic_bytes_initial(&datagram, QUIC_V1, ID, (uint32_t)fed, &frames, QUIC_DATAGRAM_BYTES);
        result = quic_hello_feed(hello, datagram.data, datagram.size, &ret);
        memset(piece, 0, sizeof(head));
        assert_true(fed < 20);
    }
    assert_int_not_equal(result, QUIC_HELLO_NAME);
    assert_int_equal(fed, 17);
    quic_hello_free(hello);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sample_of_version_1),
        cmocka_unit_test(test_the_sample_of_version_2),
        cmocka_unit_test(test_what_a_client_sent),
        cmocka_unit_test(test_over_two_datagrams_in_any_order),
        cmocka_unit_test(test_over_packets_of_one_datagram),
        cmocka_unit_test(test_frames_in_disorder_among_others),
        cmocka_unit_test(test_a_gap_is_waited_for),
        cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_what_is_no_beginning),
        cmocka_unit_test(test_packets_for_another_id_are_passed_over),
        cmocka_unit_test(test_a_hello_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
