/* The hall where the siblings meet: opens the doors, starts flows, holds what they share. No other
 * file knows tun2socks, proxy and adblock together. Belongs to one loop; speaks to the world
 * outside the worker only through its host. */
#ifndef SERVICE_ENGINE_ENGINE_H
#define SERVICE_ENGINE_ENGINE_H

#include "adblock/filter.h"
#include "adblock/list_updates.h"
#include "proxy/door.h"
#include "service/config.h"
#include "service/engine/decisions.h"
#include "service/engine/dns.h"
#include "service/engine/flow.h"
#include "service/engine/health.h"
#include "service/engine/own_rules.h"
#include "tun2socks/netstack.h"

#include <stdbool.h>
#include <stddef.h>

struct engine;

/* What the engine needs from the process that it lives in. Calls may come from within any call of
 * the engine; they must not call it back, except that engine_admitted may come from admit. */
struct engine_host {
    void (*admit)(void *owner, const struct address *address, int protocol); /* admission.h */
    void (*withdraw)(void *owner, const struct address *address, int protocol);
    void (*report)(void *owner, enum health_state state, const char *reason, const char *upstream);
    flow_tally_fn *tally;
    void (*on_blocked)(void *owner);
    void *owner;
};

struct engine *engine_new(struct loop *loop, const struct engine_host *host);
/* Where to keep what has to outlive this process (stand_ins.h, lists, their compiled form);
 * borrowed. Before the first configuration; without it nothing is kept. */
void engine_set_state_dir(struct engine *engine, int dir_fd);
/* Names that were asked for are kept in this memory, together with other workers; before anything
 * goes on. `fd` is borrowed. 0 or < 0. */
int engine_share_names(struct engine *engine, int fd);
/* Resets every conversation. */
void engine_free(struct engine *engine);

struct engine_error {
    char text[512];
};

/* Download the lists that are named by URL, from now on; one of the workers that share the
 * state folder does. 0 or -ENOMEM. */
int engine_download_lists(struct engine *engine);
/* Begin now with the list of that name, NULL for all. How many; -ENOENT: none is called so and
 * comes from a URL. */
int engine_update_lists(struct engine *engine, const char *name);

/* Put a configuration in force: the first one, or another while conversations go on (they keep what
 * they have; new ones get the new). 0, or < 0 with *error and the old one still in force. */
int engine_configure(struct engine *engine, struct config *config, struct engine_error *error);
void engine_admitted(struct engine *engine, const struct address *address, int protocol, int err);

/* Keep the user's own rules in this folder (borrowed until the call returns), and obey those that
 * are there. 0 or < 0; then they are forgotten with the engine. */
int engine_keep_rules(struct engine *engine, int dir_fd);
/* Let everything pass until then: Unix time, OWN_RULES_FOR_EVER, 0 to end it. All three are in
 * force when they return; < 0 other than those named: they could not be kept for a restart. */
int engine_pause(struct engine *engine, int64_t until_s);
/* Allow or deny a name (lower case) with everything below it, above all lists, until then.
 * ERR_LIMIT and -ENOMEM: nothing changed. */
int engine_rule(struct engine *engine, const char *name, bool is_allowed, int64_t until_s);
/* -ENOENT: there is none of that name. */
int engine_forget_rule(struct engine *engine, const char *name);

/* Have decisions told from now on: refusals, or all, and who asks before that; NULL ends it. */
void engine_set_log(struct engine *engine, decision_fn *on_decision, decision_caller_fn *on_caller,
                    void *owner, bool wants_passes);

/* The local endpoint. Takes the descriptors in any case. Replaces the one before, unless it fails.
 */
int engine_listen(struct engine *engine, const int *listeners, size_t count);
/* Capture. Takes the descriptor in any case. */
int engine_tun_attach(struct engine *engine, int tun_fd, bool with_vnet);
void engine_tun_detach(struct engine *engine);

/* --- what goes on --- */

struct engine_status {
    bool has_tun, has_door;
    enum health_state state;
    const char *reason, *upstream; /* borrowed until the next turn of the loop */
    struct flow_counters flows;
    uint32_t live[FLOW_KINDS];
    uint64_t asked, blocked;
    struct dns_stats dns;
    struct netstack_stats tun;
    struct door_stats door;
    struct filter_stats filter;
    struct chunk_pool_stats buffers;
};
/* Somebody looks at how we stand: find out where nothing was heard for a while. See health_look. */
void engine_look(struct engine *engine);
void engine_status(const struct engine *engine, struct engine_status *ret);
size_t engine_upstreams(const struct engine *engine, struct pool_member *ret, size_t max);

/* Oldest first; stops when `fn` returns false. */
typedef bool engine_flow_fn(void *owner, const struct flow *flow);
void engine_each_flow(const struct engine *engine, engine_flow_fn *fn, void *owner);
size_t engine_refusals(const struct engine *engine, const struct refusal **ret, size_t max);
struct engine_filter_state {
    bool is_configured, is_off_by_schedule;
    const struct own_rules *own; /* borrowed until the next turn of the loop */
};
void engine_filter_state(const struct engine *engine, struct engine_filter_state *ret);

/* A list of the configuration, or the built-in one, or the user's own rules. */
struct engine_list {
    const char *name, *category, *format;
    const char *place; /* URL or file; NULL for neither */
    bool is_enabled, is_downloaded;
    struct filter_stats stats;        /* of what is in force; 0 while it is not */
    struct list_update_status update; /* of one that is downloaded by this worker */
};
typedef bool engine_list_fn(void *owner, const struct engine_list *list);
/* In the order of the configuration; stops when `fn` returns false. Texts are borrowed until the
 * next turn of the loop. */
void engine_each_list(const struct engine *engine, engine_list_fn *fn, void *owner);
/* Why the newest lists are not in force; NULL if they are. */
const char *engine_lists_problem(const struct engine *engine);
/* NULL while there is none, or none in force. Borrowed until the next turn of the loop. */
const struct filter *engine_filter(const struct engine *engine);

#endif
