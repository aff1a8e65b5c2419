/* Two tables: log, of entries in the order in which they came, and counts, of what each list
 * decided on each day (UTC), so that nobody has to count entries. */
#include "service/control/query_log_store.h"

#include "service/control/usage_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "query.db"

enum { DAY_MS = 24 * 60 * 60 * 1000, PRUNE_TURNS = 12, USER_COLUMN = 14 };

struct query_log_store {
    int dir_fd;
    ino_t file;
    sqlite3 *db;
    sqlite3_stmt *insert, *count;
};

/* No power failure is worth a flush for each batch: WAL without it loses entries, never the file.
 */
static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 1048576;";

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
    " took INTEGER NOT NULL, kind TEXT NOT NULL, verdict TEXT NOT NULL, type TEXT NOT NULL,"
    " client TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, list TEXT NOT NULL,"
    " rule TEXT NOT NULL, answer TEXT NOT NULL, upstream TEXT NOT NULL,"
    " app TEXT NOT NULL DEFAULT '', user INTEGER NOT NULL DEFAULT -1);"
    "CREATE TABLE IF NOT EXISTS counts (day INTEGER NOT NULL, list TEXT NOT NULL,"
    " verdict TEXT NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY (day, list, verdict)) WITHOUT ROWID;";

/* Of the first form, that knew no programs, to the second. */
static const char upgrade[] = "ALTER TABLE log ADD COLUMN app TEXT NOT NULL DEFAULT '';"
                              "ALTER TABLE log ADD COLUMN user INTEGER NOT NULL DEFAULT -1;";

static const char insert_text[] = "INSERT INTO log (at, took, kind, verdict, type, client, name,"
                                  " path, list, rule, answer, upstream, app, user)"
                                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char count_text[] = "INSERT INTO counts VALUES (?, ?, ?, 1) ON CONFLICT (day, list,"
                                 " verdict) DO UPDATE SET count = count + 1";

static int run(sqlite3 *db, const char *sql)
{
    return usage_sqlite_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
    return usage_sqlite_err(sqlite3_prepare_v2(db, sql, -1, ret, NULL));
}

static int ask_number(sqlite3 *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return usage_sqlite_err(code);
}

static int check(sqlite3 *db)
{
    int64_t is_good = 0;
    int err = ask_number(db, "SELECT quick_check = 'ok' FROM pragma_quick_check LIMIT 1", &is_good);
    return err < 0 || is_good ? err : -EBADMSG;
}

/* Several workers may open it at once: the first to hold it makes it what it shall be. */
static int make_tables(sqlite3 *db)
{
    int64_t has_programs = 0;
    int err = run(db, "BEGIN IMMEDIATE");
    if (err < 0)
        return err;
    err = run(db, schema);
    if (err == 0)
        err = ask_number(db, "SELECT count(*) FROM pragma_table_info('log') WHERE name = 'app'",
                         &has_programs);
    if (err == 0 && !has_programs)
        err = run(db, upgrade);
    if (err == 0)
        err = run(db, "PRAGMA user_version = 2; COMMIT");
    if (err < 0)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

int query_log_store_open(int dir_fd, struct query_log_store **ret)
{
    struct query_log_store *store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    store->dir_fd = dir_fd;
    int err = usage_sqlite_open(dir_fd, FILE_NAME, true, &store->db);
    if (err == 0)
        err = check(store->db);
    if (err == 0)
        err = run(store->db, settings);
    if (err == 0)
        err = make_tables(store->db);
    if (err == 0)
        err = prepare(store->db, insert_text, &store->insert);
    if (err == 0)
        err = prepare(store->db, count_text, &store->count);
    if (err < 0) {
        query_log_store_close(store);
        return err;
    }
    store->file = query_log_store_file(dir_fd);
    *ret = store;
    return 0;
}

ino_t query_log_store_file(int dir_fd)
{
    struct stat found;
    return fstatat(dir_fd, FILE_NAME, &found, 0) < 0 ? 0 : found.st_ino;
}

bool query_log_store_is_current(const struct query_log_store *store)
{
    return query_log_store_file(store->dir_fd) == store->file;
}

void query_log_store_close(struct query_log_store *store)
{
    if (!store)
        return;
    sqlite3_finalize(store->insert);
    sqlite3_finalize(store->count);
    sqlite3_close(store->db);
    free(store);
}

/* --- writing --------------------------------------------------------------------------------- */

static int step(sqlite3_stmt *statement)
{
    int err = usage_sqlite_err(sqlite3_step(statement));
    sqlite3_reset(statement);
    return err;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

static int write_entry(struct query_log_store *store, const struct query_log_entry *entry,
                       const char *name, const char *path)
{
    char client[ADDRESS_TEXT_MAX] = "";
    const char *const texts[] = {
        entry->kind, entry->verdict, entry->type,   client,          name,      path,
        entry->list, entry->rule,    entry->answer, entry->upstream, entry->app};
    if (entry->client.family)
        address_format_ip(&entry->client, client);
    sqlite3_bind_int64(store->insert, 1, entry->at_unix_ms);
    sqlite3_bind_int64(store->insert, 2, entry->took_ms);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        bind_text(store->insert, (int)i + 3, texts[i]);
    sqlite3_bind_int64(store->insert, USER_COLUMN, entry->user);
    int err = step(store->insert);
    if (err < 0 || !entry->list[0])
        return err;
    sqlite3_bind_int64(store->count, 1, entry->at_unix_ms / DAY_MS);
    bind_text(store->count, 2, entry->list);
    bind_text(store->count, 3, entry->verdict);
    return step(store->count);
}

/* A rule spells the name, and an answer may: without names they would tell it. */
static int write_without_name(struct query_log_store *store, const struct query_log_entry *from,
                              const char *name)
{
    struct query_log_entry entry = *from;
    entry.rule[0] = entry.answer[0] = '\0';
    if (!name[0]) {
        entry.app[0] = '\0';
        entry.user = -1;
    }
    return write_entry(store, &entry, name, "");
}

static int write_all(struct query_log_store *store, const struct query_log_entry *entries,
                     size_t count, enum query_log_names names)
{
    char hash[QUERY_LOG_HASH_TEXT_MAX];
    uint64_t key[2];
    int err = names == QUERY_LOG_HASHED ? query_log_key(store->dir_fd, true, key) : 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        const struct query_log_entry *entry = &entries[i];
        if (names == QUERY_LOG_PLAIN)
            err = write_entry(store, entry, entry->name, entry->path);
        else if (names == QUERY_LOG_HASHED)
            err = write_without_name(store, entry, query_log_hash(key, entry->name, hash));
        else
            err = write_without_name(store, entry, "");
    }
    return err;
}

int query_log_store_write(struct query_log_store *store, const struct query_log_entry *entries,
                          size_t count, enum query_log_names names)
{
    int err = run(store->db, "BEGIN IMMEDIATE");
    if (err < 0)
        return err;
    err = write_all(store, entries, count, names);
    if (err == 0)
        err = run(store->db, "COMMIT");
    if (err < 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* --- bounds ---------------------------------------------------------------------------------- */

static int used_bytes(sqlite3 *db, int64_t *ret)
{
    return ask_number(db,
                      "SELECT (page_count - freelist_count) * page_size"
                      " FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
                      ret);
}

/* Entries came in the order of their ids, nearly: a clock may have been set. */
static int prune_old(sqlite3 *db, int64_t oldest_ms)
{
    char sql[240];
    snprintf(sql, sizeof(sql),
             "DELETE FROM log WHERE id < coalesce((SELECT id FROM log WHERE at >= %lld"
             " ORDER BY id LIMIT 1), (SELECT max(id) + 1 FROM log));"
             "DELETE FROM counts WHERE day < %lld",
             (long long)oldest_ms, (long long)(oldest_ms / DAY_MS));
    return run(db, sql);
}

int query_log_store_prune(struct query_log_store *store, int64_t oldest_ms, uint64_t size_bytes,
                          uint64_t *ret_bytes)
{
    int64_t bytes = 0;
    int err = prune_old(store->db, oldest_ms);
    if (err == 0)
        err = used_bytes(store->db, &bytes);
    for (int turn = 0; err == 0 && (uint64_t)bytes > size_bytes && turn < PRUNE_TURNS; turn++) {
        err = run(store->db, "DELETE FROM log WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 8"
                             " FROM log)");
        if (err == 0)
            err = used_bytes(store->db, &bytes);
    }
    if (err == 0)
        err = run(store->db, "PRAGMA incremental_vacuum");
    if (err == 0)
        *ret_bytes = (uint64_t)bytes;
    return err;
}

static void remove_companions(int dir_fd)
{
    unlinkat(dir_fd, FILE_NAME "-wal", 0);
    unlinkat(dir_fd, FILE_NAME "-shm", 0);
}

void query_log_store_put_aside(int dir_fd)
{
    if (renameat(dir_fd, FILE_NAME, dir_fd, FILE_NAME ".damaged") < 0)
        unlinkat(dir_fd, FILE_NAME, 0);
    remove_companions(dir_fd);
}

void query_log_store_delete(int dir_fd)
{
    unlinkat(dir_fd, FILE_NAME, 0);
    unlinkat(dir_fd, FILE_NAME ".damaged", 0);
    remove_companions(dir_fd);
}
