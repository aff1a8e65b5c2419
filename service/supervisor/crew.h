/* The workers together: processes that are alike but for their numbers. The first one answers
 * control.sock and keeps the ledger; the others start when it is ready for the first time, and from
 * then on each lives and dies by itself. They share what is handed out here: a table of names, and
 * a wire from each of the others to the first, by which that one asks them. */
#ifndef SUPERVISOR_CREW_H
#define SUPERVISOR_CREW_H

#include "service/supervisor/report.h"
#include "service/supervisor/standing.h"
#include "service/supervisor/worker.h"

enum { CREW_MAX = 8, CREW_WHY_MAX = 128 };

struct crew;

/* As worker_events, and whose. */
struct crew_events {
    void (*on_started)(void *owner, unsigned number);
    /* IPC_REPORT, IPC_READY and IPC_FAILED are in crew_report by then. */
    void (*on_message)(void *owner, unsigned number, const struct ipc_message *message);
    void (*on_gone)(void *owner, unsigned number, int err, const char *why);
    void (*on_stopped)(void *owner); /* the last of them */
};

/* How many there are to be: `configured`, 0 for as many as are good for this host. A kernel that
 * cannot share the TUN among several has one, and `ret_why` says so; else it is "". */
unsigned crew_choose_size(unsigned configured, char ret_why[CREW_WHY_MAX]);

/* `size` up to CREW_MAX. 0 or < 0. */
int crew_new(struct loop *loop, const struct worker_options *options, unsigned size,
             const struct crew_events *events, void *owner, struct crew **ret);
void crew_free(struct crew *crew); /* kills what still runs; NULL is accepted */

void crew_start(struct crew *crew);
void crew_stop(struct crew *crew);
void crew_restart(struct crew *crew);

unsigned crew_size(const struct crew *crew);
struct worker *crew_worker(const struct crew *crew, unsigned number);
const struct report *crew_report(const struct crew *crew, unsigned number);
/* What is known of this worker. */
void crew_add_facts(const struct crew *crew, unsigned number, struct standing_facts *facts);
bool crew_has_ready(const struct crew *crew); /* any of them */

#endif
