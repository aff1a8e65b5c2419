/* Cases of the stream contract: half-close, resets, letting go at awkward moments. */
#include "tests/unit/contract/fixture.h"

/* ---- ends ---- */

static void the_far_end_finishes_and_still_receives(struct fixture *f)
{
    struct span span;
    contract_send_up_to(f, 5000, 5000);
    f->pair.remote.finish(f->pair.remote.owner);
    contract_settle(f);
    until(f, f->end < 0, contract_read_all(f));
    assert_int_equal(f->end, ERR_EOF);
    assert_int_equal(f->read, 5000); /* rule 8: the bytes before the end */
    for (int i = 0; i < 3; i++)
        assert_int_equal(contract_peek(f, &span, 1), ERR_EOF);
    if (f->contract->exceptions & CONTRACT_NO_HALF_CLOSE)
        return;
    until(f, f->received == MUCH_BYTES,
          (contract_write_up_to(f, MUCH_BYTES, 60000), contract_receive_all(f)));
}

static void the_end_wakes_an_owner_that_has_read_all(struct fixture *f)
{
    f->reads_on_wake = true;
    contract_settle(f);
    f->pair.remote.finish(f->pair.remote.owner);
    until(f, f->end == ERR_EOF, );
}

static void the_owner_finishes_and_still_reads(struct fixture *f)
{
    f->reads_on_wake = true;
    contract_write_up_to(f, 50000, 50000);
    assert_int_equal(contract_finish(f), 0);
    until(f, f->remote_end < 0, contract_receive_all(f));
    assert_int_equal(f->remote_end, ERR_EOF);
    assert_int_equal(f->received, f->written); /* finish flushes first */
    if (f->contract->exceptions & CONTRACT_NO_HALF_CLOSE)
        return;
    until(f, f->read == MUCH_BYTES, contract_send_up_to(f, MUCH_BYTES, 7777));
    f->pair.remote.finish(f->pair.remote.owner);
    until(f, f->end == ERR_EOF, );
}

static void finish_waits_for_bytes_under_way(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000); /* until it is full */
    assert_int_equal(contract_finish(f), 0);
    contract_settle(f);
    until(f, f->remote_end < 0, contract_receive_all(f));
    assert_int_equal(f->remote_end, ERR_EOF);
    assert_int_equal(f->received, f->written);
}

static void a_reset_wakes_and_stays(struct fixture *f)
{
    struct span span;
    uint8_t byte = 0;
    f->reads_on_wake = true;
    contract_settle(f);
    contract_reset_remote(f);
    until(f, f->end < 0, );
    assert_int_not_equal(f->end, ERR_EOF);
    assert_true(contract_peek(f, &span, 1) < 0);
    span = (struct span){.data = &byte, .size = 1};
    assert_true(contract_write_spans(f, &span, 1) < 0);
    assert_true(contract_write_spans(f, &span, 1) < 0);
    assert_true(contract_peek(f, &span, 1) < 0);
    contract_settle(f);
    assert_true(f->wakes < FEW_WAKES); /* told, not shouted */
}

static void a_reset_is_seen_by_a_writer_that_waits_for_room(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000);
    contract_settle(f);
    int wakes = f->wakes;
    contract_reset_remote(f);
    until(f, f->wakes > wakes, );
    uint8_t byte = 0;
    struct span span = {.data = &byte, .size = 1};
    until(f, contract_write_spans(f, &span, 1) < 0, );
}

static void abort_resets_the_far_end(struct fixture *f)
{
    contract_write_up_to(f, 1000, 1000);
    until(f, f->received == 1000, contract_receive_all(f));
    contract_let_go(f, stream_abort);
    until(f, f->remote_end < 0, contract_receive_all(f));
    if (!(f->contract->exceptions & CONTRACT_ABORT_IS_UNSEEN))
        assert_int_not_equal(f->remote_end, ERR_EOF);
}

static void abort_drops_what_waits(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000);
    contract_send_up_to(f, 1000, 1000);
    contract_let_go(f, stream_abort);
    until(f, f->remote_end < 0, contract_receive_all(f));
}

static void close_flushes_then_ends(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000); /* until it is full */
    contract_let_go(f, stream_close);
    contract_settle(f);
    until(f, f->remote_end < 0, contract_receive_all(f));
    assert_int_equal(f->remote_end, ERR_EOF);
    assert_int_equal(f->received, f->written);
}

static void close_flushes_even_with_bytes_unread(struct fixture *f)
{
    contract_send_up_to(f, 3000, 3000);
    contract_settle(f);
    contract_write_up_to(f, 100000, 50000);
    contract_let_go(f, stream_close);
    until(f, f->remote_end < 0, contract_receive_all(f));
    assert_int_equal(f->received, f->written);
}

static void close_after_finish_ends_orderly(struct fixture *f)
{
    contract_write_up_to(f, 1000, 1000);
    assert_int_equal(contract_finish(f), 0);
    contract_let_go(f, stream_close);
    until(f, f->remote_end < 0, contract_receive_all(f));
    assert_int_equal(f->remote_end, ERR_EOF);
    assert_int_equal(f->received, 1000);
}

static void both_finish_at_once(struct fixture *f)
{
    f->reads_on_wake = true;
    contract_write_up_to(f, 1000, 1000);
    contract_send_up_to(f, 1000, 1000);
    assert_int_equal(contract_finish(f), 0);
    f->pair.remote.finish(f->pair.remote.owner);
    until(f, f->end < 0 && f->remote_end < 0, contract_receive_all(f));
    assert_int_equal(f->end, ERR_EOF);
    assert_int_equal(f->remote_end, ERR_EOF);
    assert_int_equal(f->read, 1000);
    assert_int_equal(f->received, 1000);
    contract_let_go(f, stream_close);
}

/* ---- letting go at awkward moments ---- */

static void close_at_once(struct fixture *f)
{
    contract_let_go(f, stream_close);
    contract_settle(f);
}

static void abort_at_once(struct fixture *f)
{
    contract_let_go(f, stream_abort);
    contract_settle(f);
}

static void no_wake_comes_after_close_with_one_pending(struct fixture *f)
{
    contract_send_up_to(f, 10000, 10000);
    stream_set_owner(f->pair.stream, contract_on_wake, f); /* which schedules one */
    contract_let_go(f, stream_close);
    contract_send_up_to(f, f->sent, 1);
    contract_settle(f);
}

static void close_in_wake(struct fixture *f)
{
    f->on_wake = NULL;
    contract_let_go(f, stream_close);
}

static void abort_in_wake(struct fixture *f)
{
    f->on_wake = NULL;
    contract_let_go(f, stream_abort);
}

static void close_from_inside_a_wake(struct fixture *f)
{
    contract_settle(f);
    f->on_wake = close_in_wake;
    contract_send_up_to(f, 1000, 1000);
    until(f, f->is_let_go, );
    contract_settle(f);
}

static void abort_from_inside_a_wake(struct fixture *f)
{
    contract_settle(f);
    f->on_wake = abort_in_wake;
    contract_send_up_to(f, 1000, 1000);
    until(f, f->is_let_go, );
    contract_settle(f);
}

static void close_after_a_reset(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000);
    contract_reset_remote(f);
    contract_settle(f);
    contract_let_go(f, stream_close);
    contract_settle(f);
}

static void reset_after_close(struct fixture *f)
{
    contract_write_up_to(f, FLOOD_BYTES, 60000);
    contract_let_go(f, stream_close);
    contract_settle(f);
    contract_reset_remote(f);
    contract_settle(f);
}

const struct contract_case contract_ends[] = {
    {"the_far_end_finishes_and_still_receives", the_far_end_finishes_and_still_receives},
    {"the_end_wakes_an_owner_that_has_read_all", the_end_wakes_an_owner_that_has_read_all},
    {"the_owner_finishes_and_still_reads", the_owner_finishes_and_still_reads},
    {"finish_waits_for_bytes_under_way", finish_waits_for_bytes_under_way},
    {"a_reset_wakes_and_stays", a_reset_wakes_and_stays},
    {"a_reset_is_seen_by_a_writer_that_waits_for_room",
     a_reset_is_seen_by_a_writer_that_waits_for_room},
    {"abort_resets_the_far_end", abort_resets_the_far_end},
    {"abort_drops_what_waits", abort_drops_what_waits},
    {"close_flushes_then_ends", close_flushes_then_ends},
    {"close_flushes_even_with_bytes_unread", close_flushes_even_with_bytes_unread},
    {"close_after_finish_ends_orderly", close_after_finish_ends_orderly},
    {"both_finish_at_once", both_finish_at_once},
    {"close_at_once", close_at_once},
    {"abort_at_once", abort_at_once},
    {"no_wake_comes_after_close_with_one_pending", no_wake_comes_after_close_with_one_pending},
    {"close_from_inside_a_wake", close_from_inside_a_wake},
    {"abort_from_inside_a_wake", abort_from_inside_a_wake},
    {"close_after_a_reset", close_after_a_reset},
    {"reset_after_close", reset_after_close},
    {NULL, NULL},
};
