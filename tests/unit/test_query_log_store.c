/* The query log's database by itself: what an earlier version wrote is taken over. */
#include "service/control/query_log_store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

struct lab {
    char path[64];
    int dir_fd;
    size_t count;
    struct query_log_entry found[4];
};

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    snprintf(lab->path, sizeof(lab->path), "/tmp/query-store-XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    lab->dir_fd = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    query_log_store_delete(lab->dir_fd);
    close(lab->dir_fd);
    assert_int_equal(rmdir(lab->path), 0);
    free(lab);
    return 0;
}

/* As the first form was. */
static void write_old(struct lab *lab)
{
    static const char old[] =
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, took INTEGER NOT NULL,"
        " kind TEXT NOT NULL, verdict TEXT NOT NULL, type TEXT NOT NULL, client TEXT NOT NULL,"
        " name TEXT NOT NULL, path TEXT NOT NULL, list TEXT NOT NULL, rule TEXT NOT NULL,"
        " answer TEXT NOT NULL, upstream TEXT NOT NULL); PRAGMA user_version = 1;"
        "INSERT INTO log VALUES (1, 1000, 0, 'dns', 'block', 'A', '192.0.2.7', 'old.example', '',"
        " '', '', '', '');";
    char path[96];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/query.db", lab->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, old, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void on_row(void *owner, const struct query_log_row *row)
{
    struct lab *lab = owner;

    assert_true(lab->count < sizeof(lab->found) / sizeof(lab->found[0]));
    lab->found[lab->count++] = *row->entry;
}

static void test_programs_are_added_to_an_old_log(void **state)
{
    struct lab *lab = *state;
    struct query_log_entry entry = {.kind = "dns", .name = "new.example", .app = "curl"};
    struct query_log_question question = {.limit = 4};
    struct query_log_reader *reader;
    struct query_log_store *store;
    int64_t next;

    write_old(lab);
    for (int i = 0; i < 2; i++) { /* once for all */
        assert_int_equal(query_log_store_open(lab->dir_fd, &store), 0);
        assert_int_equal(query_log_store_write(store, &entry, 1, QUERY_LOG_PLAIN), 0);
        query_log_store_close(store);
    }
    assert_int_equal(query_log_reader_open(lab->dir_fd, &reader), 0);
    assert_int_equal(query_log_reader_search(reader, &question, on_row, lab, &next), 0);
    query_log_reader_close(reader);
    assert_int_equal(lab->count, 3);
    assert_string_equal(lab->found[0].app, "curl");
    assert_int_equal(lab->found[0].user, 0);
    assert_string_equal(lab->found[2].name, "old.example");
    assert_string_equal(lab->found[2].app, "");
    assert_int_equal(lab->found[2].user, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_programs_are_added_to_an_old_log, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
