/* Cases of the stream contract: bytes, spans, backpressure, wakes. */
#include "tests/unit/contract/fixture.h"

/* ---- bytes ---- */

static void bytes_arrive_one_at_a_time(struct fixture *f)
{
    f->reads_on_wake = true;
    for (size_t goal = 1; goal <= 300; goal++) {
        until(f, f->sent == goal, contract_send_up_to(f, goal, 1));
        until(f, f->read == goal, );
    }
}

static void bytes_leave_one_at_a_time(struct fixture *f)
{
    for (size_t goal = 1; goal <= 300; goal++) {
        until(f, f->written == goal, contract_write_up_to(f, goal, 1));
        until(f, f->received == goal, contract_receive_all(f));
    }
}

static void many_bytes_arrive_in_order(struct fixture *f)
{
    f->reads_on_wake = true;
    until(f, f->read == MUCH_BYTES, contract_send_up_to(f, MUCH_BYTES, MUCH_BYTES));
}

static void many_bytes_leave_in_order(struct fixture *f)
{
    until(f, f->received == MUCH_BYTES,
          (contract_write_up_to(f, MUCH_BYTES, 60000), contract_receive_all(f)));
}

static void both_directions_flow_at_once(struct fixture *f)
{
    f->reads_on_wake = true;
    until(f, f->received == MUCH_BYTES && f->read == MUCH_BYTES,
          (contract_send_up_to(f, MUCH_BYTES, 7777), contract_write_up_to(f, MUCH_BYTES, 5555),
           contract_receive_all(f)));
}

static void spans_of_all_sizes_are_written_whole(struct fixture *f)
{
    enum { COUNT = 100 };
    static uint8_t data[COUNT * COUNT];
    struct span spans[COUNT];
    size_t total = 0;
    contract_fill_pattern(data, 0, sizeof(data));
    for (int i = 0; i < COUNT; i++) {
        spans[i] = (struct span){.data = data + total, .size = (size_t)(i % 7 ? i : 0)};
        total += spans[i].size;
    }
    ssize_t taken = contract_write_spans(f, spans, COUNT);
    assert_true(taken > 0 && taken <= (ssize_t)total);
    until(f, f->received == (size_t)taken, contract_receive_all(f));
    assert_int_equal(contract_write_spans(f, spans, 1), 0); /* of size 0 */
    assert_int_equal(contract_write_spans(f, spans, 0), 0);
}

static void written_chunks_are_kept_or_copied(struct fixture *f)
{
    struct chunk *chunk = chunk_new(loop_chunks(f->loop), 10000);
    assert_non_null(chunk);
    contract_fill_pattern(chunk->data, 0, 10000);
    struct span span = {.data = chunk->data, .size = 10000, .chunk = chunk};
    ssize_t taken = contract_write_spans(f, &span, 1);
    assert_true(taken >= 0);
    chunk_unref(chunk);
    until(f, f->received == (size_t)taken, contract_receive_all(f));
}

/* ---- peek and consume ---- */

static void peek_shows_the_same_until_consumed(struct fixture *f)
{
    struct span spans[STREAM_SPANS];
    contract_send_up_to(f, 100, 100);
    until(f, contract_peek(f, spans, STREAM_SPANS) > 0, );
    for (int i = 0; i < 3; i++) {
        assert_true(contract_peek(f, spans, 1) == 1);
        assert_true(contract_is_pattern(spans[0].data, 0, spans[0].size));
    }
    contract_consume(f, 1);
    for (f->read = 1; f->read < 100; f->read++) {
        until(f, contract_peek(f, spans, 1) == 1, );
        assert_true(spans[0].size > 0);
        assert_int_equal(spans[0].data[0], contract_pattern_at(f->read));
        contract_consume(f, 1);
    }
    assert_int_equal(contract_peek(f, spans, 1), 0);
}

static void peeked_spans_live_until_the_next_call(struct fixture *f)
{
    struct span spans[STREAM_SPANS];
    contract_send_up_to(f, 2000, 2000);
    until(f, contract_peek(f, spans, STREAM_SPANS) > 0, );
    int count = contract_peek(f, spans, STREAM_SPANS);
    contract_send_up_to(f, 50000, 2000); /* more comes in while they are held */
    contract_settle(f);
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        assert_true(contract_is_pattern(spans[i].data, size, spans[i].size));
        size += spans[i].size;
    }
}

static void referenced_chunks_outlive_the_stream(struct fixture *f)
{
    struct span spans[STREAM_SPANS];
    contract_send_up_to(f, 20000, 20000);
    until(f, contract_peek(f, spans, STREAM_SPANS) > 0, );
    int count = contract_peek(f, spans, STREAM_SPANS);
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        if (spans[i].chunk)
            chunk_ref(spans[i].chunk);
        size += spans[i].size;
    }
    contract_consume(f, size);
    f->read = size;
    contract_send_up_to(f, 40000, 20000);
    contract_settle(f);
    contract_read_all(f);
    contract_let_go(f, stream_close);
    contract_settle(f);
    for (int i = 0, at = 0; i < count; at += (int)spans[i].size, i++) {
        if (spans[i].chunk)
            assert_true(contract_is_pattern(spans[i].data, (size_t)at, spans[i].size));
        chunk_unref(spans[i].chunk);
    }
}

/* ---- backpressure and wakes ---- */

static void a_full_stream_wakes_when_there_is_room(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000);
    assert_true(f->written < FLOOD_BYTES); /* it has a limit */
    contract_settle(f);
    contract_write_up_to(f, FLOOD_BYTES, 60000);
    contract_settle(f);
    int wakes = f->wakes;
    contract_settle(f);
    assert_true(f->wakes - wakes < FEW_WAKES); /* waiting is quiet */
    size_t written = f->written;
    wakes = f->wakes;
    until(f, f->wakes > wakes, contract_receive_all(f));
    until(f, f->written > written,
          (contract_receive_all(f), contract_write_up_to(f, written + 1, 1)));
}

static void an_unread_stream_stops_the_far_end(struct fixture *f)
{
    size_t before;
    do {
        before = f->sent;
        contract_send_up_to(f, FLOOD_BYTES, 16384);
        contract_settle(f);
    } while (f->sent > before);
    assert_true(f->sent < FLOOD_BYTES);
    int wakes = f->wakes;
    contract_settle(f);
    assert_true(f->wakes - wakes < FEW_WAKES);
    size_t stopped_at = f->sent;
    f->reads_on_wake = true;
    contract_read_all(f); /* consuming, and only this, opens the window again */
    until(f, f->sent >= stopped_at + MUCH_BYTES && f->read == f->sent,
          contract_send_up_to(f, stopped_at + MUCH_BYTES, 16384));
}

static void wakes_are_merged(struct fixture *f)
{
    contract_settle(f);
    int wakes = f->wakes;
    for (int i = 1; i <= 50; i++)
        contract_send_up_to(f, (size_t)i, 1);
    contract_settle(f);
    assert_true(f->wakes > wakes);
    assert_true(f->wakes - wakes < 50);
}

static void a_new_owner_is_woken_for_what_came_before(struct fixture *f)
{
    struct fixture other = {.contract = f->contract, .reads_on_wake = true};
    contract_settle(f);
    stream_set_owner(f->pair.stream, NULL, NULL);
    int wakes = f->wakes;
    contract_send_up_to(f, 1000, 1000);
    contract_settle(f);
    assert_int_equal(f->wakes, wakes);
    other.pair.stream = f->pair.stream;
    stream_set_owner(f->pair.stream, contract_on_wake, &other);
    assert_int_equal(other.wakes, 0);
    until(f, other.read == 1000, );
    stream_set_owner(f->pair.stream, contract_on_wake, f);
}

const struct contract_case contract_bytes[] = {
    {"bytes_arrive_one_at_a_time", bytes_arrive_one_at_a_time},
    {"bytes_leave_one_at_a_time", bytes_leave_one_at_a_time},
    {"many_bytes_arrive_in_order", many_bytes_arrive_in_order},
    {"many_bytes_leave_in_order", many_bytes_leave_in_order},
    {"both_directions_flow_at_once", both_directions_flow_at_once},
    {"spans_of_all_sizes_are_written_whole", spans_of_all_sizes_are_written_whole},
    {"written_chunks_are_kept_or_copied", written_chunks_are_kept_or_copied},
    {"peek_shows_the_same_until_consumed", peek_shows_the_same_until_consumed},
    {"peeked_spans_live_until_the_next_call", peeked_spans_live_until_the_next_call},
    {"referenced_chunks_outlive_the_stream", referenced_chunks_outlive_the_stream},
    {"a_full_stream_wakes_when_there_is_room", a_full_stream_wakes_when_there_is_room},
    {"an_unread_stream_stops_the_far_end", an_unread_stream_stops_the_far_end},
    {"wakes_are_merged", wakes_are_merged},
    {"a_new_owner_is_woken_for_what_came_before", a_new_owner_is_woken_for_what_came_before},
    {NULL, NULL},
};
