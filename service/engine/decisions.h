/* Asks the filter on behalf of every kind of conversation, counts what it says and remembers the
 * last refusals, so that "why did this not load" has an answer. */
#ifndef SERVICE_ENGINE_DECISIONS_H
#define SERVICE_ENGINE_DECISIONS_H

#include "adblock/filter.h"
#include "base/endpoint.h"
#include "service/engine/caller.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECISIONS_KEPT = 256, DECISION_RULE_MAX = 128, DECISION_LIST_MAX = 64 };

/* What was asked: "dns", "tls", "http", "address". */
struct refusal {
    int64_t at_unix_ms;
    const char *kind; /* static */
    struct address client;
    char name[NAME_MAX_BYTES + 1];
    char list[DECISION_LIST_MAX], rule[DECISION_RULE_MAX];
};

/* One decision, for whoever keeps a log of them. All texts are borrowed; NULL: there is none. */
struct decision {
    const char *kind; /* as above */
    const char *name; /* or the URL */
    size_t name_size;
    const struct caller *caller;
    uint16_t qtype;                       /* of DNS */
    const struct filter_request *request; /* of HTTP */
    const char *verdict;                  /* "block", "rewrite", "allow", "pass" */
    const char *list, *rule;              /* of the deciding rule */
    const char *answer, *upstream;
    uint64_t took_ms;
};
typedef void decision_fn(void *owner, const struct decision *decision);
typedef void decision_caller_fn(void *owner, const struct caller *caller);

struct decisions {
    const struct filter *(*filter)(void *owner); /* the one in force; NULL: everything passes */
    void (*on_blocked)(void *owner);             /* for the ledger */
    void *owner;
    decision_fn *on_decision;      /* NULL: nobody keeps a log */
    decision_caller_fn *on_caller; /* see decisions_expect; may be NULL */
    void *log_owner;
    bool wants_passes; /* the log is of what passes too */
    uint64_t asked, blocked;
    uint64_t told; /* how many were refused, rewritten or told to a log; ever */
    struct refusal kept[DECISIONS_KEPT]; /* ring */
    size_t kept_count; /* ever; the newest is at (kept_count - 1) % DECISIONS_KEPT */
};

/* Must this name be refused? A verdict of its own for DNS (qtype) and others (0). */
bool decisions_name_is_blocked(struct decisions *decisions, const char *kind, const char *host,
                               uint16_t qtype, const struct caller *caller);
/* The verdict alone, nothing noted; of a name, and of an address that a name turned out to have. */
void decisions_ask_name(struct decisions *decisions, const struct filter_name *name,
                        struct verdict *ret);
void decisions_ask_address(struct decisions *decisions, const struct address *address,
                           struct verdict *ret);
/* What the verdict on a name says to answer; see filter_answers. */
size_t decisions_answers(const struct decisions *decisions, const struct filter_name *name,
                         const struct verdict *verdict, struct filter_answer *ret, size_t max);
/* What is answered denies the name: nothing, an error, silence, or, from a hosts line, an address
 * of nowhere or of this machine. */
bool decisions_is_denial(const struct verdict *verdict, const struct filter_answer *answers,
                         size_t count);
/* Does the verdict refuse the name, or is what it says to answer a denial? qtype 0, of a
 * conversation: for both kinds of addresses. */
bool decisions_denies(const struct decisions *decisions, const struct filter_name *name,
                      const struct verdict *verdict);
/* Note a refusal that was decided elsewhere (an HTTP request at the gate): of `decision` all but
 * verdict, list and rule. */
void decisions_note(struct decisions *decisions, const struct decision *decision,
                    const struct verdict *verdict);
/* Tell a log of what was answered otherwise, or passed, in the same words. */
void decisions_rewritten(struct decisions *decisions, const struct decision *decision,
                         const struct verdict *verdict);
void decisions_passed(struct decisions *decisions, const struct decision *decision);
/* This one asks something, and is told of when it is answered. */
void decisions_expect(const struct decisions *decisions, const struct caller *caller);
/* The newest first; returns how many. The pointers are good until the next decision. */
size_t decisions_last(const struct decisions *decisions, const struct refusal **ret, size_t max);

#endif
