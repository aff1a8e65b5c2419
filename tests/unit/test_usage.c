/* The ledger: rows and days, restarts, damaged files, and processes killed while they count. */
#include "service/control/usage.h"

#include "base/log.h"
#include "service/control/usage_live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, KILLS = 25 };

static time_t fake_now_s;

static time_t now(void)
{
    return fake_now_s;
}

struct fixture {
    char path[64];
    int dir;
    struct loop *loop;
    struct usage *usage;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fake_now_s = 20000L * DAY_S + 100; /* 2024-10-04 */
    strcpy(fixture->path, "/tmp/test_usage.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->dir = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fixture->loop = loop_new();
    loop_fake_clock(fixture->loop, 1000);
    *state = fixture;
    return 0;
}

static void begin(struct fixture *fixture)
{
    const struct usage_options options = {.dir_fd = fixture->dir, .now = now};
    assert_int_equal(usage_open(fixture->loop, &options, &fixture->usage), 0);
}

static void end(struct fixture *fixture)
{
    usage_close(fixture->usage);
    fixture->usage = NULL;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    end(fixture);
    loop_free(fixture->loop);
    DIR *dir = fdopendir(fixture->dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(fixture->path);
    free(fixture);
    return 0;
}

struct answer {
    struct usage_row rows[16];
    size_t count;
    uint64_t sequence;
};

static void add_row(void *owner, const struct usage_row *row)
{
    struct answer *answer = owner;
    assert_in_range(answer->count, 0, 15);
    answer->rows[answer->count++] = *row;
}

static struct answer ask(struct usage *usage, unsigned by, const char *from, const char *to)
{
    struct answer answer = {.count = 0};
    const struct usage_question question = {.from = from, .to = to, .by = by};
    assert_int_equal(usage_query(usage, &question, add_row, &answer, &answer.sequence), 0);
    return answer;
}

static void assert_row(const struct usage_row *row, const char *day, const char *upstream,
                       uint64_t up, uint64_t down, uint64_t requests, uint64_t blocked)
{
    assert_string_equal(row->day, day);
    assert_string_equal(row->upstream, upstream);
    assert_int_equal(row->counters.up, up);
    assert_int_equal(row->counters.down, down);
    assert_int_equal(row->counters.requests, requests);
    assert_int_equal(row->counters.blocked, blocked);
}

static void count(struct usage *usage, const char *name, uint64_t up, uint64_t down)
{
    struct usage_counters *counters = usage_counters(usage, name);
    counters->up += up;
    counters->down += down;
    counters->requests++;
}

/* Lets the timer come due and the job on the other thread end. */
static void let_fold(struct fixture *fixture, uint64_t delay_ms)
{
    uint64_t before = ask(fixture->usage, 0, NULL, NULL).sequence;
    loop_fake_clock(fixture->loop, loop_now_ms(fixture->loop) + delay_ms);
    for (int i = 0; i < 3000 && ask(fixture->usage, 0, NULL, NULL).sequence == before; i++)
        loop_run_once(fixture->loop, 10);
    assert_int_not_equal(ask(fixture->usage, 0, NULL, NULL).sequence, before);
    loop_run_once(fixture->loop, 10);
}

static void test_rows(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    count(fixture->usage, "a", 10, 100);
    count(fixture->usage, "b", 1, 2);
    count(fixture->usage, "a", 5, 0);
    usage_counters(fixture->usage, "b")->blocked += 7;
    struct answer answer = ask(fixture->usage, USAGE_BY_DAY | USAGE_BY_UPSTREAM, NULL, NULL);
    assert_int_equal(answer.count, 2);
    assert_row(&answer.rows[0], "2024-10-04", "a", 15, 100, 2, 0);
    assert_row(&answer.rows[1], "2024-10-04", "b", 1, 2, 1, 7);
    answer = ask(fixture->usage, 0, NULL, NULL);
    assert_int_equal(answer.count, 1);
    assert_row(&answer.rows[0], "", "", 16, 102, 3, 7);
    assert_int_equal(ask(fixture->usage, 0, "2024-10-05", NULL).count, 0);
    assert_int_equal(ask(fixture->usage, 0, NULL, "2024-10-03").count, 0);
    assert_int_equal(ask(fixture->usage, 0, "2024-10-04", "2024-10-04").count, 1);
}

static void test_same_name_same_counters(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct usage_counters *first = usage_counters(fixture->usage, "a");
    assert_ptr_not_equal(first, usage_counters(fixture->usage, "b"));
    assert_ptr_equal(first, usage_counters(fixture->usage, "a"));
}

static void test_folding_changes_no_sum(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    count(fixture->usage, "a", 10, 100);
    let_fold(fixture, 5000);
    count(fixture->usage, "a", 1, 1);
    struct answer answer = ask(fixture->usage, USAGE_BY_UPSTREAM, NULL, NULL);
    assert_row(&answer.rows[0], "", "a", 11, 101, 2, 0);
    let_fold(fixture, 5000);
    answer = ask(fixture->usage, USAGE_BY_UPSTREAM, NULL, NULL);
    assert_row(&answer.rows[0], "", "a", 11, 101, 2, 0);
}

static void test_restart_keeps_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 1; i <= 3; i++) {
        begin(fixture);
        count(fixture->usage, "a", 10, 100);
        struct answer answer = ask(fixture->usage, USAGE_BY_UPSTREAM, NULL, NULL);
        assert_int_equal(answer.count, 1);
        assert_row(&answer.rows[0], "", "a", 10UL * i, 100UL * i, i, 0);
        end(fixture);
    }
}

static void test_days(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    count(fixture->usage, "a", 1, 0);
    fake_now_s += DAY_S;
    let_fold(fixture, 5000); /* what was counted before goes to the day before */
    count(fixture->usage, "a", 2, 0);
    struct answer answer = ask(fixture->usage, USAGE_BY_DAY, NULL, NULL);
    assert_int_equal(answer.count, 2);
    assert_row(&answer.rows[0], "2024-10-04", "", 1, 0, 1, 0);
    assert_row(&answer.rows[1], "2024-10-05", "", 2, 0, 1, 0);
    assert_int_equal(ask(fixture->usage, USAGE_BY_DAY, "2024-10-05", NULL).count, 1);
}

static void test_midnight_wakes(void **state)
{
    struct fixture *fixture = *state;
    fake_now_s = 20000L * DAY_S + DAY_S - 2;
    begin(fixture);
    count(fixture->usage, "a", 1, 0);
    fake_now_s += 2;
    let_fold(fixture, 2000);
    count(fixture->usage, "a", 1, 0);
    assert_int_equal(ask(fixture->usage, USAGE_BY_DAY, NULL, NULL).count, 2);
}

static void test_second_process_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct usage_options options = {.dir_fd = fixture->dir, .now = now};
    struct usage *second = NULL;
    begin(fixture);
    assert_int_equal(usage_open(fixture->loop, &options, &second), -EBUSY);
    assert_null(second);
}

static void test_live_file_lost(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    count(fixture->usage, "a", 10, 0);
    end(fixture);
    unlinkat(fixture->dir, "usage.live", 0);
    begin(fixture);
    count(fixture->usage, "a", 1, 0);
    struct answer answer = ask(fixture->usage, USAGE_BY_UPSTREAM, NULL, NULL);
    assert_row(&answer.rows[0], "", "a", 11, 0, 2, 0);
}

/* After a power failure the mapped page can be older than the database. */
static void test_live_file_lags_behind(void **state)
{
    struct fixture *fixture = *state;
    struct usage_live live;
    begin(fixture);
    count(fixture->usage, "a", 10, 20);
    end(fixture);
    assert_int_equal(usage_live_open(&live, fixture->dir, 0), 0);
    struct usage_live_slot *slot = usage_live_find(&live, "a");
    assert_non_null(slot);
    slot->counters.up = 4;    /* not written back */
    slot->counters.down += 5; /* counted after the last fold */
    usage_live_close(&live);
    begin(fixture);
    count(fixture->usage, "a", 1, 0);
    struct answer answer = ask(fixture->usage, USAGE_BY_UPSTREAM, NULL, NULL);
    assert_row(&answer.rows[0], "", "a", 11, 25, 2, 0);
}

static void ignore_line(void *owner, const char *line)
{
    (void)owner;
    (void)line;
}

static void test_damaged_database_is_put_aside(void **state)
{
    struct fixture *fixture = *state;
    int fd = openat(fixture->dir, "usage.db", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "this is no database, not even nearly", 36), 36);
    close(fd);
    log_set_sink(ignore_line, NULL);
    begin(fixture);
    log_set_sink(NULL, NULL);
    count(fixture->usage, "a", 1, 0);
    assert_int_equal(ask(fixture->usage, 0, NULL, NULL).rows[0].counters.up, 1);
    assert_int_equal(faccessat(fixture->dir, "usage.db.damaged", F_OK, 0), 0);
}

static void test_more_names_than_slots(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (int i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof(name), "u%d", i);
        count(fixture->usage, name, 1, 0);
    }
    assert_int_equal(ask(fixture->usage, 0, NULL, NULL).rows[0].counters.up, 600);
    end(fixture);
    begin(fixture);
    count(fixture->usage, "u599", 1, 0); /* after a restart there is room again */
    assert_int_equal(ask(fixture->usage, 0, NULL, NULL).rows[0].counters.up, 601);
}

static void test_in_memory(void **state)
{
    struct fixture *fixture = *state;
    const struct usage_options options = {.dir_fd = -1, .now = now};
    assert_int_equal(usage_open(fixture->loop, &options, &fixture->usage), 0);
    count(fixture->usage, "a", 1, 2);
    let_fold(fixture, 5000);
    assert_int_equal(ask(fixture->usage, 0, NULL, NULL).rows[0].counters.down, 2);
}

static void test_close_while_folding(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    count(fixture->usage, "a", 1, 0);
    loop_fake_clock(fixture->loop, loop_now_ms(fixture->loop) + 5000);
    loop_run_once(fixture->loop, 0); /* the job is on its way */
    count(fixture->usage, "a", 1, 0);
    end(fixture);
    loop_free(fixture->loop); /* waits for it */
    fixture->loop = loop_new();
    begin(fixture);
    assert_int_equal(ask(fixture->usage, 0, NULL, NULL).rows[0].counters.up, 2);
}

/* The worker is given a descriptor; the path to the folder may be closed to it. */
static void test_folder_behind_closed_doors(void **state)
{
    struct fixture *fixture = *state;
    const struct usage_options options = {.dir_fd = fixture->dir, .now = now};
    int status;
    if (getuid() != 0)
        skip(); /* only root can become somebody else */
    char above[80];
    snprintf(above, sizeof(above), "%s.above", fixture->path);
    assert_int_equal(mkdir(above, 0700), 0);
    snprintf(above, sizeof(above), "%s.above/worker", fixture->path);
    assert_int_equal(rename(fixture->path, above), 0);
    assert_int_equal(fchown(fixture->dir, 65534, 65534), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        if (usage_open(fixture->loop, &options, &fixture->usage) < 0)
            _exit(1);
        count(fixture->usage, "a", 1, 2);
        end(fixture);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(rename(above, fixture->path), 0);
    snprintf(above, sizeof(above), "%s.above", fixture->path);
    assert_int_equal(rmdir(above), 0);
    assert_int_equal(status, 0);
    begin(fixture);
    assert_int_equal(ask(fixture->usage, 0, NULL, NULL).rows[0].counters.down, 2);
}

/* The child says how much it has counted before it counts on, and folds all the time. */
static void count_until_killed(struct fixture *fixture, volatile uint64_t *counted)
{
    struct loop *loop = loop_new();
    const struct usage_options options = {.dir_fd = fixture->dir};
    struct usage *usage;
    loop_fake_clock(loop, 1000);
    if (usage_open(loop, &options, &usage) < 0)
        _exit(1);
    for (uint64_t i = 1;; i++) {
        struct usage_counters *counters = usage_counters(usage, i % 2 ? "a" : "b");
        counters->up += 3;
        counters->requests++;
        counted[0]++;
        loop_fake_clock(loop, loop_now_ms(loop) + 1000);
        loop_run_once(loop, 0);
    }
}

/* The clock here is the kill: whenever it comes, the sums must hold. One addition may have been
 * made and not yet be known to the test. */
static void test_kills_lose_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint64_t *counted = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t ahead = 0;
    for (int i = 0; i < KILLS; i++) {
        uint64_t before = *counted;
        pid_t child = fork();
        if (child == 0)
            count_until_killed(fixture, counted);
        while (*(volatile uint64_t *)counted < before + 20 && waitpid(child, NULL, WNOHANG) == 0)
            usleep(100 + 37 * (useconds_t)i);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        begin(fixture);
        struct answer answer = ask(fixture->usage, 0, NULL, NULL);
        ahead = answer.rows[0].counters.requests - *counted;
        assert_in_range(ahead, 0, (uintmax_t)i + 1);
        assert_in_range(answer.rows[0].counters.up, 3 * *counted, 3 * (*counted + (uint64_t)i + 1));
        end(fixture);
    }
    munmap(counted, 4096);
}

static void test_day_check(void **state)
{
    (void)state;
    assert_int_equal(usage_day_check("2024-02-29"), 0);
    assert_int_equal(usage_day_check("2023-02-29"), -EINVAL);
    assert_int_equal(usage_day_check("2023-13-01"), -EINVAL);
    assert_int_equal(usage_day_check("2023-1-1"), -EINVAL);
    assert_int_equal(usage_day_check("2023-01-01x"), -EINVAL);
    assert_int_equal(usage_day_check(""), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_name_same_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folding_changes_no_sum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart_keeps_and_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_days, setup, teardown),
        cmocka_unit_test_setup_teardown(test_midnight_wakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_process_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_file_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_live_file_lags_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_database_is_put_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_names_than_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_while_folding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder_behind_closed_doors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kills_lose_nothing, setup, teardown),
        cmocka_unit_test(test_day_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
