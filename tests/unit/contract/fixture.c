#include "tests/unit/contract/fixture.h"

#include <string.h>
#include <time.h>

enum {
    PATIENCE_MS = 60000, /* only a failing test waits this long */
    QUIET_TURNS = 8,     /* turns without a wake after which none is expected */
};

/* No short period: nothing lost, doubled or swapped goes unnoticed. */
uint8_t contract_pattern_at(size_t index)
{
    return (uint8_t)(index ^ (index >> 8) * 7 ^ (index >> 16) * 13);
}

void contract_fill_pattern(uint8_t *to, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = contract_pattern_at(from + i);
}

bool contract_is_pattern(const uint8_t *data, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != contract_pattern_at(from + i))
            return false;
    }
    return true;
}

/* ---- the owner ---- */

int contract_peek(struct fixture *f, struct span *ret, int max)
{
    f->is_inside = true;
    int count = stream_peek(f->pair.stream, ret, max);
    f->is_inside = false;
    if (count <= 0)
        f->end = count;
    return count;
}

void contract_consume(struct fixture *f, size_t size)
{
    f->is_inside = true;
    stream_consume(f->pair.stream, size);
    f->is_inside = false;
}

ssize_t contract_write_spans(struct fixture *f, const struct span *spans, int count)
{
    f->is_inside = true;
    ssize_t taken = stream_write(f->pair.stream, spans, count);
    f->is_inside = false;
    return taken;
}

int contract_finish(struct fixture *f)
{
    f->is_inside = true;
    int err = stream_finish(f->pair.stream);
    f->is_inside = false;
    return err;
}

void contract_let_go(struct fixture *f, void (*how)(struct stream *))
{
    struct stream *stream = f->pair.stream;
    f->is_inside = true;
    f->is_let_go = true;
    f->pair.stream = NULL;
    how(stream);
    f->is_inside = false;
}

static void violate(struct fixture *f, const char *what)
{
    if (!f->violation)
        f->violation = what;
}

void contract_read_all(struct fixture *f)
{
    struct span spans[STREAM_SPANS];
    for (int count; (count = contract_peek(f, spans, STREAM_SPANS)) > 0;) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            if (!contract_is_pattern(spans[i].data, f->read + size, spans[i].size))
                violate(f, "the bytes read are not those sent");
            size += spans[i].size;
        }
        if (size == 0) {
            violate(f, "peek showed spans without bytes");
            return;
        }
        contract_consume(f, size);
        f->read += size;
    }
}

void contract_on_wake(void *owner)
{
    struct fixture *f = owner;
    f->wakes++;
    if (f->is_inside)
        violate(f, "rule 1: a wake from inside the owner's call");
    if (f->is_let_go) {
        violate(f, "rule 2: a wake after close or abort");
        return;
    }
    if (f->reads_on_wake)
        contract_read_all(f);
    if (f->on_wake)
        f->on_wake(f);
}

void contract_write_up_to(struct fixture *f, size_t goal, size_t piece)
{
    static uint8_t data[64 * 1024];
    assert_true(piece <= sizeof(data));
    while (f->written < goal) {
        struct span span = {.data = data, .size = goal - f->written};
        if (span.size > piece)
            span.size = piece;
        contract_fill_pattern(data, f->written, span.size);
        ssize_t taken = contract_write_spans(f, &span, 1);
        memset(data, 0xdb, span.size);
        assert_true(taken >= 0 && taken <= (ssize_t)span.size);
        f->written += (size_t)taken;
        if ((size_t)taken < span.size)
            return;
    }
}

/* ---- the far end ---- */

void contract_send_up_to(struct fixture *f, size_t goal, size_t piece)
{
    uint8_t data[16 * 1024];
    while (f->sent < goal) {
        size_t size = goal - f->sent < piece ? goal - f->sent : piece;
        if (size > sizeof(data))
            size = sizeof(data);
        contract_fill_pattern(data, f->sent, size);
        ssize_t taken = f->pair.remote.send(f->pair.remote.owner, data, size);
        assert_true(taken >= 0);
        if (taken == 0)
            return;
        f->sent += (size_t)taken;
    }
}

void contract_receive_all(struct fixture *f)
{
    uint8_t data[16 * 1024];
    ssize_t size;
    if (f->remote_end < 0)
        return;
    while ((size = f->pair.remote.receive(f->pair.remote.owner, data, sizeof(data))) > 0) {
        assert_true(contract_is_pattern(data, f->received, (size_t)size));
        f->received += (size_t)size;
    }
    f->remote_end = size;
}

void contract_reset_remote(struct fixture *f)
{
    f->pair.remote.reset(f->pair.remote.owner);
}

/* ---- turning the loop ---- */

/* A turn is a millisecond, however long the machine took for it: no patience ends for that. */
void contract_turn(struct fixture *f)
{
    loop_fake_clock(f->loop, loop_now_ms(f->loop) + 1);
    loop_run_once(f->loop, 1);
    if (f->violation)
        fail_msg("%s", f->violation);
}

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t contract_give_up_at_ms(const struct fixture *f)
{
    return clock_ms() + (f->contract->patience_ms ? f->contract->patience_ms : PATIENCE_MS);
}

bool contract_is_past_ms(uint64_t time_ms)
{
    return clock_ms() > time_ms;
}

void contract_settle(struct fixture *f)
{
    for (int quiet = 0, wakes = f->wakes; quiet < QUIET_TURNS; quiet++) {
        contract_turn(f);
        if (f->wakes != wakes && f->wakes < 1000)
            quiet = 0;
        wakes = f->wakes;
    }
}
