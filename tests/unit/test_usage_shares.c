/* Several workers count, one of them books: restarts of each, kills, other databases. */
#include "service/control/usage_share.h"
#include "service/control/usage_shares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, KILLS = 20, FOLD_MS = 5000 };

struct fixture {
    char path[64];
    int dir;
    struct loop *loop;
    uint64_t now_ms;
    struct usage *usage;
    struct usage_share *shares[WORKERS]; /* 0 is the ledger's own */
    unsigned told;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    strcpy(fixture->path, "/tmp/test_shares.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->dir = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fixture->loop = loop_new();
    fixture->now_ms = 1000;
    loop_fake_clock(fixture->loop, fixture->now_ms);
    *state = fixture;
    return 0;
}

static void begin(struct fixture *fixture)
{
    const struct usage_options options = {.dir_fd = fixture->dir, .places = WORKERS};
    assert_int_equal(usage_open(fixture->loop, &options, &fixture->usage), 0);
}

static void end(struct fixture *fixture)
{
    usage_close(fixture->usage);
    fixture->usage = NULL;
}

static void on_counting(void *owner)
{
    struct fixture *fixture = owner;
    fixture->told++;
    if (fixture->usage)
        usage_note(fixture->usage);
}

static void begin_share(struct fixture *fixture, unsigned place)
{
    assert_int_equal(usage_share_open(fixture->loop, fixture->dir, place, on_counting, fixture,
                                      &fixture->shares[place]),
                     0);
}

static void end_share(struct fixture *fixture, unsigned place)
{
    usage_share_close(fixture->shares[place]);
    fixture->shares[place] = NULL;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    end(fixture);
    for (unsigned i = 1; i < WORKERS; i++)
        end_share(fixture, i);
    loop_free(fixture->loop);
    DIR *dir = fdopendir(fixture->dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(fixture->path);
    free(fixture);
    return 0;
}

static void count(struct fixture *fixture, unsigned place, const char *name, uint64_t up)
{
    if (place == 0)
        usage_counters(fixture->usage, name)->up += up;
    else
        usage_share_counters(fixture->shares[place], name)->up += up;
}

static void add_row(void *owner, const struct usage_row *row)
{
    *(uint64_t *)owner += row->counters.up;
}

static uint64_t total(struct fixture *fixture)
{
    const struct usage_question question = {.by = USAGE_BY_UPSTREAM};
    uint64_t up = 0, sequence;
    assert_int_equal(usage_query(fixture->usage, &question, add_row, &up, &sequence), 0);
    return up;
}

static void do_nothing(void *owner)
{
    (void)owner;
}

static void set(void *owner)
{
    *(bool *)owner = true;
}

/* The fold, if there is anything to fold, runs on the other thread; so does what comes after it. */
static void let_fold(struct fixture *fixture)
{
    bool is_done = false;
    fixture->now_ms += FOLD_MS;
    loop_fake_clock(fixture->loop, fixture->now_ms);
    for (int i = 0; i < 2; i++)
        loop_run_once(fixture->loop, 0);
    assert_int_equal(loop_run_job(fixture->loop, do_nothing, set, &is_done), 0);
    while (!is_done)
        loop_run_once(fixture->loop, 1000);
}

/* What is in the database itself. */
static int64_t booked(const struct fixture *fixture)
{
    char path[96];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(path, sizeof(path), "%s/usage.db", fixture->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT coalesce(sum(bytes_up), 0) FROM usage", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t sum = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return sum;
}

static void what_all_count_is_summed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (unsigned i = 1; i < WORKERS; i++)
        begin_share(fixture, i);
    for (unsigned i = 0; i < WORKERS; i++)
        count(fixture, i, "a", 1 + i);
    count(fixture, 2, "b", 10);
    assert_int_equal(total(fixture), 1 + 2 + 3 + 10);
    let_fold(fixture);
    assert_int_equal(booked(fixture), 16);
    assert_int_equal(total(fixture), 16);
    count(fixture, 1, "a", 100);
    assert_int_equal(total(fixture), 116);
    let_fold(fixture);
    let_fold(fixture);
    assert_int_equal(booked(fixture), 116);
}

static void counting_is_told_once_in_a_while(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    begin_share(fixture, 1);
    unsigned before = fixture->told;
    for (int i = 0; i < 100; i++)
        count(fixture, 1, "a", 1);
    assert_in_range(fixture->told - before, 0, 1);
    let_fold(fixture);
    before = fixture->told;
    count(fixture, 1, "a", 1);
    assert_int_equal(fixture->told, before + 1);
}

static void each_may_end_and_come_back(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    begin_share(fixture, 1);
    count(fixture, 1, "a", 5);
    let_fold(fixture);
    end_share(fixture, 1); /* another process takes its place */
    count(fixture, 0, "a", 1);
    begin_share(fixture, 1);
    count(fixture, 1, "a", 5);
    assert_int_equal(total(fixture), 11);
    end(fixture); /* now the one that books */
    assert_int_equal(booked(fixture), 11);
    count(fixture, 1, "a", 7);
    begin(fixture);
    assert_int_equal(total(fixture), 18);
    let_fold(fixture);
    assert_int_equal(total(fixture), 18);
    end(fixture);
    assert_int_equal(booked(fixture), 18);
}

static void what_is_left_behind_is_booked_at_the_next_start(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    begin_share(fixture, 1);
    begin_share(fixture, 2);
    let_fold(fixture);
    end(fixture);
    count(fixture, 1, "a", 3);
    count(fixture, 2, "a", 4);
    end_share(fixture, 1);
    end_share(fixture, 2);
    begin(fixture);
    assert_int_equal(booked(fixture), 7);
    begin_share(fixture, 1); /* empty again, and not counted twice */
    count(fixture, 1, "a", 1);
    assert_int_equal(total(fixture), 8);
    end(fixture);
    begin(fixture);
    assert_int_equal(total(fixture), 8);
}

static void a_new_database_begins_at_nothing(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    begin_share(fixture, 1);
    count(fixture, 1, "a", 100);
    let_fold(fixture);
    end(fixture);
    unlinkat(fixture->dir, "usage.db", 0);
    begin(fixture);
    assert_int_equal(total(fixture), 0);
    count(fixture, 1, "a", 2);
    assert_int_equal(total(fixture), 2);
    end(fixture);
    assert_int_equal(booked(fixture), 2);
}

static void one_process_for_each_place(void **state)
{
    struct fixture *fixture = *state;
    struct usage_live live;
    begin_share(fixture, 1);
    assert_int_equal(usage_live_peek(&live, fixture->dir, 1), 0);
    assert_int_equal(usage_live_lock(&live), -EBUSY);
    usage_live_close(&live);
    assert_int_equal(usage_live_peek(&live, fixture->dir, 2), -ENOENT);
}

/* Counts until it is killed; what it counted is known from memory that it shares with us. */
static void count_until_killed(const struct fixture *fixture, uint64_t *counted)
{
    struct usage_share *share;
    struct loop *loop = loop_new();
    if (usage_share_open(loop, fixture->dir, 1, on_counting, (void *)(uintptr_t)fixture, &share))
        _exit(1);
    for (;;) {
        usage_share_counters(share, "a")->up++;
        __atomic_add_fetch(counted, 1, __ATOMIC_SEQ_CST);
    }
}

static void kills_lose_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint64_t *counted =
        mmap(NULL, sizeof(*counted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < KILLS; i++) {
        uint64_t before = __atomic_load_n(counted, __ATOMIC_SEQ_CST);
        pid_t child = fork();
        if (child == 0)
            count_until_killed(fixture, counted);
        if (i % 2)
            begin(fixture); /* in the middle of it */
        while (__atomic_load_n(counted, __ATOMIC_SEQ_CST) < before + 1000)
            usleep(100);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (i % 2 == 0)
            begin(fixture);
        /* Each kill may come between the two additions. */
        assert_in_range(total(fixture) - __atomic_load_n(counted, __ATOMIC_SEQ_CST), 0, i + 1);
        end(fixture);
    }
    munmap(counted, sizeof(*counted));
    begin(fixture);
}

static void a_ledger_of_version_1_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    sqlite3 *db;
    begin(fixture);
    count(fixture, 0, "a", 5);
    end(fixture);
    snprintf(path, sizeof(path), "%s/usage.db", fixture->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE old (upstream TEXT PRIMARY KEY, bytes_up INTEGER NOT NULL,"
                     " bytes_down INTEGER NOT NULL, requests INTEGER NOT NULL,"
                     " blocked INTEGER NOT NULL) WITHOUT ROWID;"
                     "INSERT INTO old SELECT upstream, bytes_up, bytes_down, requests, blocked"
                     " FROM folded; DROP TABLE folded; ALTER TABLE old RENAME TO folded;"
                     "PRAGMA user_version = 1;",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    begin(fixture);
    count(fixture, 0, "a", 1);
    assert_int_equal(total(fixture), 6);
    end(fixture);
    assert_int_equal(booked(fixture), 6);
}

#define counted(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        counted(what_all_count_is_summed),
        counted(counting_is_told_once_in_a_while),
        counted(each_may_end_and_come_back),
        counted(what_is_left_behind_is_booked_at_the_next_start),
        counted(a_new_database_begins_at_nothing),
        counted(one_process_for_each_place),
        counted(kills_lose_nothing),
        counted(a_ledger_of_version_1_is_taken_over),
    };
    setenv("UV_THREADPOOL_SIZE", "1", 1); /* jobs end in the order in which they begin */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
