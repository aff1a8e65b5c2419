/* The worker's control socket: questions about what goes on, for the CLI, the tray and later the
 * dashboard. It answers questions; whatever changes the host is the supervisor's (power.sock).
 *
 * THE PROTOCOL. A Unix stream socket, RUN_DIR/control.sock (/run/atlantic/control.sock), mode 0660,
 * group atlantic. Root and members of that group are served. One JSON object per line, in UTF-8, at
 * most 8 KiB; answers come one per line and in order:
 *
 *   {"method": "status", "params": {}, "id": 7}
 *   {"id": 7, "result": {...}}
 *   {"id": 7, "error": {"code": "bad_params", "message": "...", "hint": "..."}}
 *
 * `params` and `id` may be missing. Codes: bad_request, unknown_method, bad_params, permission,
 * unavailable (not now), limit (too many clients), internal. Sizes are in bytes, durations in ms,
 * times RFC 3339 in UTC; unknown keys in answers are to be skipped.
 *
 *   status           {}: state, reason, upstream, uptime_ms, version, upstreams [], counters {}.
 *                    Of several workers also workers [], and the counters are those of all
 *   usage            {from, to: "2026-01-31", by: "day" | "upstream" | "day,upstream"}:
 *                    rows [], total, sequence
 *   flows            {limit}: flows [], total
 *   blocked          {limit}: blocked []: what was refused last, the newest first
 *   filter.check     {host | url, source_url, type}: verdict, list, rule
 *   filter.explain   the same: also filter {}, and every rule that matches: matches []
 *   filter.rules     {}: filter {state, paused_until, paused_left_ms, rules []}
 *   filter.allow     {name, seconds}: the same. Without seconds, for ever
 *   filter.deny      {name, seconds}: the same
 *   pause            {seconds}: the same. With a name: as filter.allow
 *   resume           {name}: the same. Ends the pause, or takes away the rule for that name
 *   lists            {}: lists [{name, rules, dropped, update {checked, changed, error}}], problem
 *   lists.update     {name}: started; without a name all that come from URLs
 *   log              {name, list, app, verdict, kind, since_ms, until_ms, before, after, limit}:
 *                    log [], the newest first; next: where to go on (before), null at the end.
 *                    An app is a program's name or an address; times are Unix time
 *   log.counts       {since_ms}: counts [] of each list and verdict, log {}
 *   consent          {}: to the query log: state, is_required, region, version, text [], event {},
 *                    history [], log {}. The event says so; history has all of them
 *   consent.give     {version}: the same. Of the text that was read
 *   consent.withdraw {}: the same. The log ends, and what was kept is deleted
 *   methods          {}: methods [] */
#ifndef SERVICE_CONTROL_CONTROL_H
#define SERVICE_CONTROL_CONTROL_H

#include "base/endpoint.h"
#include "base/loop.h"
#include "service/control/consent.h"
#include "service/control/query_log.h"
#include "service/control/usage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CONTROL_REQUEST_MAX = 8192,
    CONTROL_CLIENTS_MAX = 32,
    CONTROL_FLOWS_MAX = 1000, /* in one answer */
    CONTROL_SILENCE_MS = 60 * 1000,
    CONTROL_STALL_MS = 10 * 1000, /* a client that does not read its answer */
};

struct control;
struct siblings;

struct control_state {
    const char *state;             /* "connecting", "on", "blocked", "failing"; static */
    const char *reason, *upstream; /* borrowed until the next turn of the loop; NULL for "" */
    uint64_t uptime_ms;
};

struct control_upstream {
    const char *name, *kind, *server; /* server: "" for kinds without one */
    const char *health;               /* "untried", "healthy", "resting" */
    uint64_t retry_in_ms;             /* 0 unless it rests */
    unsigned failures_in_a_row;
    const char *last_error; /* NULL for none */
    uint64_t dials, failures;
};

struct control_flow {
    uint64_t id;
    const char *kind, *door, *state, *host, *upstream; /* host and upstream may be NULL */
    struct address client;
    struct endpoint target;
    uint64_t up, down, age_ms;
};

struct control_refusal {
    int64_t at_unix_ms;
    const char *kind; /* "dns", "tls", "http", "address" */
    const char *name, *list, *rule;
    struct address client; /* family 0: unknown */
};

#define CONTROL_FOR_EVER INT64_MAX

struct control_filter {
    const char *state; /* "on", "off" by the configuration, "paused", "scheduled off"; static */
    int64_t paused_until_s; /* 0: not paused; CONTROL_FOR_EVER */
};

struct control_rule {
    const char *name;
    bool is_allowed;
    int64_t until_s;
};

enum control_change_kind { CONTROL_PAUSE, CONTROL_RESUME, CONTROL_ALLOW, CONTROL_DENY };
struct control_change {
    enum control_change_kind kind;
    const char *name; /* lower case; NULL with pause and resume: everything */
    int64_t until_s;  /* Unix time, or CONTROL_FOR_EVER */
};

struct control_question {
    const char *host;                    /* lower case; NULL when it is about a URL */
    const char *url, *source_url, *type; /* type "" or "script", "image", ...; NULL without a URL */
};

struct control_verdict {
    const char *verdict; /* "block", "allow", "none"; static */
    char list[128], rule[512];
};

/* A list of the filter. Times are Unix seconds, 0 for none. */
struct control_list {
    const char *name, *category, *format, *place; /* place: URL or file; NULL for neither */
    bool is_enabled;
    uint64_t names, rules, exceptions, cosmetic, dropped;
    bool is_downloaded, is_running; /* the rest is of one that is downloaded */
    int64_t checked_s, changed_s, due_s;
    unsigned failures;
    const char *error;
};

/* Receive what a source has to tell; false: no more, please. */
typedef bool control_counter_fn(void *to, const char *group, const char *name, uint64_t value);
typedef bool control_upstream_fn(void *to, const struct control_upstream *upstream);
typedef bool control_flow_fn(void *to, const struct control_flow *flow);
typedef bool control_rule_fn(void *to, const struct control_rule *rule);
typedef bool control_match_fn(void *to, const struct control_verdict *match);
typedef bool control_list_fn(void *to, const struct control_list *list);
typedef bool control_refusal_fn(void *to, const struct control_refusal *refusal);

/* Where the facts come from. Any function may be NULL: then there is nothing to tell. All are
 * called from control's own callbacks, must not block and must not close the control. Everything
 * given to `tell` is borrowed until it returns. */
struct control_source {
    void *owner;
    void (*state)(void *owner, struct control_state *ret);
    void (*counters)(void *owner, control_counter_fn *tell, void *to);
    void (*upstreams)(void *owner, control_upstream_fn *tell, void *to);
    void (*flows)(void *owner, control_flow_fn *tell, void *to);
    void (*refusals)(void *owner, control_refusal_fn *tell, void *to);
    /* 0; -ENOENT there is no filter in force; -EINVAL this is no host or URL. */
    int (*check)(void *owner, const struct control_question *question, struct control_verdict *ret);
    /* Every rule that speaks of it, the deciding one among them. The same errors. */
    int (*explain)(void *owner, const struct control_question *question, control_match_fn *tell,
                   void *to);
    void (*filter)(void *owner, struct control_filter *ret);
    void (*rules)(void *owner, control_rule_fn *tell, void *to);
    /* 0; -ENOENT no such rule; -ENOSPC too many; -EIO in force, but not kept for a restart. */
    int (*change)(void *owner, const struct control_change *change);
    void (*lists)(void *owner, control_list_fn *tell, void *to);
    const char *(*lists_problem)(void *owner); /* NULL: they are in force */
    /* How many downloads are under way then; -ENOENT: no such list. NULL: of all. */
    int (*update_lists)(void *owner, const char *name);
};

struct control_options {
    gid_t group; /* whose members are served, beside root and the worker's own user */
    const struct control_source *source; /* copied */
    struct usage *usage;                 /* borrowed; NULL: no ledger */
    struct siblings *siblings;           /* borrowed; NULL: there are no other workers to ask */
    struct query_log *query_log;         /* borrowed; NULL: none */
    struct consent *consent;             /* borrowed; NULL: it cannot be asked for */
};

struct control_stats {
    uint64_t accepted, refused_at_limit, refused_peers, requests, errors;
    uint32_t clients;
};

/* `listener` is a listening Unix stream socket, taken in any case; -1: nobody connects, served is
 * only who is handed over. 0 or < 0. */
int control_open(struct loop *loop, int listener, const struct control_options *options,
                 struct control **ret);
/* Serve the worker at the other end of this stream socket, which asks on behalf of its clients, for
 * as long as the socket holds; taken in any case. Replaces the one before. */
int control_serve(struct control *control, int fd);
/* Tell it that here is something to be booked (usage_share). */
void control_note_counting(struct control *control);
struct control_stats control_stats(const struct control *control);
void control_close(struct control *control); /* NULL is accepted */

#endif
