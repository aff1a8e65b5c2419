/* Whose a socket is, from the worker's question to the answer: of our own on loopback. */
#include "service/supervisor/inquiries.h"

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
    int server, client;
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

static struct address name_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct address address;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(address_from_sockaddr((struct sockaddr *)&name, &address), 0);
    return address;
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
                                         .address = name_of(lab->client),
                                         .peer = name_of(lab->server)};
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    inquiries_free(lab->inquiries);
    loop_free(lab->loop);
    close(lab->server);
    close(lab->client);
    free(lab);
    return 0;
}

static void wait_for_answer(struct lab *lab, size_t answers)
{
    for (int i = 0; i < 1000 && lab->answers < answers; i++)
        loop_run_once(lab->loop, 10);
    assert_int_equal(lab->answers, answers);
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

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_named),
        CASE(test_nobody_knows),
        CASE(test_a_worker_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
