/* The other workers, asked by the one that answers control.sock: a stream socket to each, on which
 * they serve the protocol of control.h as to any client. One that says nothing in time is left out
 * of an answer; the next answers on its wire still belong to whom they belong. */
#ifndef SERVICE_CONTROL_SIBLINGS_H
#define SERVICE_CONTROL_SIBLINGS_H

#include "base/list.h"
#include "base/loop.h"

#include <cjson/cJSON.h>
#include <stdint.h>

enum {
    SIBLINGS_MAX = 32,
    SIBLINGS_ANSWER_MAX = 1024 * 1024, /* bytes; longer: the wire is closed */
    SIBLINGS_WAIT_MS = 1000,
};

struct siblings;

/* `on_counting`: one of them began to count (usage_share). NULL without memory. */
struct siblings *siblings_new(struct loop *loop, loop_fn *on_counting, void *owner);
/* Questions must be over or cancelled. NULL is accepted. */
void siblings_free(struct siblings *siblings);

/* The wire to the worker of this number; taken in any case, replaces the one before. 0 or < 0. */
int siblings_set(struct siblings *siblings, unsigned number, int fd);
unsigned siblings_count(const struct siblings *siblings); /* whose wires hold */

/* Embedded in its owner; zeroed, or done with. */
struct siblings_question {
    struct list node;
    struct siblings *siblings;
    uint64_t id;
    uint32_t waits_for; /* a bit for each */
    struct timer due;
    cJSON *results[SIBLINGS_MAX]; /* NULL: no answer, or an error */
    loop_fn *on_answered;
    void *owner;
};

/* Asks all of them; on_answered comes from the loop, later, once, and owns `results` then. */
void siblings_ask(struct siblings *siblings, struct siblings_question *question, const char *method,
                  const cJSON *params, loop_fn *on_answered, void *owner);
/* Idempotent; also for one that was never asked, if it is zeroed. */
void siblings_cancel(struct siblings_question *question);

#endif
