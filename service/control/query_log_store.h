/* The query log's database: query.db (SQLite, WAL). Whoever writes it does so on whatever thread,
 * but one at a time; a reader belongs to the loop's. */
#ifndef SERVICE_CONTROL_QUERY_LOG_STORE_H
#define SERVICE_CONTROL_QUERY_LOG_STORE_H

#include "service/control/query_log.h"

#include <sys/types.h>

struct query_log_store;

/* -EBADMSG it is damaged, or no database of ours; -EIO, -ENOMEM. `dir_fd` is borrowed as long as
 * the store. */
int query_log_store_open(int dir_fd, struct query_log_store **ret);
void query_log_store_close(struct query_log_store *store); /* NULL is accepted */
/* False: its file was deleted meanwhile, and what is written into it is lost. */
bool query_log_store_is_current(const struct query_log_store *store);
/* All of them, or none: 0 or < 0 (-ENOSPC the disk is full). */
int query_log_store_write(struct query_log_store *store, const struct query_log_entry *entries,
                          size_t count, enum query_log_names names);
/* Take away what is too old, and the oldest of what is too much; *ret_bytes: what is left. */
int query_log_store_prune(struct query_log_store *store, int64_t oldest_ms, uint64_t size_bytes,
                          uint64_t *ret_bytes);
/* Out of the way: as query.db.damaged, or for good. No store may be open. */
void query_log_store_put_aside(int dir_fd);
void query_log_store_delete(int dir_fd);

/* Which file the database is now; 0: there is none. */
ino_t query_log_store_file(int dir_fd);

struct query_log_reader;

/* -ENOENT there is none yet. */
int query_log_reader_open(int dir_fd, struct query_log_reader **ret);
void query_log_reader_close(struct query_log_reader *reader); /* NULL is accepted */
bool query_log_reader_is_current(const struct query_log_reader *reader);
int query_log_reader_search(struct query_log_reader *reader,
                            const struct query_log_question *question, query_log_row_fn *fn,
                            void *owner, int64_t *ret_next); /* -ENOENT: not made yet */
int query_log_reader_counts(struct query_log_reader *reader, int64_t since_ms,
                            query_log_count_fn *fn, void *owner);

/* What a name is kept as where names are hashed; the key lies beside the database (query.key) and
 * is made by the first who needs it. -ENOENT: not yet there, and `may_make` is false. */
enum { QUERY_LOG_HASH_TEXT_MAX = 20 };
int query_log_key(int dir_fd, bool may_make, uint64_t ret_key[2]);
const char *query_log_hash(const uint64_t key[2], const char *name,
                           char to[QUERY_LOG_HASH_TEXT_MAX]);

#endif
