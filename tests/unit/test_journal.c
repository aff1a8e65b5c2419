/* Decisions on their way into the query log, and the root half's answers about who asked: here it
 * is the test that answers. */
#include "service/worker/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WRITTEN_MAX = 1024 };

/* The log itself is tested elsewhere: here it is an array. */
static struct query_log_entry written[WRITTEN_MAX];
static size_t written_count;

struct query_log_entry *__wrap_query_log_add(struct query_log *log);

struct query_log_entry *__wrap_query_log_add(struct query_log *log)
{
    (void)log;
    return written_count < WRITTEN_MAX ? &written[written_count++] : NULL;
}

struct lab {
    struct loop *loop;
    int fds[2]; /* the worker's end and the root half's */
    struct wire wire;
    struct journal *journal;
};

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    lab->loop = loop_new();
    loop_fake_clock(lab->loop, 1000);
    assert_int_equal(ipc_pair(lab->fds), 0);
    lab->wire.fd = lab->fds[0];
    lab->journal = journal_new(lab->loop, NULL, &lab->wire);
    journal_show_apps(lab->journal, true);
    memset(written, 0, sizeof(written));
    written_count = 0;
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    journal_free(lab->journal);
    close(lab->fds[0]);
    close(lab->fds[1]);
    loop_free(lab->loop);
    free(lab);
    return 0;
}

static struct caller caller_at(uint16_t port)
{
    return (struct caller){
        .client = {.family = 4, .port = port, .ip = {198, 18, 0, 1}},
        .server = {.family = 4, .port = 53, .ip = {192, 0, 2, 1}},
        .protocol = IPPROTO_UDP,
    };
}

static void add(struct lab *lab, const char *name, const struct caller *caller)
{
    journal_add(lab->journal, &(struct decision){.kind = "dns",
                                                 .name = name,
                                                 .name_size = strlen(name),
                                                 .caller = caller,
                                                 .verdict = "block"});
}

static bool read_question(struct lab *lab, struct ipc_message *ret)
{
    int fds[IPC_FDS_MAX];
    size_t count;
    return ipc_receive(lab->fds[1], true, ret, fds, &count) == 0;
}

static void answer(struct lab *lab, const struct ipc_message *question, int32_t user,
                   const char *name)
{
    struct ipc_message message = {.kind = IPC_OWNER, .value = user, .flag = question->flag};

    snprintf(message.name, sizeof(message.name), "%s", name);
    journal_take(lab->journal, &message);
}

static void pass(struct lab *lab, uint64_t ms)
{
    loop_fake_clock(lab->loop, loop_now_ms(lab->loop) + ms);
    loop_run_once(lab->loop, 0);
}

static void test_asked_once_and_kept(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);
    struct ipc_message question;

    add(lab, "one.example", &caller);
    add(lab, "two.example", &caller);
    assert_int_equal(written_count, 0);
    assert_true(read_question(lab, &question));
    assert_int_equal(question.kind, IPC_WHOSE);
    assert_int_equal(question.value, IPPROTO_UDP);
    assert_true(address_is_equal(&question.address, &caller.client));
    assert_true(address_is_equal(&question.peer, &caller.server));
    answer(lab, &question, 1000, "curl");
    assert_int_equal(written_count, 2);
    assert_string_equal(written[0].name, "one.example");
    assert_string_equal(written[1].app, "curl");
    assert_int_equal(written[1].user, 1000);

    caller.server.port = 443; /* the same socket */
    add(lab, "three.example", &caller);
    assert_int_equal(written_count, 3);
    assert_string_equal(written[2].app, "curl");
    assert_false(read_question(lab, &question));
    pass(lab, ASKERS_KNOWN_MS); /* whoever has the port now */
    add(lab, "four.example", &caller);
    assert_int_equal(written_count, 3);
    assert_true(read_question(lab, &question));
    caller.protocol = IPPROTO_TCP; /* another socket */
    add(lab, "five.example", &caller);
    assert_true(read_question(lab, &question));
    struct askers_stats stats = journal_stats(lab->journal);
    assert_int_equal(stats.asked, 3);
    assert_int_equal(stats.named, 1);
}

static void test_not_waited_for(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000), other = caller_at(4001);
    struct ipc_message question;

    add(lab, "one.example", &caller);
    pass(lab, ASKERS_WAIT_MS - 100);
    add(lab, "two.example", &other);
    assert_int_equal(written_count, 0);
    pass(lab, 100);
    assert_int_equal(written_count, 1);
    assert_string_equal(written[0].app, "");
    assert_int_equal(written[0].user, -1);
    assert_int_equal(written[0].client.ip[0], 198);
    assert_true(read_question(lab, &question));
    answer(lab, &question, 0, "late"); /* means nothing any more */
    assert_int_equal(written_count, 1);
    pass(lab, ASKERS_WAIT_MS - 100);
    assert_int_equal(written_count, 2);
    assert_int_equal(journal_stats(lab->journal).unnamed, 2);
}

static void test_a_user_alone_and_nobody(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000), other = caller_at(4001);
    struct ipc_message question;

    add(lab, "one.example", &caller);
    add(lab, "two.example", &other);
    assert_true(read_question(lab, &question));
    answer(lab, &question, (int32_t)4000000000U, "");
    assert_true(read_question(lab, &question));
    answer(lab, &question, -1, "");
    assert_int_equal(written_count, 2);
    assert_int_equal(written[0].user, 4000000000);
    assert_int_equal(written[1].user, -1);
}

static void test_what_cannot_or_may_not_be_asked(void **state)
{
    struct lab *lab = *state;
    struct caller nobody = {.protocol = 0}, caller = caller_at(4000), named = caller_at(4001);
    struct ipc_message question;

    named.server = (struct address){0}; /* how it came is not known */
    add(lab, "one.example", &nobody);
    add(lab, "two.example", NULL);
    add(lab, "three.example", &named);
    journal_show_apps(lab->journal, false);
    add(lab, "four.example", &caller);
    journal_expect(lab->journal, &caller);
    assert_int_equal(written_count, 4);
    assert_false(read_question(lab, &question));
    assert_int_equal(written[3].user, -1);
}

static void test_expected(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);
    struct ipc_message question;

    journal_expect(lab->journal, &caller);
    assert_true(read_question(lab, &question));
    answer(lab, &question, 1000, "dig");
    assert_int_equal(written_count, 0);
    add(lab, "one.example", &caller);
    assert_int_equal(written_count, 1);
    assert_string_equal(written[0].app, "dig");
}

/* Connections of several programs can begin at one address, if they end at several. */
static void test_both_ends_of_a_connection(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000), other = caller_at(4000);
    struct ipc_message question;

    caller.protocol = other.protocol = IPPROTO_TCP;
    add(lab, "one.example", &caller);
    assert_true(read_question(lab, &question));
    answer(lab, &question, 1000, "curl");
    other.server.port = 443;
    add(lab, "two.example", &other);
    assert_true(read_question(lab, &question));
    assert_int_equal(question.peer.port, 443);
    answer(lab, &question, 1001, "wget");
    assert_int_equal(written_count, 2);
    assert_string_equal(written[0].app, "curl");
    assert_string_equal(written[1].app, "wget");
    add(lab, "three.example", &other); /* that one is known */
    assert_int_equal(written_count, 3);
    assert_string_equal(written[2].app, "wget");
}

/* A reload comes between the question and the answer. */
static void test_not_shown_any_more(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);
    struct ipc_message question;

    add(lab, "one.example", &caller);
    journal_show_apps(lab->journal, false);
    assert_true(read_question(lab, &question));
    answer(lab, &question, 1000, "curl");
    assert_int_equal(written_count, 1);
    assert_string_equal(written[0].app, "");
    assert_int_equal(written[0].user, -1);
}

static void test_limits(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);
    struct ipc_message question;
    size_t rows = 1000, asked = 0;

    for (size_t i = 0; i < rows; i++) { /* many questions of one: not all of them wait */
        add(lab, "one.example", &caller);
    }
    assert_int_equal(written_count, rows - 256);
    assert_true(read_question(lab, &question));
    answer(lab, &question, 1000, "dig");
    assert_int_equal(written_count, rows);
    assert_string_equal(written[rows - 1].app, "dig");
    written_count = 0;
    for (uint16_t i = 0; i < 200; i++) { /* and many who ask */
        struct caller other = caller_at((uint16_t)(5000 + i));
        add(lab, "two.example", &other);
    }
    while (read_question(lab, &question))
        asked++;
    assert_in_range(asked, 1, ASKERS_WAITING_MAX);
    assert_int_equal(journal_stats(lab->journal).unasked, 200 - asked);
    assert_int_equal(written_count, 200 - asked);
    pass(lab, ASKERS_WAIT_MS);
    assert_int_equal(written_count, 200);
}

static void test_an_end_loses_nothing(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);

    add(lab, "one.example", &caller);
    journal_free(lab->journal);
    lab->journal = NULL;
    assert_int_equal(written_count, 1);
    assert_string_equal(written[0].name, "one.example");
}

static void test_what_was_forgotten_is_not_written(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);
    struct ipc_message question;

    add(lab, "one.example", &caller);
    journal_forget(lab->journal);
    add(lab, "two.example", &caller);
    assert_true(read_question(lab, &question));
    answer(lab, &question, 1000, "curl");
    assert_int_equal(written_count, 1);
    assert_string_equal(written[0].name, "two.example");
}

static void test_without_a_wire(void **state)
{
    struct lab *lab = *state;
    struct caller caller = caller_at(4000);

    lab->wire.is_closed = true;
    add(lab, "one.example", &caller);
    assert_int_equal(written_count, 1);
    assert_int_equal(journal_stats(lab->journal).unasked, 1);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_asked_once_and_kept),
        CASE(test_not_waited_for),
        CASE(test_a_user_alone_and_nobody),
        CASE(test_what_cannot_or_may_not_be_asked),
        CASE(test_expected),
        CASE(test_both_ends_of_a_connection),
        CASE(test_not_shown_any_more),
        CASE(test_limits),
        CASE(test_an_end_loses_nothing),
        CASE(test_what_was_forgotten_is_not_written),
        CASE(test_without_a_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
