/* Three tables: meta (one row), usage (what billing reads) and folded (how far the counters of each
 * live file and upstream have been booked). A fold changes all three in one transaction. */
#include "service/control/usage_store.h"

#include "service/control/usage_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct usage_store {
    int dir_fd;               /* our own copy; -1 in memory */
    sqlite3 *writer, *reader; /* the same one in memory */
    uint64_t ledger;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta (ledger INTEGER NOT NULL, sequence INTEGER NOT NULL);"
    "INSERT INTO meta SELECT random(), 0 WHERE NOT EXISTS (SELECT 1 FROM meta);"
    "CREATE TABLE IF NOT EXISTS usage (day TEXT NOT NULL, upstream TEXT NOT NULL,"
    " bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, blocked INTEGER NOT NULL,"
    " PRIMARY KEY (day, upstream)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS folded (live INTEGER NOT NULL, upstream TEXT NOT NULL,"
    " bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, blocked INTEGER NOT NULL,"
    " PRIMARY KEY (live, upstream)) WITHOUT ROWID;"
    "PRAGMA user_version = 2;";

/* Version 1 knew one live file. */
static const char upgrade[] =
    "BEGIN IMMEDIATE;"
    "ALTER TABLE folded RENAME TO folded_before;"
    "CREATE TABLE folded (live INTEGER NOT NULL, upstream TEXT NOT NULL,"
    " bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, blocked INTEGER NOT NULL,"
    " PRIMARY KEY (live, upstream)) WITHOUT ROWID;"
    "INSERT INTO folded SELECT 0, upstream, bytes_up, bytes_down, requests, blocked"
    " FROM folded_before;"
    "DROP TABLE folded_before;"
    "PRAGMA user_version = 2;"
    "COMMIT;";

static const char live_schema[] =
    "PRAGMA temp_store = MEMORY;"
    "CREATE TEMP TABLE live (day TEXT, live INTEGER, upstream TEXT, bytes_up INTEGER,"
    " bytes_down INTEGER, requests INTEGER, blocked INTEGER, PRIMARY KEY (live, upstream));";

/* What is booked, and what is counted beyond it. */
static const char query_text[] =
    "WITH pending AS (SELECT l.day, l.upstream,"
    "  max(0, l.bytes_up - coalesce(f.bytes_up, 0)) AS bytes_up,"
    "  max(0, l.bytes_down - coalesce(f.bytes_down, 0)) AS bytes_down,"
    "  max(0, l.requests - coalesce(f.requests, 0)) AS requests,"
    "  max(0, l.blocked - coalesce(f.blocked, 0)) AS blocked"
    "  FROM temp.live l LEFT JOIN folded f USING (live, upstream)),"
    " both AS (SELECT * FROM usage UNION ALL SELECT * FROM pending"
    "  WHERE bytes_up + bytes_down + requests + blocked > 0)"
    " SELECT CASE WHEN ?1 THEN day ELSE '' END AS d,"
    "  CASE WHEN ?2 THEN upstream ELSE '' END AS u,"
    "  sum(bytes_up), sum(bytes_down), sum(requests), sum(blocked)"
    " FROM both WHERE day BETWEEN coalesce(?3, '') AND coalesce(?4, '9999')"
    " GROUP BY d, u ORDER BY d, u";

static int run(sqlite3 *db, const char *sql)
{
    return usage_sqlite_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* One number from the first row. */
static int ask_number(sqlite3 *db, const char *sql, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int result = code == SQLITE_DONE ? -EIO : usage_sqlite_err(code);
    if (result == 0)
        *ret = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return result;
}

static int check(sqlite3 *db)
{
    int64_t is_ok = 0;
    int result =
        ask_number(db, "SELECT quick_check = 'ok' FROM pragma_quick_check LIMIT 1", &is_ok);
    return result < 0 || is_ok ? result : -EBADMSG;
}

static int upgrade_database(sqlite3 *db)
{
    int64_t version = 0;
    int result = ask_number(db, "PRAGMA user_version", &version);
    if (result < 0 || version != 1)
        return result;
    result = run(db, upgrade);
    if (result < 0)
        run(db, "ROLLBACK");
    return result;
}

static int prepare_database(struct usage_store *store)
{
    int64_t ledger;
    int result = check(store->writer);
    if (result == 0)
        result = run(store->writer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    if (result == 0)
        result = upgrade_database(store->writer);
    if (result == 0)
        result = run(store->writer, schema);
    if (result == 0)
        result = ask_number(store->writer, "SELECT ledger FROM meta", &ledger);
    if (result < 0)
        return result;
    store->ledger = (uint64_t)ledger;
    if (store->dir_fd < 0)
        store->reader = store->writer;
    else
        result = usage_sqlite_open(store->dir_fd, "usage.db", true, &store->reader);
    return result < 0 ? result : run(store->reader, live_schema);
}

int usage_store_open(int dir_fd, struct usage_store **ret)
{
    struct usage_store *store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    store->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    int result = dir_fd >= 0 && store->dir_fd < 0 ? -errno : 0;
    if (result == 0)
        result = usage_sqlite_open(store->dir_fd, "usage.db", true, &store->writer);
    if (result == 0)
        result = prepare_database(store);
    if (result < 0) {
        usage_store_close(store);
        return result;
    }
    *ret = store;
    return 0;
}

void usage_store_close(struct usage_store *store)
{
    if (!store)
        return;
    if (store->reader != store->writer)
        sqlite3_close(store->reader);
    sqlite3_close(store->writer);
    if (store->dir_fd >= 0)
        close(store->dir_fd);
    free(store);
}

uint64_t usage_store_ledger(const struct usage_store *store)
{
    return store->ledger;
}

static void bind_counters(sqlite3_stmt *statement, int first, const struct usage_counters *counters)
{
    sqlite3_bind_int64(statement, first, (int64_t)counters->up);
    sqlite3_bind_int64(statement, first + 1, (int64_t)counters->down);
    sqlite3_bind_int64(statement, first + 2, (int64_t)counters->requests);
    sqlite3_bind_int64(statement, first + 3, (int64_t)counters->blocked);
}

static struct usage_counters read_counters(sqlite3_stmt *statement, int first)
{
    return (struct usage_counters){
        .up = (uint64_t)sqlite3_column_int64(statement, first),
        .down = (uint64_t)sqlite3_column_int64(statement, first + 1),
        .requests = (uint64_t)sqlite3_column_int64(statement, first + 2),
        .blocked = (uint64_t)sqlite3_column_int64(statement, first + 3),
    };
}

static int read_folded(sqlite3 *db, uint64_t live, const char *name, struct usage_counters *ret)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db,
                                  "SELECT bytes_up, bytes_down, requests, blocked FROM folded"
                                  " WHERE live = ? AND upstream = ?",
                                  -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, (int64_t)live);
        sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW)
        *ret = read_counters(statement, 0);
    else if (code == SQLITE_DONE)
        *ret = (struct usage_counters){0};
    sqlite3_finalize(statement);
    return usage_sqlite_err(code);
}

int usage_store_folded(struct usage_store *store, const char *name, struct usage_counters *ret)
{
    return read_folded(store->reader, 0, name, ret); /* the writer may be busy on another thread */
}

/* Run one statement with day ?1, live file ?2, name ?3 and counters from ?4 on. */
static int put(sqlite3 *db, const char *sql, const char *day,
               const struct usage_snapshot_slot *slot, const struct usage_counters *counters)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, day, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, (int64_t)slot->live);
        sqlite3_bind_text(statement, 3, slot->name, -1, SQLITE_STATIC);
        bind_counters(statement, 4, counters);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return usage_sqlite_err(code);
}

static uint64_t beyond(uint64_t live, uint64_t folded)
{
    return live > folded ? live - folded : 0;
}

static const char book_text[] =
    "INSERT INTO usage VALUES (?1, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET"
    " bytes_up = bytes_up + excluded.bytes_up, bytes_down = bytes_down + excluded.bytes_down,"
    " requests = requests + excluded.requests, blocked = blocked + excluded.blocked";
static const char mark_text[] = "INSERT OR REPLACE INTO folded VALUES (?2, ?3, ?4, ?5, ?6, ?7)";

static int fold_slot(struct usage_store *store, const char *day,
                     const struct usage_snapshot_slot *slot, bool *changed)
{
    const struct usage_counters *live = &slot->counters;
    struct usage_counters folded = {0};
    int result = read_folded(store->writer, slot->live, slot->name, &folded);
    if (result < 0 || memcmp(&folded, live, sizeof(folded)) == 0)
        return result;
    struct usage_counters more = {
        .up = beyond(live->up, folded.up),
        .down = beyond(live->down, folded.down),
        .requests = beyond(live->requests, folded.requests),
        .blocked = beyond(live->blocked, folded.blocked),
    };
    result = put(store->writer, book_text, day, slot, &more);
    *changed = true;
    return result < 0 ? result : put(store->writer, mark_text, day, slot, live);
}

static void format_day(int64_t day, char to[USAGE_DAY_TEXT_MAX])
{
    time_t seconds = (time_t)(day * 24 * 60 * 60);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(to, USAGE_DAY_TEXT_MAX, "%Y-%m-%d", &tm) == 0)
        memcpy(to, "1970-01-01", USAGE_DAY_TEXT_MAX); /* a clock beyond the year 9999 */
}

static int fold_all(struct usage_store *store, const struct usage_snapshot *snapshot, bool *changed)
{
    char day[USAGE_DAY_TEXT_MAX];
    int result = 0;
    format_day(snapshot->day, day);
    for (size_t i = 0; result == 0 && i < snapshot->count; i++)
        result = fold_slot(store, day, &snapshot->slots[i], changed);
    if (result == 0 && *changed)
        result = run(store->writer, "UPDATE meta SET sequence = sequence + 1");
    return result;
}

int usage_store_fold(struct usage_store *store, const struct usage_snapshot *snapshot)
{
    bool changed = false;
    int result = run(store->writer, "BEGIN IMMEDIATE");
    if (result < 0)
        return result;
    result = fold_all(store, snapshot, &changed);
    if (result == 0 && changed)
        result = run(store->writer, "COMMIT");
    if (result < 0 || !changed)
        run(store->writer, "ROLLBACK");
    return result;
}

int usage_store_skip(struct usage_store *store, const struct usage_snapshot *snapshot)
{
    int result = run(store->writer, "BEGIN IMMEDIATE");
    if (result < 0)
        return result;
    for (size_t i = 0; result == 0 && i < snapshot->count; i++)
        result =
            put(store->writer, mark_text, "", &snapshot->slots[i], &snapshot->slots[i].counters);
    int end = run(store->writer, result < 0 ? "ROLLBACK" : "COMMIT");
    return result < 0 ? result : end;
}

void usage_store_forget(struct usage_store *store, uint64_t live)
{
    char sql[80];
    snprintf(sql, sizeof(sql), "DELETE FROM folded WHERE live = %llu", (unsigned long long)live);
    run(store->writer, sql); /* left behind, they are of no consequence */
}

static int fill_live(struct usage_store *store, const struct usage_snapshot *live)
{
    char day[USAGE_DAY_TEXT_MAX];
    format_day(live->day, day);
    int result = run(store->reader, "DELETE FROM temp.live");
    for (size_t i = 0; result == 0 && i < live->count; i++)
        result = put(store->reader, "INSERT INTO temp.live VALUES (?, ?, ?, ?, ?, ?, ?)", day,
                     &live->slots[i], &live->slots[i].counters);
    return result;
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

static int select_rows(struct usage_store *store, const struct usage_question *question,
                       usage_row_fn *fn, void *owner)
{
    sqlite3_stmt *statement = NULL;
    struct usage_row row;
    int code = sqlite3_prepare_v2(store->reader, query_text, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int(statement, 1, (question->by & USAGE_BY_DAY) != 0);
        sqlite3_bind_int(statement, 2, (question->by & USAGE_BY_UPSTREAM) != 0);
        sqlite3_bind_text(statement, 3, question->from, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 4, question->to, -1, SQLITE_STATIC);
    }
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
            break;
        row.counters = read_counters(statement, 2);
        snprintf(row.day, sizeof(row.day), "%s", column_text(statement, 0));
        snprintf(row.upstream, sizeof(row.upstream), "%s", column_text(statement, 1));
        fn(owner, &row);
    }
    sqlite3_finalize(statement);
    return usage_sqlite_err(code);
}

int usage_store_query(struct usage_store *store, const struct usage_snapshot *live,
                      const struct usage_question *question, usage_row_fn *fn, void *owner,
                      uint64_t *ret_sequence)
{
    int64_t sequence = 0;
    /* One transaction, so that rows and sequence are of one moment. */
    int result = run(store->reader, "BEGIN");
    if (result < 0)
        return result;
    result = fill_live(store, live);
    if (result == 0)
        result = ask_number(store->reader, "SELECT sequence FROM meta", &sequence);
    if (result == 0)
        result = select_rows(store, question, fn, owner);
    run(store->reader, "COMMIT");
    if (result == 0)
        *ret_sequence = (uint64_t)sequence;
    return result;
}
