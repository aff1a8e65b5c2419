#include "proxy/resolve.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A name server on the loopback interface that answers as it is told to. */
struct fixture {
    struct loop *loop;
    struct resolve *resolve;
    struct watch *watch;
    int server;
    int rcode;
    bool is_silent;
    unsigned questions, answers;
    int err;
    size_t count;
    uint32_t ttl_s;
    struct address addresses[4];
};

/* Header and question of the query, then one record: RFC 1035 sec. 4.1. */
static size_t make_answer(const struct fixture *f, const uint8_t *query, size_t size, uint8_t *to)
{
    static const uint8_t a[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};
    static const uint8_t aaaa[] = {0xc0, 12,   0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1,
                                   0x0d, 0xb8, 0, 0,  0, 0, 0, 0, 0, 0,  0, 0,  0,    9};
    size_t question = 12;
    while (question < size && query[question])
        question += 1 + (size_t)query[question];
    uint8_t type = query[question + 2];
    question += 5;
    memcpy(to, query, question);
    to[2] = 0x81;
    to[3] = (uint8_t)(0x80 | f->rcode);
    memset(to + 6, 0, 6);
    if (f->rcode)
        return question;
    to[7] = 1;
    memcpy(to + question, type == 1 ? a : aaaa, type == 1 ? sizeof(a) : sizeof(aaaa));
    return question + (type == 1 ? sizeof(a) : sizeof(aaaa));
}

static void on_query(void *owner, int events, int err)
{
    struct fixture *f = owner;
    uint8_t query[512], answer[600];
    struct sockaddr_storage from;
    socklen_t from_size = sizeof(from);
    (void)events;
    (void)err;
    ssize_t size =
        recvfrom(f->server, query, sizeof(query), 0, (struct sockaddr *)&from, &from_size);
    assert_true(size > 17);
    f->questions++;
    if (f->is_silent)
        return;
    size_t answer_size = make_answer(f, query, (size_t)size, answer);
    sendto(f->server, answer, answer_size, 0, (struct sockaddr *)&from, from_size);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    struct address server;
    f->loop = loop_new();
    f->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(f->server, (struct sockaddr *)&where, sizeof(where)), 0);
    getsockname(f->server, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, &server);
    assert_int_equal(watch_open(f->loop, f->server, on_query, f, &f->watch), 0);
    watch_set(f->watch, WATCH_READ);
    assert_int_equal(resolve_new(f->loop, &server, 1, &f->resolve), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    resolve_free(f->resolve);
    watch_close(f->watch);
    close(f->server);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_done(void *owner, int err, const struct address *addresses, size_t count,
                    uint32_t ttl_s)
{
    struct fixture *f = owner;
    f->answers++;
    f->err = err;
    f->count = count;
    f->ttl_s = ttl_s;
    if (count)
        memcpy(f->addresses, addresses, count * sizeof(*addresses));
}

static void look_up(struct fixture *f, const char *name)
{
    assert_int_equal(resolve_start(f->resolve, name, on_done, f), 0);
    assert_int_equal(f->answers, 0); /* never from inside the call */
    for (int i = 0; i < 3000 && f->answers == 0; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(f->answers, 1);
}

static void assert_address(const struct address *address, const char *text)
{
    char formatted[ADDRESS_TEXT_MAX];
    assert_string_equal(address_format_ip(address, formatted), text);
    assert_int_equal(address->port, 0);
}

static void test_both_families_ipv4_first(void **state)
{
    struct fixture *f = *state;
    look_up(f, "proxy.example.net");
    assert_int_equal(f->err, 0);
    assert_int_equal(f->count, 2);
    assert_address(&f->addresses[0], "192.0.2.1");
    assert_address(&f->addresses[1], "2001:db8::9");
    assert_int_equal(f->ttl_s, 60);
}

static void test_no_such_name(void **state)
{
    struct fixture *f = *state;
    f->rcode = 3;
    look_up(f, "nowhere.example.net");
    assert_int_equal(f->err, ERR_NAME);
    assert_int_equal(f->count, 0);
}

static void test_an_address_asks_nobody(void **state)
{
    struct fixture *f = *state;
    look_up(f, "198.51.100.7");
    assert_int_equal(f->err, 0);
    assert_address(&f->addresses[0], "198.51.100.7");
    assert_int_equal(f->questions, 0);
}

static void test_freed_while_asking(void **state)
{
    struct fixture *f = *state;
    f->is_silent = true;
    assert_int_equal(resolve_start(f->resolve, "proxy.example.net", on_done, f), 0);
    assert_int_equal(resolve_start(f->resolve, "198.51.100.7", on_done, f), 0);
    while (f->questions == 0)
        loop_run_once(f->loop, 10);
    assert_int_equal(resolve_start(f->resolve, "198.51.100.8", on_done, f), 0);
    f->answers = 0;
    resolve_free(f->resolve);
    f->resolve = NULL;
    loop_run_once(f->loop, 0);
    assert_int_equal(f->answers, 0);
}

static void test_limit(void **state)
{
    struct fixture *f = *state;
    int err = 0;
    f->is_silent = true;
    for (int i = 0; i < 1000 && err == 0; i++)
        err = resolve_start(f->resolve, "proxy.example.net", on_done, f);
    assert_int_equal(err, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_families_ipv4_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_such_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_address_asks_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_freed_while_asking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
