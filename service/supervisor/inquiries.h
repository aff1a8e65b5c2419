/* The workers' questions whose a socket is (IPC_WHOSE), answered for the query log. The kernel is
 * asked at once, before the socket is gone, and a glance is taken where its program is likely to be
 * found; else it is searched for on another thread, for all who wait together. What both cost is
 * bounded: each is followed by a rest. */
#ifndef SUPERVISOR_INQUIRIES_H
#define SUPERVISOR_INQUIRIES_H

#include "base/loop.h"
#include "service/ipc.h"

#include <stdbool.h>

struct inquiries;

/* The answer to the worker of this number: IPC_OWNER. */
typedef void inquiries_fn(void *owner, unsigned worker, const struct ipc_message *answer);

int inquiries_new(struct loop *loop, inquiries_fn *on_answer, void *owner, struct inquiries **ret);
void inquiries_free(struct inquiries *inquiries); /* NULL is accepted */
/* One answer to each, inside the call or later; none where it would come after the worker has given
 * up. `is_allowed`: the configuration has a query log that shows programs; otherwise nobody knows,
 * nor beyond 500 questions of a worker in a second. */
void inquiries_ask(struct inquiries *inquiries, unsigned worker, const struct ipc_message *asked,
                   bool is_allowed);
/* This worker is gone: it waits for no answer any more. */
void inquiries_forget(struct inquiries *inquiries, unsigned worker);

#endif
