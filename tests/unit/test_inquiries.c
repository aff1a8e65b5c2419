/* Whose a socket is, from the worker's question to the answer: of our own on loopback. */
#include "service/supervisor/inquiries.h"

#include "tests/unit/socket_name.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct lab {
    struct loop *loop;
    struct inquiries *inquiries;
    int server, client, hidden_in[2];
    struct ipc_message question, answer;
    unsigned worker;
    size_t answers;
};

static void on_answer(void *owner, unsigned worker, const struct ipc_message *answer)
{
    struct lab *lab = owner;

    lab->worker = worker;
    lab->answer = *answer;
    lab->answers++;
}

static int open_socket(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    lab->loop = loop_new();
    lab->server = open_socket();
    lab->client = open_socket();
    assert_int_equal(inquiries_new(lab->loop, on_answer, lab, &lab->inquiries), 0);
    lab->question = (struct ipc_message){.kind = IPC_WHOSE,
                                         .value = IPPROTO_UDP,
                                         .flag = 7,
                                         .address = socket_name(lab->client),
                                         .peer = socket_name(lab->server)};
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    inquiries_free(lab->inquiries);
    loop_free(lab->loop);
    close(lab->server);
    for (int i = 0; i < 2; i++)
        if (lab->hidden_in[i] > 0)
            close(lab->hidden_in[i]);
    if (lab->client >= 0)
        close(lab->client);
    free(lab);
    return 0;
}

static void wait_for_answer(struct lab *lab, size_t answers)
{
    for (int i = 0; i < 3000 && lab->answers < answers; i++)
        loop_run_once(lab->loop, 10);
    assert_int_equal(lab->answers, answers);
}

/* The client's socket lies on its way in a pair of others: it is there, and no process has it. */
static void hide(struct lab *lab)
{
    char byte = 0;
    struct iovec iov = {&byte, 1};
    union {
        struct cmsghdr first;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    control.first.cmsg_level = SOL_SOCKET;
    control.first.cmsg_type = SCM_RIGHTS;
    control.first.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.first), &lab->client, sizeof(int));
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, lab->hidden_in), 0);
    assert_int_equal(sendmsg(lab->hidden_in[0], &header, 0), 1);
    close(lab->client);
    lab->client = -1;
}

static void test_named(void **state)
{
    struct lab *lab = *state;

    inquiries_ask(lab->inquiries, 2, &lab->question, true);
    wait_for_answer(lab, 1);
    assert_int_equal(lab->worker, 2);
    assert_int_equal(lab->answer.kind, IPC_OWNER);
    assert_int_equal(lab->answer.flag, 7);
    assert_int_equal(lab->answer.value, geteuid());
    assert_string_equal(lab->answer.name, "test_inquiries");

    lab->question.flag = 8; /* known by now: answered inside the call */
    inquiries_ask(lab->inquiries, 0, &lab->question, true);
    assert_int_equal(lab->answers, 2);
    assert_int_equal(lab->worker, 0);
    assert_int_equal(lab->answer.flag, 8);
    assert_string_equal(lab->answer.name, "test_inquiries");
}

static void test_nobody_knows(void **state)
{
    struct lab *lab = *state;

    inquiries_ask(lab->inquiries, 0, &lab->question, false);
    assert_int_equal(lab->answers, 1);
    assert_int_equal(lab->answer.value, -1);
    assert_int_equal(lab->answer.flag, 7);
    lab->question.value = 999; /* no protocol that anybody speaks here */
    inquiries_ask(lab->inquiries, 0, &lab->question, true);
    assert_int_equal(lab->answers, 2);
    assert_int_equal(lab->answer.value, -1);
    lab->question.value = IPPROTO_TCP;
    inquiries_ask(lab->inquiries, 0, &lab->question, true);
    assert_int_equal(lab->answers, 3);
    assert_int_equal(lab->answer.value, -1);
    assert_string_equal(lab->answer.name, "");
}

/* One that asks and is gone hears nothing; the answers of the others are theirs. */
static void test_a_worker_that_is_gone(void **state)
{
    struct lab *lab = *state;
    size_t asked = 0;

    for (unsigned i = 0; i < 2; i++) /* whoever is not answered at once waits for the search */
        inquiries_ask(lab->inquiries, i, &lab->question, true);
    asked = lab->answers;
    inquiries_forget(lab->inquiries, 0);
    inquiries_forget(lab->inquiries, 1);
    inquiries_ask(lab->inquiries, 2, &lab->question, true);
    wait_for_answer(lab, asked + 1);
    assert_int_equal(lab->worker, 2);
}

/* Whoever has given up is neither answered nor searched for, and what was found is kept. */
static void test_too_late(void **state)
{
    struct lab *lab = *state;
    uint64_t now_ms = 100000;

    loop_fake_clock(lab->loop, now_ms);
    hide(lab);
    inquiries_ask(lab->inquiries, 0, &lab->question, true);
    assert_int_equal(lab->answers, 0);
    loop_fake_clock(lab->loop, now_ms += 600);
    for (int i = 0; i < 3000 && lab->answers == 0; i++) { /* these wait for the rest to be over */
        loop_run_once(lab->loop, 10);
        lab->question.flag++;
        inquiries_ask(lab->inquiries, 0, &lab->question, true);
    }
    assert_int_equal(lab->answers, 1);
    assert_int_equal(lab->answer.flag, lab->question.flag); /* what is known by now */
    assert_string_equal(lab->answer.name, "");
    loop_fake_clock(lab->loop, now_ms += 3000);
    for (int i = 0; i < 10; i++)
        loop_run_once(lab->loop, 1);
    assert_int_equal(lab->answers, 1);
}

static void test_no_more_than_the_rate(void **state)
{
    struct lab *lab = *state;

    loop_fake_clock(lab->loop, 100000);
    for (int i = 0; i < 500; i++) /* a protocol that nobody speaks: answered at once */
        inquiries_ask(lab->inquiries, 0, &(struct ipc_message){.kind = IPC_WHOSE, .value = 999},
                      true);
    assert_int_equal(lab->answers, 500);
    inquiries_ask(lab->inquiries, 0, &lab->question, true);
    assert_int_equal(lab->answers, 501); /* inside the call */
    assert_int_equal(lab->answer.value, -1);
    inquiries_ask(lab->inquiries, 1, &lab->question, true); /* another worker */
    wait_for_answer(lab, 502);
    assert_int_equal(lab->answer.value, geteuid());
    loop_fake_clock(lab->loop, 101000);
    inquiries_ask(lab->inquiries, 0, &lab->question, true);
    wait_for_answer(lab, 503);
    assert_int_equal(lab->answer.value, geteuid());
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_named),    CASE(test_nobody_knows),          CASE(test_a_worker_that_is_gone),
        CASE(test_too_late), CASE(test_no_more_than_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
