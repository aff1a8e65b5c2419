/* What the cases of the stream contract suite work with: one pair, its owner's and its far end's
 * side, each with a running count of a pattern that tells whether bytes were lost, doubled or
 * swapped. */
#ifndef TESTS_CONTRACT_FIXTURE_H
#define TESTS_CONTRACT_FIXTURE_H

#include "base/err.h"
#include "tests/unit/stream_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    MUCH_BYTES = 1024 * 1024,      /* more than one window */
    FLOOD_BYTES = 64 * MUCH_BYTES, /* more than any stream may hold without being read */
    FEW_WAKES = 10,
};

struct fixture {
    const struct stream_contract *contract;
    struct loop *loop;
    struct contract_pair pair;
    int wakes;
    bool is_inside; /* a call into the stream is under way */
    bool is_let_go; /* close or abort was called */
    bool reads_on_wake;
    void (*on_wake)(struct fixture *fixture);
    const char *violation; /* found where a test cannot be failed: in a callback */
    size_t sent;           /* bytes of the pattern that the far end sent */
    size_t read;           /* bytes of it that came out of the stream */
    ssize_t end;           /* what peek said last: 0 or why there is no more */
    size_t written;        /* bytes of the pattern that the stream took */
    size_t received;       /* bytes of it that reached the far end */
    ssize_t remote_end;    /* the same for the far end */
};

struct contract_case {
    const char *name; /* NULL ends a table */
    void (*fn)(struct fixture *fixture);
};
extern const struct contract_case contract_bytes[], contract_ends[];

uint8_t contract_pattern_at(size_t index);
void contract_fill_pattern(uint8_t *to, size_t from, size_t size);
bool contract_is_pattern(const uint8_t *data, size_t from, size_t size);

/* The owner: every call goes through these, so that a wake from inside one is caught. */
int contract_peek(struct fixture *f, struct span *ret, int max);
void contract_consume(struct fixture *f, size_t size);
ssize_t contract_write_spans(struct fixture *f, const struct span *spans, int count);
int contract_finish(struct fixture *f);
void contract_let_go(struct fixture *f, void (*how)(struct stream *));
void contract_read_all(struct fixture *f);
void contract_on_wake(void *owner);
/* As much of the pattern as the stream takes, up to `goal` bytes in total; from memory that is
 * overwritten right after the call: what was taken from it had to be copied. */
void contract_write_up_to(struct fixture *f, size_t goal, size_t piece);

/* The far end. */
void contract_send_up_to(struct fixture *f, size_t goal, size_t piece);
void contract_receive_all(struct fixture *f);
void contract_reset_remote(struct fixture *f);

/* Turning the loop: once; until nothing happens any more; until a condition holds. */
void contract_turn(struct fixture *f);
void contract_settle(struct fixture *f);
uint64_t contract_give_up_at_ms(const struct fixture *f);
bool contract_is_past_ms(uint64_t time_ms);

/* Each turn begins with `step`. */
#define until(f, condition, step)                                                                  \
    do {                                                                                           \
        uint64_t give_up_ms = contract_give_up_at_ms(f);                                           \
        for (;;) {                                                                                 \
            step;                                                                                  \
            if (condition)                                                                         \
                break;                                                                             \
            if (contract_is_past_ms(give_up_ms))                                                   \
                fail_msg("never came true: %s", #condition);                                       \
            contract_turn(f);                                                                      \
        }                                                                                          \
    } while (0)

#endif
