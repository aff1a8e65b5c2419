/* The loop's side of the query log's database, and the key under which names are hashed. */
#include "service/control/query_log_store.h"

#include "base/siphash.h"
#include "service/control/usage_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    LOOKED_AT_MAX = 2000, /* rows for each call: a few milliseconds */
    READ_WAIT_MS = 20,
    LATE_MAX_MS = 5000,
    DAY_MS = 24 * 60 * 60 * 1000,
};

struct query_log_reader {
    sqlite3 *db;
    int dir_fd;
    ino_t file;
};

int query_log_reader_open(int dir_fd, struct query_log_reader **ret)
{
    struct query_log_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    reader->dir_fd = dir_fd;
    int err = usage_sqlite_open(dir_fd, "query.db", false, &reader->db);
    if (err == 0)
        sqlite3_busy_timeout(reader->db, READ_WAIT_MS);
    if (err < 0) {
        query_log_reader_close(reader);
        return err;
    }
    reader->file = query_log_store_file(dir_fd);
    *ret = reader;
    return 0;
}

bool query_log_reader_is_current(const struct query_log_reader *reader)
{
    return query_log_store_file(reader->dir_fd) == reader->file;
}

void query_log_reader_close(struct query_log_reader *reader)
{
    if (!reader)
        return;
    sqlite3_close(reader->db);
    free(reader);
}

/* --- looking --------------------------------------------------------------------------------- */

struct search {
    const struct query_log_question *question;
    char hash[QUERY_LOG_HASH_TEXT_MAX]; /* of the name; "" if names never were hashed */
};

static bool is_at_or_below(const char *name, const char *zone)
{
    size_t size = strlen(name), tail = strlen(zone);
    return size >= tail && strcmp(name + size - tail, zone) == 0 &&
           (size == tail || name[size - tail - 1] == '.');
}

static bool is_text(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

static bool matches(const struct search *search, const struct query_log_row *row)
{
    const struct query_log_question *question = search->question;
    const struct query_log_entry *entry = row->entry;
    bool is_named = !question->name || is_at_or_below(entry->name, question->name) ||
                    (search->hash[0] && strcmp(entry->name, search->hash) == 0);
    return is_named && is_text(question->list, entry->list) &&
           (is_text(question->app, entry->app) || is_text(question->app, row->client)) &&
           is_text(question->verdict, entry->verdict) && is_text(question->kind, entry->kind) &&
           entry->at_unix_ms >= question->since_ms &&
           (!question->until_ms || entry->at_unix_ms < question->until_ms);
}

static const char *column(sqlite3_stmt *statement, int at)
{
    const unsigned char *text = sqlite3_column_text(statement, at);
    return text ? (const char *)text : "";
}

#define TAKE(to, at) snprintf((to), sizeof(to), "%s", column(statement, (at)))

static void read_row(sqlite3_stmt *statement, struct query_log_row *row,
                     struct query_log_entry *entry)
{
    row->id = sqlite3_column_int64(statement, 0);
    row->entry = entry;
    entry->at_unix_ms = sqlite3_column_int64(statement, 1);
    entry->took_ms = (uint32_t)sqlite3_column_int64(statement, 2);
    TAKE(entry->kind, 3);
    TAKE(entry->verdict, 4);
    TAKE(entry->type, 5);
    row->client = column(statement, 6);
    TAKE(entry->name, 7);
    TAKE(entry->path, 8);
    TAKE(entry->list, 9);
    TAKE(entry->rule, 10);
    TAKE(entry->answer, 11);
    TAKE(entry->upstream, 12);
    TAKE(entry->app, 13);
    entry->user = sqlite3_column_int64(statement, 14);
}

/* Nearly in the order of time: a row may have waited for the name of its program, and of several
 * workers each writes when it is time. */
static bool is_before_all(const struct query_log_question *question, int64_t at_unix_ms)
{
    return question->since_ms > 0 && at_unix_ms < question->since_ms - LATE_MAX_MS;
}

/* Walks back through the entries. */
static int walk(sqlite3_stmt *statement, const struct search *search, query_log_row_fn *fn,
                void *owner, int64_t *ret_next)
{
    const struct query_log_question *question = search->question;
    struct query_log_entry entry;
    struct query_log_row row = {.id = 0};
    size_t found = 0;
    int code = SQLITE_ROW;
    for (int looked_at = 0; looked_at < LOOKED_AT_MAX && found < question->limit; looked_at++) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
            break;
        read_row(statement, &row, &entry);
        if (row.id <= question->after || is_before_all(question, entry.at_unix_ms)) {
            code = SQLITE_DONE;
            break;
        }
        if (matches(search, &row)) {
            found++;
            fn(owner, &row);
        }
    }
    *ret_next = code == SQLITE_ROW ? row.id : 0;
    return usage_sqlite_err(code);
}

/* -ENOENT: whoever writes it has not made the tables yet. */
static int prepare(struct query_log_reader *reader, const char *sql, sqlite3_stmt **ret)
{
    int code = sqlite3_prepare_v2(reader->db, sql, -1, ret, NULL);
    bool is_made_now = (code & 0xff) == SQLITE_ERROR || (code & 0xff) == SQLITE_BUSY;
    return is_made_now ? -ENOENT : usage_sqlite_err(code);
}

int query_log_reader_search(struct query_log_reader *reader,
                            const struct query_log_question *question, query_log_row_fn *fn,
                            void *owner, int64_t *ret_next)
{
    struct search search = {.question = question};
    sqlite3_stmt *statement = NULL;
    uint64_t key[2];
    if (question->name && query_log_key(reader->dir_fd, false, key) == 0)
        query_log_hash(key, question->name, search.hash);
    int err = prepare(reader,
                      "SELECT id, at, took, kind, verdict, type, client, name, path, list, rule,"
                      " answer, upstream, app, user FROM log WHERE id < ? ORDER BY id DESC",
                      &statement);
    if (err == 0) {
        sqlite3_bind_int64(statement, 1, question->before ? question->before : INT64_MAX);
        err = walk(statement, &search, fn, owner, ret_next);
    }
    sqlite3_finalize(statement);
    return err;
}

int query_log_reader_counts(struct query_log_reader *reader, int64_t since_ms,
                            query_log_count_fn *fn, void *owner)
{
    sqlite3_stmt *statement = NULL;
    int err = prepare(reader,
                      "SELECT list, verdict, sum(count) AS total FROM counts WHERE day >= ?"
                      " GROUP BY list, verdict ORDER BY total DESC",
                      &statement);
    int code = SQLITE_ROW;
    if (err < 0)
        return err;
    sqlite3_bind_int64(statement, 1, since_ms / DAY_MS);
    while (code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            fn(owner, column(statement, 0), column(statement, 1),
               (uint64_t)sqlite3_column_int64(statement, 2));
    }
    sqlite3_finalize(statement);
    return usage_sqlite_err(code);
}

/* --- hashed names ---------------------------------------------------------------------------- */

static int make_key(int dir_fd, uint64_t ret_key[2])
{
    uint64_t key[2];
    if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
        return -EIO;
    int fd = openat(dir_fd, "query.key", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    ssize_t size = write(fd, key, sizeof(key));
    close(fd);
    if (size != (ssize_t)sizeof(key)) {
        unlinkat(dir_fd, "query.key", 0);
        return -EIO;
    }
    memcpy(ret_key, key, sizeof(key));
    return 0;
}

int query_log_key(int dir_fd, bool may_make, uint64_t ret_key[2])
{
    uint64_t key[2];
    int fd = openat(dir_fd, "query.key", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return may_make ? make_key(dir_fd, ret_key) : -ENOENT;
    ssize_t size = read(fd, key, sizeof(key));
    close(fd);
    if (size != (ssize_t)sizeof(key))
        return -EIO;
    memcpy(ret_key, key, sizeof(key));
    return 0;
}

const char *query_log_hash(const uint64_t key[2], const char *name,
                           char to[QUERY_LOG_HASH_TEXT_MAX])
{
    snprintf(to, QUERY_LOG_HASH_TEXT_MAX, "#%016llx",
             (unsigned long long)siphash13(key, name, strlen(name)));
    return to;
}
