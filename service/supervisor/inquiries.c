#include "service/supervisor/inquiries.h"

#include "base/clock.h"
#include "base/rate.h"
#include "service/supervisor/crew.h"
#include "service/supervisor/holder.h"
#include "service/supervisor/netlink.h"
#include "service/supervisor/socket_owner.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING_MAX = 256,
    KNOWN_MAX = 256, /* a power of two */
    KNOWN_MS = 60000,
    UNKNOWN_MS = 5000, /* what was not found is not looked for again so soon */
    PER_SECOND = 500,  /* questions of one worker; an honest one asks no more (askers.h) */
    SEARCH_MAX_MS = 300,
    PATIENCE_MS = 500, /* the worker's: what is answered later is of no use to it */
    REST_FACTOR =
        4, /* each look is followed by a rest that is so much longer: a fifth of one core */
};

/* NOBODY asks: the worker is gone. */
enum { NOBODY = -1 };

struct inquiry {
    int worker;
    uint32_t number;
    uint64_t asked_at_ms;
};

/* By inode; the kernel counts those up, so that none is another socket's soon. */
struct known {
    uint32_t inode;
    uint64_t until_ms;
    char name[HOLDER_NAME_MAX]; /* "": it was not found */
};

struct inquiries {
    struct loop *loop;
    inquiries_fn *on_answer;
    void *owner;
    struct netlink *diag; /* opened with the first question */
    struct rate rates[CREW_MAX];
    struct known known[KNOWN_MAX];
    /* Those who wait for the next search, oldest first, and what they want. */
    struct inquiry waiting[WAITING_MAX];
    struct holder_wanted wanted[WAITING_MAX];
    size_t waiting_count;
    struct timer rest;
    uint64_t glance_from_us; /* not before */
    /* The search that is under way. `seekers` stay ours; the rest is the job's own meanwhile. */
    bool is_searching, is_closing;
    struct inquiry seekers[WAITING_MAX];
    struct holder_wanted sought[WAITING_MAX];
    size_t sought_count;
    struct holder_memory memory;
    uint64_t search_began_ms;
};

static void answer(struct inquiries *inquiries, const struct inquiry *inquiry, int32_t user,
                   const char *name)
{
    struct ipc_message message = {.kind = IPC_OWNER, .value = user, .flag = inquiry->number};
    if (inquiry->worker == NOBODY)
        return;
    snprintf(message.name, sizeof(message.name), "%s", name);
    inquiries->on_answer(inquiries->owner, (unsigned)inquiry->worker, &message);
}

/* --- what is known --------------------------------------------------------------------------- */

static struct known *slot_of(struct inquiries *inquiries, uint32_t inode)
{
    return &inquiries->known[inode & (KNOWN_MAX - 1)];
}

static const struct known *find_known(struct inquiries *inquiries, uint32_t inode)
{
    const struct known *known = slot_of(inquiries, inode);
    bool is_fresh = known->inode == inode && loop_now_ms(inquiries->loop) < known->until_ms;
    return is_fresh ? known : NULL;
}

static void keep(struct inquiries *inquiries, const struct holder_wanted *found)
{
    struct known *known = slot_of(inquiries, found->inode);
    known->inode = found->inode;
    known->until_ms = loop_now_ms(inquiries->loop) + (found->name[0] ? KNOWN_MS : UNKNOWN_MS);
    memcpy(known->name, found->name, sizeof(known->name));
}

/* --- who waits ------------------------------------------------------------------------------- */

static bool is_late(const struct inquiries *inquiries, const struct inquiry *inquiry)
{
    return loop_now_ms(inquiries->loop) - inquiry->asked_at_ms >= PATIENCE_MS;
}

/* Those whose asker has given up are not searched for: it may have asked as many again already. */
static void drop_late(struct inquiries *inquiries)
{
    size_t late = 0, left;
    while (late < inquiries->waiting_count && is_late(inquiries, &inquiries->waiting[late]))
        late++;
    if (late == 0)
        return;
    left = inquiries->waiting_count - late;
    memmove(inquiries->waiting, inquiries->waiting + late, left * sizeof(inquiries->waiting[0]));
    memmove(inquiries->wanted, inquiries->wanted + late, left * sizeof(inquiries->wanted[0]));
    inquiries->waiting_count = left;
}

/* --- the search ------------------------------------------------------------------------------ */

static void search_or_rest(struct inquiries *inquiries);

static void work_search(void *owner)
{
    struct inquiries *inquiries = owner;
    holder_search(&inquiries->memory, inquiries->sought, inquiries->sought_count, SEARCH_MAX_MS);
}

static void on_searched(void *owner)
{
    struct inquiries *inquiries = owner;
    uint64_t took_ms = loop_now_ms(inquiries->loop) - inquiries->search_began_ms;
    inquiries->is_searching = false;
    if (inquiries->is_closing) {
        inquiries_free(inquiries);
        return;
    }
    for (size_t i = 0; i < inquiries->sought_count; i++) {
        const struct holder_wanted *found = &inquiries->sought[i];
        keep(inquiries, found);
        if (!is_late(inquiries, &inquiries->seekers[i]))
            answer(inquiries, &inquiries->seekers[i], (int32_t)found->user, found->name);
    }
    if (took_ms > 0)
        timer_start(&inquiries->rest, took_ms * REST_FACTOR);
    search_or_rest(inquiries);
}

static void search_or_rest(struct inquiries *inquiries)
{
    if (inquiries->is_searching || timer_is_active(&inquiries->rest))
        return;
    drop_late(inquiries);
    if (inquiries->waiting_count == 0)
        return;
    inquiries->sought_count = inquiries->waiting_count;
    memcpy(inquiries->seekers, inquiries->waiting, sizeof(inquiries->seekers));
    memcpy(inquiries->sought, inquiries->wanted, sizeof(inquiries->sought));
    inquiries->waiting_count = 0;
    inquiries->is_searching = true;
    inquiries->search_began_ms = loop_now_ms(inquiries->loop);
    if (loop_run_job(inquiries->loop, work_search, on_searched, inquiries) < 0)
        on_searched(inquiries); /* nothing was found */
}

static void on_rested(void *owner)
{
    search_or_rest(owner);
}

static void wait_for_search(struct inquiries *inquiries, const struct inquiry *inquiry,
                            const struct holder_wanted *wanted)
{
    size_t at = inquiries->waiting_count++;
    inquiries->waiting[at] = *inquiry;
    inquiries->wanted[at] = *wanted;
    search_or_rest(inquiries);
}

/* True if it was found. The memory is the search's while there is one. */
static bool glance(struct inquiries *inquiries, struct holder_wanted *wanted)
{
    uint64_t began_us = clock_us();
    if (inquiries->is_searching || began_us < inquiries->glance_from_us)
        return false;
    bool is_found = holder_glance(&inquiries->memory, wanted, 1) == 0;
    uint64_t ended_us = clock_us();
    inquiries->glance_from_us = ended_us + (ended_us - began_us) * REST_FACTOR;
    return is_found;
}

/* --- questions ------------------------------------------------------------------------------- */

static int find_owner(struct inquiries *inquiries, const struct ipc_message *asked,
                      struct socket_owner *ret)
{
    const struct socket_wanted wanted = {asked->address, asked->peer, asked->value};
    int err = inquiries->diag ? 0 : netlink_open(NETLINK_SOCK_DIAG, &inquiries->diag);
    return err < 0 ? err : socket_owner_find(inquiries->diag, &wanted, ret);
}

/* Each question costs this thread a conversation with the kernel, whoever asks and whatever for. */
static bool is_within_rate(struct inquiries *inquiries, unsigned worker)
{
    assert(worker < CREW_MAX);
    return rate_take(&inquiries->rates[worker], loop_now_ms(inquiries->loop), PER_SECOND);
}

void inquiries_ask(struct inquiries *inquiries, unsigned worker, const struct ipc_message *asked,
                   bool is_allowed)
{
    const struct inquiry inquiry = {(int)worker, asked->flag, loop_now_ms(inquiries->loop)};
    struct socket_owner owner;
    if (!is_allowed || !is_within_rate(inquiries, worker) ||
        find_owner(inquiries, asked, &owner) < 0) {
        answer(inquiries, &inquiry, -1, "");
        return;
    }
    struct holder_wanted wanted = {.inode = owner.inode, .user = owner.user};
    const struct known *known = find_known(inquiries, owner.inode);
    if (!known && glance(inquiries, &wanted)) {
        keep(inquiries, &wanted);
        known = slot_of(inquiries, wanted.inode);
    }
    drop_late(inquiries);
    if (known || inquiries->waiting_count == WAITING_MAX)
        answer(inquiries, &inquiry, (int32_t)owner.user, known ? known->name : "");
    else
        wait_for_search(inquiries, &inquiry, &wanted);
}

static void forget(struct inquiry *inquiries, size_t count, unsigned worker)
{
    for (size_t i = 0; i < count; i++)
        if (inquiries[i].worker == (int)worker)
            inquiries[i].worker = NOBODY;
}

void inquiries_forget(struct inquiries *inquiries, unsigned worker)
{
    forget(inquiries->waiting, inquiries->waiting_count, worker);
    if (inquiries->is_searching)
        forget(inquiries->seekers, inquiries->sought_count, worker);
}

/* --- life ------------------------------------------------------------------------------------ */

int inquiries_new(struct loop *loop, inquiries_fn *on_answer, void *owner, struct inquiries **ret)
{
    struct inquiries *inquiries = calloc(1, sizeof(*inquiries));
    if (!inquiries)
        return -ENOMEM;
    inquiries->loop = loop;
    inquiries->on_answer = on_answer;
    inquiries->owner = owner;
    timer_init(&inquiries->rest, loop, on_rested, inquiries);
    *ret = inquiries;
    return 0;
}

void inquiries_free(struct inquiries *inquiries)
{
    if (!inquiries)
        return;
    timer_stop(&inquiries->rest);
    inquiries->is_closing = true;
    if (inquiries->is_searching)
        return; /* the job's end frees it */
    netlink_close(inquiries->diag);
    free(inquiries);
}
