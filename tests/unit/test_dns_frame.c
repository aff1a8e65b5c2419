/* Messages with their length in front, however the stream cuts them. */
#include "tests/fake/fake_stream.h"

#include "adblock/dns_message.h"
#include "base/err.h"
#include "service/engine/dns_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct lab {
    struct loop *loop;
    struct fake_stream *fake;
    struct dns_frames frames;
    struct buf output;
};

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    lab->loop = loop_new();
    lab->fake = fake_stream_new(lab->loop);
    buf_init(&lab->output, loop_chunks(lab->loop), 100000);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    dns_frames_done(&lab->frames);
    buf_done(&lab->output);
    stream_abort(&lab->fake->stream);
    fake_stream_free(lab->fake);
    loop_free(lab->loop);
    free(lab);
    return 0;
}

static void feed(struct lab *lab, size_t size, int byte)
{
    uint8_t *frame = malloc(size + 2);
    frame[0] = (uint8_t)(size >> 8);
    frame[1] = (uint8_t)size;
    memset(frame + 2, byte, size);
    fake_stream_feed(lab->fake, frame, size + 2);
    free(frame);
}

static void expect(struct lab *lab, ssize_t size, int byte)
{
    uint8_t *message;
    assert_int_equal(dns_frames_next(&lab->frames, &lab->fake->stream, &message), size);
    for (ssize_t i = 0; i < size; i++)
        assert_int_equal(message[i], byte);
}

static void test_one_after_the_other(void **state)
{
    struct lab *lab = *state;

    expect(lab, 0, 0);
    feed(lab, 30, 'a');
    feed(lab, 12, 'b');
    feed(lab, 2000, 'c');
    expect(lab, 30, 'a');
    expect(lab, 12, 'b');
    expect(lab, 2000, 'c');
    expect(lab, 0, 0);
    fake_stream_end(lab->fake, ERR_EOF);
    expect(lab, ERR_EOF, 0);
    expect(lab, ERR_EOF, 0);
}

static void test_in_any_pieces(void **state)
{
    struct lab *lab = *state;
    uint8_t frame[702] = {2, 188}; /* 700 bytes, more spans than are looked at at once */
    uint8_t *message;

    lab->fake->lends = true;
    for (size_t i = 0; i < sizeof(frame); i++) {
        assert_int_equal(dns_frames_next(&lab->frames, &lab->fake->stream, &message), 0);
        fake_stream_feed(lab->fake, frame + i, 1);
    }
    expect(lab, 700, 0);

    lab->fake->span_bytes_max = 1;
    feed(lab, 700, 'x');
    expect(lab, 700, 'x');
}

/* Nothing is left unread while a message is awaited, so that it may be larger than the window. */
static void test_the_largest(void **state)
{
    struct lab *lab = *state;

    feed(lab, DNS_MESSAGE_MAX, 'l');
    lab->fake->peek_bytes_max = 1000;
    expect(lab, DNS_MESSAGE_MAX, 'l');
    feed(lab, 12, 's');
    expect(lab, 12, 's');
}

static void test_an_end_in_the_middle_is_an_end(void **state)
{
    struct lab *lab = *state;

    fake_stream_feed(lab->fake, "\0\40half", 6);
    expect(lab, 0, 0);
    fake_stream_end(lab->fake, ERR_EOF);
    expect(lab, ERR_EOF, 0);
}

static void test_too_short_for_a_header(void **state)
{
    struct lab *lab = *state;
    feed(lab, 11, 'x');
    expect(lab, ERR_PROTOCOL, 0);
}

static void test_nothing_is_too_short(void **state)
{
    struct lab *lab = *state;
    feed(lab, 0, 0);
    expect(lab, ERR_PROTOCOL, 0);
}

static void test_put_whole_and_flushed_as_it_goes(void **state)
{
    struct lab *lab = *state;
    uint8_t message[60000], taken[100];

    memset(message, 'm', sizeof(message));
    lab->fake->credit = 10;
    assert_int_equal(dns_frame_put(&lab->output, message, 20), 0);
    assert_int_equal(dns_frame_put(&lab->output, message, sizeof(message)), 0);
    assert_int_equal(dns_frame_put(&lab->output, message, sizeof(message)), ERR_LIMIT);
    assert_int_equal(dns_frame_put(&lab->output, message, DNS_MESSAGE_MAX + 1), ERR_LIMIT);
    assert_int_equal(dns_frame_flush(&lab->output, &lab->fake->stream), 0);
    assert_int_equal(buf_size(&lab->output), sizeof(message) + 2 + 22 - 10);
    assert_int_equal(fake_stream_take(lab->fake, taken, sizeof(taken)), 10);
    assert_memory_equal(taken, "\0\24mmmmmmmm", 10);
    fake_stream_grant(lab->fake, SIZE_MAX);
    assert_int_equal(dns_frame_flush(&lab->output, &lab->fake->stream), 0);
    assert_int_equal(buf_size(&lab->output), 0);
    fake_stream_end(lab->fake, -104);
    assert_int_equal(dns_frame_put(&lab->output, message, 20), 0);
    assert_int_equal(dns_frame_flush(&lab->output, &lab->fake->stream), -104);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_one_after_the_other),
        lab_test(test_in_any_pieces),
        lab_test(test_the_largest),
        lab_test(test_an_end_in_the_middle_is_an_end),
        lab_test(test_too_short_for_a_header),
        lab_test(test_nothing_is_too_short),
        lab_test(test_put_whole_and_flushed_as_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
