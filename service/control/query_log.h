/* The query log: what was asked for, what was decided and why, in SQLite (query_log_store), bounded
 * by age and size. Adding an entry is a copy into a queue on the loop's thread; a job writes the
 * queue in one transaction about once a second. What does not fit into the queue meanwhile is
 * counted and gone: a flood costs memory, time and disk no more than that. Nothing of it is needed
 * for anything else; whatever goes wrong with the file, traffic goes on.
 *
 * With several workers each has one of these, on the same file. */
#ifndef SERVICE_CONTROL_QUERY_LOG_H
#define SERVICE_CONTROL_QUERY_LOG_H

#include "base/endpoint.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUERY_LOG_QUEUE = 4096, QUERY_LOG_PATH_MAX = 128, QUERY_LOG_TEXT_MAX = 64 };

enum query_log_mode { QUERY_LOG_OFF, QUERY_LOG_BLOCKED, QUERY_LOG_ALL };
/* How names are kept: as they are; as a keyed hash, under which a name can be looked for but not
 * read; not at all, and then no programs either. Paths are kept with plain names only, and never
 * what stands behind a "?". */
enum query_log_names { QUERY_LOG_PLAIN, QUERY_LOG_HASHED, QUERY_LOG_NAMELESS };

struct query_log_settings {
    enum query_log_mode mode; /* off: what was kept before is deleted */
    enum query_log_names names;
    uint32_t age_s;       /* older entries go */
    uint64_t size_bytes;  /* of the database; the oldest entries go */
    uint32_t asked_age_s; /* what was asked for, where the region allows less; for the stats */
};

/* Texts are terminated and may be "". */
struct query_log_entry {
    int64_t at_unix_ms;
    uint32_t took_ms;
    struct address client;        /* family 0: unknown */
    int64_t user;                 /* the program's; -1: unknown */
    char app[QUERY_LOG_TEXT_MAX]; /* the program that asked; "" if it is not known */
    char kind[8];                 /* "dns", "http", "tls", "tcp", "udp", ... */
    char verdict[8];              /* "block", "rewrite", "allow", "pass" */
    char type[16];                /* "AAAA", "script" */
    char name[NAME_MAX_BYTES + 1], path[QUERY_LOG_PATH_MAX];
    char list[QUERY_LOG_TEXT_MAX], rule[2 * QUERY_LOG_TEXT_MAX];
    char answer[QUERY_LOG_TEXT_MAX], upstream[QUERY_LOG_TEXT_MAX];
};

struct query_log;

/* Off until it is set. `dir_fd` is the worker's own folder, borrowed until the call returns; -1:
 * there is nowhere to keep it, and it stays off. 0 or -ENOMEM. */
int query_log_open(struct loop *loop, int dir_fd, struct query_log **ret);
/* Writes what is in the queue. NULL is accepted. */
void query_log_close(struct query_log *log);
/* In force at once. 0; -ENOMEM: it is off. */
int query_log_set(struct query_log *log, const struct query_log_settings *settings);

/* An empty entry, of nobody, to be filled in before the next turn of the loop; NULL: off, or the
 * queue is full (counted). */
struct query_log_entry *query_log_add(struct query_log *log);

struct query_log_stats {
    enum query_log_mode mode;
    uint32_t age_s, asked_age_s;
    uint64_t written, dropped; /* dropped: no room in the queue */
    uint64_t lost;             /* could not be written */
    uint64_t bytes;            /* of the database, when it was last written */
    bool was_damaged; /* a database was put aside as query.db.damaged, and a new one begun */
    bool is_failing;  /* the last attempt to write failed */
};
struct query_log_stats query_log_stats(const struct query_log *log);

/* --- looking for something ------------------------------------------------------------------- */

struct query_log_question {
    const char *name;                  /* it and everything below it; NULL: any */
    const char *app;                   /* the program, or the client's address; NULL: any */
    const char *list, *verdict, *kind; /* exactly; NULL: any */
    int64_t since_ms, until_ms;        /* Unix; 0: any */
    int64_t before, after;             /* ids; 0: any */
    size_t limit;
};

struct query_log_row {
    int64_t id;
    const struct query_log_entry *entry; /* but for the client */
    const char *client;
};
typedef void query_log_row_fn(void *owner, const struct query_log_row *row);

/* Entries that match, the newest first. A bounded number is looked at for each call, so that the
 * loop is never held up: *ret_next is where to go on (`before`), 0 at the end. What was added
 * within the last second may not be there yet. 0 or < 0; without a database there are no entries.
 */
int query_log_search(struct query_log *log, const struct query_log_question *question,
                     query_log_row_fn *fn, void *owner, int64_t *ret_next);

typedef void query_log_count_fn(void *owner, const char *list, const char *verdict, uint64_t count);
/* How often each list decided, since the day (UTC) of that moment; 0: ever, as far as it is kept.
 */
int query_log_counts(struct query_log *log, int64_t since_ms, query_log_count_fn *fn, void *owner);

#endif
