/* The resolver that applications see, against a DNS server of our own on loopback. */
#include "base/err.h"
#include "service/engine/dns.h"
#include "service/engine/dns_lookup.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG_COUNT = 100 }; /* addresses: more than fit a datagram */

struct lab {
    struct loop *loop;
    struct connector connector;
    struct decisions decisions;
    struct name_cache *names;
    struct config_dns_server server;
    struct config_dns config;
    struct dns *dns;
    /* The server: one connection at a time, one question at a time. */
    int listener, client;
    struct watch *listening, *serving;
    int questions;
    bool is_closing; /* answers by closing the connection */
    /* The asker. */
    uint8_t answer[DNS_MESSAGE_MAX];
    size_t size;
    int answers;
};

static const struct filter *no_filter(void *owner)
{
    (void)owner;
    return NULL;
}

static void nothing(void *owner)
{
    (void)owner;
}

static void no_outcome(void *owner, int err)
{
    (void)owner;
    (void)err;
}

/* --- the server --- */

static ssize_t make_answer(const uint8_t *query, size_t size, uint8_t *to, size_t capacity)
{
    struct dns_question question;
    struct address addresses[BIG_COUNT] = {0};
    size_t count = 1;

    assert_int_equal(dns_message_parse_question(query, size, &question), 0);
    if (strcmp(question.name, "nothing.example") == 0)
        return dns_message_error(query, size, DNS_NXDOMAIN, to, capacity);
    if (strcmp(question.name, "big.example") == 0)
        count = BIG_COUNT;
    for (size_t i = 0; i < count; i++)
        address_parse_ip(question.qtype == DNS_A ? "192.0.2.1" : "2001:db8::1", &addresses[i]);
    return dns_message_addresses(query, size, &question, addresses, count, 60, to, capacity);
}

static void on_client(void *owner, int events, int err)
{
    struct lab *lab = owner;
    uint8_t query[2048], answer[4096];
    ssize_t got = read(lab->client, query, sizeof(query)), size;

    (void)events;
    (void)err;
    if (got <= 0 || lab->is_closing) {
        lab->questions += got > 0;
        watch_close(lab->serving);
        close(lab->client);
        lab->client = -1;
        return;
    }
    for (size_t at = 0; at < (size_t)got;) {
        size_t length = (size_t)query[at] << 8 | query[at + 1];
        size = make_answer(query + at + 2, length, answer + 2, sizeof(answer) - 2);
        assert_true(size > 0);
        answer[0] = (uint8_t)(size >> 8);
        answer[1] = (uint8_t)size;
        assert_int_equal(write(lab->client, answer, (size_t)size + 2), size + 2);
        at += length + 2;
        lab->questions++;
    }
}

static void on_listener(void *owner, int events, int err)
{
    struct lab *lab = owner;

    (void)events;
    (void)err;
    lab->client = accept4(lab->listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(lab->client >= 0);
    assert_int_equal(watch_open(lab->loop, lab->client, on_client, lab, &lab->serving), 0);
    watch_set(lab->serving, WATCH_READ);
}

static void serve(struct lab *lab)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);

    lab->client = -1;
    lab->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(lab->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(lab->listener, 8), 0);
    getsockname(lab->listener, (struct sockaddr *)&address, &size);
    address_from_sockaddr((struct sockaddr *)&address, &lab->server.server.address);
    assert_int_equal(watch_open(lab->loop, lab->listener, on_listener, lab, &lab->listening), 0);
    watch_set(lab->listening, WATCH_READ);
}

/* --- the lab --- */

static int setup(void **state)
{
    static const struct upstream_options direct = {.name = "direct", .kind = UPSTREAM_DIRECT};
    struct dialer_options dialer = {0};
    struct lab *lab = calloc(1, sizeof(*lab));

    lab->loop = loop_new();
    lab->names = name_cache_new(100);
    lab->connector = (struct connector){lab->loop, pool_new(), dialer_new(lab->loop, &dialer),
                                        NULL,      no_outcome, NULL};
    pool_set(lab->connector.pool, &direct, 1);
    lab->decisions.filter = no_filter;
    lab->decisions.on_blocked = nothing;
    serve(lab);
    lab->config = (struct config_dns){.servers = &lab->server,
                                      .servers_count = 1,
                                      .cache_entries = 100,
                                      .cache_bytes = 100000,
                                      .timeout_ms = 2000};
    lab->dns = dns_new(&lab->connector, &lab->config, &lab->decisions, lab->names);
    assert_non_null(lab->dns);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    dns_free(lab->dns);
    if (lab->client >= 0) {
        watch_close(lab->serving);
        close(lab->client);
    }
    watch_close(lab->listening);
    close(lab->listener);
    dialer_free(lab->connector.dialer);
    pool_free(lab->connector.pool);
    name_cache_free(lab->names);
    loop_free(lab->loop);
    free(lab);
    return 0;
}

static void on_answer(void *owner, const uint8_t *answer, size_t size)
{
    struct lab *lab = owner;
    memcpy(lab->answer, answer, size);
    lab->size = size;
    lab->answers++;
}

/* Ask as an application would, and wait for `answers` to be reached. */
static void ask(struct lab *lab, const uint8_t *query, size_t size, bool is_stream)
{
    struct dns_asker asker = {NULL, is_stream, on_answer, lab};
    struct dns_wait *wait;
    ssize_t got = dns_ask(lab->dns, query, size, &asker, lab->answer,
                          is_stream ? sizeof(lab->answer) : DNS_UDP_OURS, &wait);

    assert_true(got >= 0);
    if (got > 0) {
        lab->size = (size_t)got;
        lab->answers++;
    }
}

static void wait_for(struct lab *lab, int answers)
{
    for (int i = 0; i < 300 && lab->answers < answers; i++)
        loop_run_once(lab->loop, 10);
    assert_int_equal(lab->answers, answers);
}

static size_t make_query(uint16_t id, const char *name, uint16_t qtype, uint8_t to[512])
{
    ssize_t size = dns_message_query(id, name, qtype, to, 512);
    assert_true(size > 0);
    return (size_t)size;
}

static int rcode_of(const struct lab *lab)
{
    return lab->answer[3] & 15;
}

/* --- what it promises --- */

static void test_answers_and_keeps(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(0x1234, "a.example", DNS_A, query);
    struct address address;

    ask(lab, query, size, false);
    wait_for(lab, 1);
    assert_int_equal(lab->answer[0] << 8 | lab->answer[1], 0x1234);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
    query[0] = 0x77;
    query[13] = 'A'; /* another spelling of the name is echoed, RFC 5452 */
    ask(lab, query, size, false);
    assert_int_equal(lab->answers, 2); /* at once */
    assert_int_equal(lab->answer[0], 0x77);
    assert_int_equal(lab->answer[13], 'A');
    assert_int_equal(lab->questions, 1);
    address_parse_ip("192.0.2.1", &address);
    assert_string_equal(name_cache_find(lab->names, &address, loop_now_ms(lab->loop)), "a.example");
}

static void test_alike_questions_are_asked_once(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    for (int i = 0; i < 5; i++)
        ask(lab, query, size, false);
    wait_for(lab, 5);
    assert_int_equal(lab->questions, 1);
}

static void test_long_answers_are_cut_for_datagrams_only(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "big.example", DNS_A, query);

    for (int round = 0; round < 2; round++) { /* from the server, then from the cache */
        ask(lab, query, size, false);
        wait_for(lab, 2 * round + 1);
        assert_true(lab->answer[2] & 2); /* TC */
        ask(lab, query, size, true);
        wait_for(lab, 2 * round + 2);
        assert_false(lab->answer[2] & 2);
        assert_true(lab->size > BIG_COUNT * 16);
    }
}

static void test_a_failing_server_is_servfail(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    lab->is_closing = true;
    ask(lab, query, size, false);
    wait_for(lab, 1);
    assert_int_equal(rcode_of(lab), DNS_SERVFAIL);
    assert_int_equal(lab->questions, 2); /* a kept connection may have been closed just now */
    lab->is_closing = false;
    ask(lab, query, size, false);
    wait_for(lab, 2);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
}

static void test_nobody_waits_for_nothing(void **state)
{
    struct lab *lab = *state;
    struct dns_asker asker = {NULL, false, on_answer, lab};
    struct dns_wait *wait;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    assert_int_equal(dns_ask(lab->dns, query, size, &asker, lab->answer, DNS_UDP_OURS, &wait), 0);
    dns_wait_cancel(wait);
    for (int i = 0; i < 5; i++)
        loop_run_once(lab->loop, 5);
    assert_int_equal(lab->answers, 0);
    assert_int_equal(dns_ask(lab->dns, "junk", 4, &asker, lab->answer, 512, &wait) < 0, 1);
}

static void on_looked_up(void *owner, int err, const struct address *addresses, size_t count)
{
    struct lab *lab = owner;

    lab->answers++;
    lab->size = count;
    if (err == 0)
        assert_int_equal(addresses[0].family, 4);
    else
        assert_int_equal(err, ERR_NAME);
}

static void test_lookup(void **state)
{
    struct lab *lab = *state;
    struct dns_lookup *lookup;

    for (int round = 1; round <= 2; round++) {
        assert_int_equal(dns_lookup_start(lab->dns, "a.example", on_looked_up, lab, &lookup), 0);
        assert_int_equal(lab->answers, round - 1); /* never from inside the call */
        wait_for(lab, round);
        assert_int_equal(lab->size, 2);
    }
    assert_int_equal(dns_lookup_start(lab->dns, "nothing.example", on_looked_up, lab, &lookup), 0);
    wait_for(lab, 3);
    assert_int_equal(lab->size, 0);
    assert_int_equal(dns_lookup_start(lab->dns, "b.example", on_looked_up, lab, &lookup), 0);
    dns_lookup_cancel(lookup);
}

static void test_another_configuration(void **state)
{
    struct lab *lab = *state;
    uint8_t query[512];
    size_t size = make_query(1, "a.example", DNS_A, query);

    ask(lab, query, size, false);
    assert_int_equal(dns_configure(lab->dns, &lab->config), 0);
    assert_int_equal(lab->answers, 1);
    assert_int_equal(rcode_of(lab), DNS_SERVFAIL);
    ask(lab, query, size, false);
    wait_for(lab, 2);
    assert_int_equal(rcode_of(lab), DNS_NOERROR);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_answers_and_keeps),
        lab_test(test_alike_questions_are_asked_once),
        lab_test(test_long_answers_are_cut_for_datagrams_only),
        lab_test(test_a_failing_server_is_servfail),
        lab_test(test_nobody_waits_for_nothing),
        lab_test(test_lookup),
        lab_test(test_another_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
