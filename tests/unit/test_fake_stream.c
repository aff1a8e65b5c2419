#include "base/err.h"
#include "tests/fake/fake_stream.h"
#include "tests/unit/stream_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct loop *loop;
    struct fake_stream *fake;
    int wakes;
};

static void on_wake(void *owner)
{
    ((struct fixture *)owner)->wakes++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    f->fake = fake_stream_new(f->loop);
    stream_set_owner(&f->fake->stream, on_wake, f);
    loop_run(f->loop);
    f->wakes = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (!f->fake->is_closed && !f->fake->is_aborted)
        stream_close(&f->fake->stream);
    fake_stream_free(f->fake);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void input_is_cut_as_told(void **state)
{
    struct fixture *f = *state;
    struct span spans[8];
    fake_stream_feed(f->fake, "0123456789", 10);
    loop_run(f->loop);
    assert_int_equal(f->wakes, 1);
    f->fake->span_bytes_max = 4;
    assert_int_equal(stream_peek(&f->fake->stream, spans, 8), 3);
    assert_int_equal(spans[2].size, 2);
    f->fake->peek_bytes_max = 5;
    assert_int_equal(stream_peek(&f->fake->stream, spans, 8), 2);
    assert_memory_equal(spans[1].data, "4", 1);
    assert_int_equal(stream_peek(&f->fake->stream, spans, 1), 1);
}

static void lent_spans_have_no_chunk(void **state)
{
    struct fixture *f = *state;
    struct span span;
    fake_stream_feed(f->fake, "0123456789", 10);
    assert_int_equal(stream_peek(&f->fake->stream, &span, 1), 1);
    assert_non_null(span.chunk);
    f->fake->lends = true;
    assert_int_equal(stream_peek(&f->fake->stream, &span, 1), 1);
    assert_null(span.chunk);
    assert_memory_equal(span.data, "0123456789", 10);
}

static void output_needs_credit(void **state)
{
    struct fixture *f = *state;
    char text[16];
    f->fake->credit = 3;
    assert_int_equal(stream_write_bytes(&f->fake->stream, "hello", 5), 3);
    assert_int_equal(stream_write_bytes(&f->fake->stream, "lo", 2), 0);
    loop_run(f->loop);
    assert_int_equal(f->wakes, 0);
    fake_stream_grant(f->fake, 10);
    loop_run(f->loop);
    assert_int_equal(f->wakes, 1);
    assert_int_equal(stream_write_bytes(&f->fake->stream, "lo", 2), 2);
    assert_int_equal(f->fake->written, 5);
    assert_int_equal(fake_stream_take(f->fake, text, sizeof(text)), 5);
    assert_memory_equal(text, "hello", 5);
}

static void ends_come_after_bytes_and_resets_before(void **state)
{
    struct fixture *f = *state;
    struct span span;
    fake_stream_feed(f->fake, "x", 1);
    fake_stream_end(f->fake, ERR_EOF);
    assert_int_equal(stream_peek(&f->fake->stream, &span, 1), 1);
    stream_consume(&f->fake->stream, 1);
    assert_int_equal(stream_peek(&f->fake->stream, &span, 1), ERR_EOF);
    assert_int_equal(stream_write_bytes(&f->fake->stream, "x", 1), 1);
    fake_stream_end(f->fake, -ECONNRESET);
    assert_int_equal(stream_peek(&f->fake->stream, &span, 1), -ECONNRESET);
    assert_int_equal(stream_write_bytes(&f->fake->stream, "x", 1), -ECONNRESET);
}

static void gather_joins_what_is_cut(void **state)
{
    struct fixture *f = *state;
    char text[16] = "";
    fake_stream_feed(f->fake, "0123456789", 10);
    f->fake->span_bytes_max = 1;
    assert_int_equal(stream_gather(&f->fake->stream, text, 8), 8);
    assert_string_equal(text, "01234567");
    stream_consume(&f->fake->stream, 10);
    assert_int_equal(stream_gather(&f->fake->stream, text, 8), 0);
    fake_stream_end(f->fake, ERR_EOF);
    assert_int_equal(stream_gather(&f->fake->stream, text, 8), ERR_EOF);
}

/* ---- a pair through the suite; and, to show that the suite can fail, pairs with a defect ---- */

static const struct stream_ops *honest;
static struct stream_ops broken;

static void consume_and_wake_inside(struct stream *stream, size_t size)
{
    honest->consume(stream, size);
    stream->on_wake(stream->owner);
}

static void close_and_wake_later(struct stream *stream)
{
    static struct deferred late;
    deferred_init(&late, stream->wake.loop, stream->on_wake, stream->owner);
    deferred_schedule(&late);
    honest->close(stream);
}

static void close_without_flush(struct stream *stream)
{
    honest->abort(stream);
}

static int peek_with_stale_end(struct stream *stream, struct span *ret, int max)
{
    int count = honest->peek(stream, ret, max);
    return count == ERR_EOF ? 0 : count;
}

static ssize_t write_without_copy_limit(struct stream *stream, const struct span *spans, int count)
{
    ssize_t taken = honest->write(stream, spans, count);
    ssize_t wanted = 0;
    for (int i = 0; i < count; i++)
        wanted += (ssize_t)spans[i].size;
    return taken < 0 ? taken : wanted; /* claims more than it took */
}

static int finish_early(struct stream *stream)
{
    (void)stream;
    return 0; /* and nobody ever hears of it */
}

static int peek_and_swap(struct stream *stream, struct span *ret, int max)
{
    int count = honest->peek(stream, ret, max);
    if (count > 0 && ret[0].size > 1)
        ret[0].data++;
    return count;
}

static const struct defect {
    const char *name;
    struct stream_ops ops;
} defects[] = {
    {"wake-inside", {.consume = consume_and_wake_inside}},
    {"wake-after-close", {.close = close_and_wake_later}},
    {"no-flush", {.close = close_without_flush}},
    {"no-end", {.peek = peek_with_stale_end}},
    {"lost-bytes", {.write = write_without_copy_limit}},
    {"no-finish", {.finish = finish_early}},
    {"wrong-bytes", {.peek = peek_and_swap}},
};

static void make_broken(const struct stream_ops *ops, const struct stream_ops *defect)
{
    honest = ops;
    broken = *ops;
    if (defect->peek)
        broken.peek = defect->peek;
    if (defect->consume)
        broken.consume = defect->consume;
    if (defect->write)
        broken.write = defect->write;
    if (defect->finish)
        broken.finish = defect->finish;
    if (defect->close)
        broken.close = defect->close;
}

static int open_fake_pair(void *owner, struct loop *loop, struct contract_pair *ret)
{
    const struct defect *defect = owner;
    struct fake_stream *near_end, *far_end;
    fake_stream_new_pair(loop, 100000, &near_end, &far_end);
    if (defect) {
        make_broken(near_end->stream.ops, &defect->ops);
        near_end->stream.ops = &broken;
    }
    ret->stream = &near_end->stream;
    int err = contract_remote_from_stream(&far_end->stream, &ret->remote);
    fake_stream_free(near_end);
    fake_stream_free(far_end);
    return err;
}

#define fake_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fake_test(input_is_cut_as_told),     fake_test(lent_spans_have_no_chunk),
        fake_test(output_needs_credit),      fake_test(ends_come_after_bytes_and_resets_before),
        fake_test(gather_joins_what_is_cut),
    };
    struct stream_contract contract = {.name = "fake pair", .open = open_fake_pair};
    for (size_t i = 0; argc > 1 && i < sizeof(defects) / sizeof(defects[0]); i++) {
        if (strcmp(defects[i].name, argv[1]) == 0) {
            contract.owner = (void *)&defects[i];
            contract.patience_ms = 20;
            return stream_contract_run(&contract);
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL) + stream_contract_run(&contract);
}
