/* The query log: written, found again, bounded; whatever happens to its file, it goes on. */
#include "service/control/query_log.h"

#include "service/control/query_log_store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW_MS_STEP = 1000, FOUND_MAX = 64 };

struct lab {
    struct loop *loop;
    char path[64];
    int dir_fd;
    struct query_log *log;
    int64_t now_ms;
    /* What a search told. */
    size_t count;
    char names[FOUND_MAX][256], rules[FOUND_MAX][256], apps[FOUND_MAX][QUERY_LOG_TEXT_MAX];
    int64_t users[FOUND_MAX];
    int64_t next;
};

static const struct query_log_settings all = {QUERY_LOG_ALL, QUERY_LOG_PLAIN, 86400, 1 << 20,
                                              86400};

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    snprintf(lab->path, sizeof(lab->path), "/tmp/query-log-XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    lab->dir_fd = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lab->loop = loop_new();
    lab->now_ms = (int64_t)time(NULL) * 1000;
    loop_fake_clock(lab->loop, 1000);
    assert_int_equal(query_log_open(lab->loop, lab->dir_fd, &lab->log), 0);
    assert_int_equal(query_log_set(lab->log, &all), 0);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"query.db", "query.db-wal", "query.db-shm",
                                        "query.db.damaged", "query.key"};
    struct lab *lab = *state;

    query_log_close(lab->log);
    loop_free(lab->loop);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlinkat(lab->dir_fd, files[i], 0);
    close(lab->dir_fd);
    assert_int_equal(rmdir(lab->path), 0);
    free(lab);
    return 0;
}

static struct query_log_entry *add(struct lab *lab, const char *name, const char *verdict,
                                   const char *list)
{
    struct query_log_entry *entry = query_log_add(lab->log);

    assert_non_null(entry);
    entry->at_unix_ms = lab->now_ms++;
    entry->client = (struct address){.family = 4, .ip = {192, 0, 2, 7}};
    snprintf(entry->kind, sizeof(entry->kind), "dns");
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    snprintf(entry->verdict, sizeof(entry->verdict), "%s", verdict);
    snprintf(entry->list, sizeof(entry->list), "%s", list);
    snprintf(entry->rule, sizeof(entry->rule), "%s%s", *list ? "||" : "", *list ? name : "");
    return entry;
}

static void add_of(struct lab *lab, const char *app, int64_t user)
{
    struct query_log_entry *entry = add(lab, "ads.example", "block", "one");

    snprintf(entry->app, sizeof(entry->app), "%s", app);
    entry->user = user;
}

/* Until the job that the next second starts is done. */
static void write_out(struct lab *lab)
{
    struct query_log_stats before = query_log_stats(lab->log), after;

    for (int i = 0; i < 5000; i++) {
        loop_fake_clock(lab->loop, loop_now_ms(lab->loop) + (i == 0 ? NOW_MS_STEP : 0));
        loop_run_once(lab->loop, 5);
        after = query_log_stats(lab->log);
        if (after.written + after.lost != before.written + before.lost)
            return;
    }
    fail_msg("nothing was written");
}

static bool has_file(const struct lab *lab)
{
    return faccessat(lab->dir_fd, "query.db", F_OK, 0) == 0;
}

static void let_it_go(struct lab *lab)
{
    loop_fake_clock(lab->loop, loop_now_ms(lab->loop) + NOW_MS_STEP);
    for (int i = 0; i < 5000 && has_file(lab); i++)
        loop_run_once(lab->loop, 5);
    assert_false(has_file(lab));
}

static void on_row(void *owner, const struct query_log_row *row)
{
    struct lab *lab = owner;

    assert_true(lab->count < FOUND_MAX);
    snprintf(lab->names[lab->count], sizeof(lab->names[0]), "%s", row->entry->name);
    snprintf(lab->rules[lab->count], sizeof(lab->rules[0]), "%s", row->entry->rule);
    snprintf(lab->apps[lab->count], sizeof(lab->apps[0]), "%s", row->entry->app);
    lab->users[lab->count++] = row->entry->user;
    assert_string_equal(row->client, "192.0.2.7");
}

static size_t search(struct lab *lab, struct query_log_question question)
{
    if (!question.limit)
        question.limit = FOUND_MAX;
    lab->count = 0;
    assert_int_equal(query_log_search(lab->log, &question, on_row, lab, &lab->next), 0);
    return lab->count;
}

static void test_found_again(void **state)
{
    struct lab *lab = *state;
    int64_t begin_ms = lab->now_ms;

    assert_int_equal(search(lab, (struct query_log_question){0}), 0);
    add(lab, "ads.example", "block", "one");
    add(lab, "www.ads.example", "block", "two");
    add(lab, "xads.example", "pass", "");
    assert_int_equal(query_log_stats(lab->log).written, 0);
    write_out(lab);
    assert_int_equal(query_log_stats(lab->log).written, 3);
    assert_int_equal(search(lab, (struct query_log_question){0}), 3);
    assert_string_equal(lab->names[0], "xads.example"); /* the newest first */
    assert_string_equal(lab->rules[2], "||ads.example");
    assert_int_equal(lab->next, 0);
    assert_int_equal(search(lab, (struct query_log_question){.name = "ads.example"}), 2);
    assert_int_equal(search(lab, (struct query_log_question){.list = "two"}), 1);
    assert_int_equal(search(lab, (struct query_log_question){.verdict = "pass"}), 1);
    assert_int_equal(search(lab, (struct query_log_question){.kind = "http"}), 0);
    assert_int_equal(search(lab, (struct query_log_question){.app = "192.0.2.7"}), 3);
    assert_int_equal(search(lab, (struct query_log_question){.app = "192.0.2.8"}), 0);
    assert_int_equal(search(lab, (struct query_log_question){.since_ms = begin_ms + 1}), 2);
    assert_int_equal(search(lab, (struct query_log_question){.until_ms = begin_ms + 1}), 1);
    assert_int_equal(search(lab, (struct query_log_question){.limit = 2}), 2);
    assert_true(lab->next > 0);
    assert_int_equal(search(lab, (struct query_log_question){.before = lab->next}), 1);
    assert_int_equal(search(lab, (struct query_log_question){.after = 2}), 1);
}

static void test_programs(void **state)
{
    struct lab *lab = *state;

    add_of(lab, "curl", 0);
    add_of(lab, "", 1000);
    add(lab, "ads.example", "block", "one");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){.app = "curl"}), 1);
    assert_string_equal(lab->apps[0], "curl");
    assert_int_equal(lab->users[0], 0);
    assert_int_equal(search(lab, (struct query_log_question){0}), 3);
    assert_int_equal(lab->users[0], -1);
    assert_int_equal(lab->users[1], 1000);
    assert_int_equal(search(lab, (struct query_log_question){.app = "cur"}), 0);
}

/* Rows that waited for a name come after younger ones. */
static void test_a_time_is_found_out_of_order(void **state)
{
    struct lab *lab = *state;
    int64_t begin_ms = lab->now_ms;

    lab->now_ms = begin_ms + 300;
    add(lab, "young.example", "pass", "");
    lab->now_ms = begin_ms;
    add(lab, "old.example", "pass", "");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){.since_ms = begin_ms + 100}), 1);
    assert_string_equal(lab->names[0], "young.example");
}

/* However many entries there are, a call looks at a bounded number. */
static void test_a_search_goes_on(void **state)
{
    struct lab *lab = *state;
    int calls = 0;

    add(lab, "first.example", "block", "one");
    for (int batch = 0; batch < 2; batch++) {
        for (int i = 0; i < 3000; i++)
            add(lab, "other.example", "pass", "");
        write_out(lab);
    }
    struct query_log_question question = {.name = "first.example"};
    while (search(lab, question) == 0 && lab->next > 0 && calls++ < 100)
        question.before = lab->next;
    assert_int_equal(lab->count, 1);
    assert_true(calls >= 2);
}

static void on_count(void *owner, const char *list, const char *verdict, uint64_t count)
{
    char *text = owner;
    size_t size = strlen(text);

    snprintf(text + size, 200 - size, "%s %s %llu\n", list, verdict, (unsigned long long)count);
}

static void test_counts_for_each_list(void **state)
{
    struct lab *lab = *state;
    char text[200] = "";

    for (int i = 0; i < 3; i++)
        add(lab, "ads.example", "block", "one");
    write_out(lab);
    add(lab, "ads.example", "block", "one");
    add(lab, "good.example", "allow", "two");
    add(lab, "web.example", "pass", "");
    write_out(lab);
    assert_int_equal(query_log_counts(lab->log, 0, on_count, text), 0);
    assert_string_equal(text, "one block 4\ntwo allow 1\n");
    text[0] = '\0';
    assert_int_equal(query_log_counts(lab->log, lab->now_ms + 2LL * 86400 * 1000, on_count, text),
                     0);
    assert_string_equal(text, "");
}

static void set_names(struct lab *lab, enum query_log_names names)
{
    struct query_log_settings settings = all;

    settings.names = names;
    assert_int_equal(query_log_set(lab->log, &settings), 0);
}

static void test_the_stats_tell_what_is_kept(void **state)
{
    struct lab *lab = *state;
    struct query_log_settings settings = all;

    settings.asked_age_s = 3 * settings.age_s;
    assert_int_equal(query_log_set(lab->log, &settings), 0);
    assert_int_equal(query_log_stats(lab->log).age_s, 86400);
    assert_int_equal(query_log_stats(lab->log).asked_age_s, 3 * 86400);
}

static void test_names_that_cannot_be_read(void **state)
{
    struct lab *lab = *state;
    struct stat key;

    set_names(lab, QUERY_LOG_HASHED);
    add_of(lab, "curl", 0);
    add(lab, "web.example", "pass", "");
    write_out(lab);
    assert_int_equal(fstatat(lab->dir_fd, "query.key", &key, 0), 0);
    assert_int_equal(key.st_mode & 0777, 0600);
    assert_int_equal(search(lab, (struct query_log_question){.name = "ads.example"}), 1);
    assert_int_equal(lab->names[0][0], '#');
    assert_string_equal(lab->rules[0], ""); /* it would spell the name */
    assert_string_equal(lab->apps[0], "curl");
    assert_int_equal(search(lab, (struct query_log_question){.list = "one"}), 1);
    set_names(lab, QUERY_LOG_NAMELESS);
    add_of(lab, "curl", 0); /* noted before it was forbidden */
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){.limit = 1}), 1);
    assert_string_equal(lab->names[0], "");
    assert_string_equal(lab->rules[0], "");
    assert_string_equal(lab->apps[0], "");
    assert_int_equal(lab->users[0], -1);
}

static void test_what_does_not_fit_is_counted(void **state)
{
    struct lab *lab = *state;

    for (int i = 0; i < QUERY_LOG_QUEUE; i++)
        add(lab, "ads.example", "block", "one");
    assert_null(query_log_add(lab->log));
    assert_null(query_log_add(lab->log));
    assert_int_equal(query_log_stats(lab->log).dropped, 2);
    write_out(lab);
    assert_int_equal(query_log_stats(lab->log).written, QUERY_LOG_QUEUE);
    add(lab, "ads.example", "block", "one");
}

static void test_off_deletes(void **state)
{
    struct lab *lab = *state;
    struct query_log_settings off = all;

    add(lab, "ads.example", "block", "one");
    write_out(lab);
    assert_true(has_file(lab));
    off.mode = QUERY_LOG_OFF;
    assert_int_equal(query_log_set(lab->log, &off), 0);
    assert_null(query_log_add(lab->log));
    let_it_go(lab);
    assert_int_equal(search(lab, (struct query_log_question){0}), 0);
}

/* On again before anything was deleted: what was kept until then is not found again. */
static void test_off_for_a_moment_deletes(void **state)
{
    struct lab *lab = *state;
    struct query_log_settings off = all;

    add(lab, "before.example", "block", "one");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
    off.mode = QUERY_LOG_OFF;
    add(lab, "unwritten.example", "block", "one");
    assert_int_equal(query_log_set(lab->log, &off), 0);
    assert_int_equal(query_log_set(lab->log, &all), 0);
    assert_int_equal(search(lab, (struct query_log_question){0}), 0);
    add(lab, "after.example", "block", "one");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
    assert_string_equal(lab->names[0], "after.example");
}

/* As one of several workers does. */
static void test_deleted_by_somebody_else(void **state)
{
    struct lab *lab = *state;

    add(lab, "before.example", "block", "one");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
    query_log_store_delete(lab->dir_fd);
    assert_int_equal(search(lab, (struct query_log_question){0}), 0);
    add(lab, "after.example", "block", "one");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
    assert_string_equal(lab->names[0], "after.example");
}

static void test_old_entries_go(void **state)
{
    struct lab *lab = *state;
    int64_t now_ms = lab->now_ms;

    query_log_close(lab->log); /* bounds are looked at when it is opened */
    assert_int_equal(query_log_open(lab->loop, lab->dir_fd, &lab->log), 0);
    assert_int_equal(query_log_set(lab->log, &all), 0);
    lab->now_ms = now_ms - 2LL * 86400 * 1000;
    add(lab, "old.example", "block", "one");
    lab->now_ms = now_ms;
    add(lab, "new.example", "block", "one");
    write_out(lab);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
    assert_string_equal(lab->names[0], "new.example");
}

static void test_the_size_is_bounded(void **state)
{
    struct lab *lab = *state;

    for (int batch = 0; batch < 4; batch++) {
        for (int i = 0; i < QUERY_LOG_QUEUE; i++)
            add(lab, "a.name.that.takes.some.room.on.the.disk.ads.example", "block", "one");
        write_out(lab);
    }
    query_log_close(lab->log);
    assert_int_equal(query_log_open(lab->loop, lab->dir_fd, &lab->log), 0);
    assert_int_equal(query_log_set(lab->log, &all), 0);
    add(lab, "last.example", "block", "one");
    write_out(lab);
    assert_true(query_log_stats(lab->log).bytes <= all.size_bytes);
    assert_true(query_log_stats(lab->log).bytes > all.size_bytes / 2);
    assert_int_equal(search(lab, (struct query_log_question){.name = "last.example"}), 1);
}

static void damage(struct lab *lab)
{
    char junk[8192];
    int fd = openat(lab->dir_fd, "query.db", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    memset(junk, 'x', sizeof(junk));
    assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
    close(fd);
}

static void test_a_damaged_file_is_put_aside(void **state)
{
    struct lab *lab = *state;

    damage(lab);
    add(lab, "ads.example", "block", "one");
    write_out(lab);
    assert_true(query_log_stats(lab->log).was_damaged);
    assert_int_equal(query_log_stats(lab->log).lost, 0);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
    assert_int_equal(faccessat(lab->dir_fd, "query.db.damaged", F_OK, 0), 0);
}

static void test_a_full_disk(void **state)
{
    struct lab *lab = *state;
    struct rlimit before, none;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    signal(SIGXFSZ, SIG_IGN);
    add(lab, "ads.example", "block", "one");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    write_out(lab);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(query_log_stats(lab->log).is_failing);
    assert_int_equal(query_log_stats(lab->log).lost, 1);
    add(lab, "other.example", "block", "one");
    write_out(lab);
    assert_false(query_log_stats(lab->log).is_failing);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
}

static void test_the_rest_is_written_at_the_end(void **state)
{
    struct lab *lab = *state;

    add(lab, "ads.example", "block", "one");
    query_log_close(lab->log);
    assert_int_equal(query_log_open(lab->loop, lab->dir_fd, &lab->log), 0);
    assert_int_equal(query_log_set(lab->log, &all), 0);
    assert_int_equal(search(lab, (struct query_log_question){0}), 1);
}

static void test_nowhere_to_keep_it(void **state)
{
    struct lab *lab = *state;

    query_log_close(lab->log);
    assert_int_equal(query_log_open(lab->loop, -1, &lab->log), 0);
    assert_int_equal(query_log_set(lab->log, &all), 0);
    assert_int_equal(query_log_stats(lab->log).mode, QUERY_LOG_OFF);
    assert_null(query_log_add(lab->log));
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_found_again),
        lab_test(test_programs),
        lab_test(test_a_time_is_found_out_of_order),
        lab_test(test_a_search_goes_on),
        lab_test(test_counts_for_each_list),
        lab_test(test_the_stats_tell_what_is_kept),
        lab_test(test_names_that_cannot_be_read),
        lab_test(test_what_does_not_fit_is_counted),
        lab_test(test_off_deletes),
        lab_test(test_off_for_a_moment_deletes),
        lab_test(test_deleted_by_somebody_else),
        lab_test(test_old_entries_go),
        lab_test(test_the_size_is_bounded),
        lab_test(test_a_damaged_file_is_put_aside),
        lab_test(test_a_full_disk),
        lab_test(test_the_rest_is_written_at_the_end),
        lab_test(test_nowhere_to_keep_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
