#include "admission_lab.h"

#include "adblock/dns_message.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the host --- */

static bool is_asked(const struct asked *asked, const struct address *address, int protocol)
{
    return asked->protocol == protocol && address_is_equal(&asked->address, address);
}

static struct asked *find_admitted(struct admission_lab *lab, const struct address *address,
                                   int protocol)
{
    for (size_t i = 0; i < lab->admitted_count; i++)
        if (is_asked(&lab->admitted[i], address, protocol))
            return &lab->admitted[i];
    return NULL;
}

static void admit(void *owner, const struct address *address, int protocol)
{
    struct admission_lab *lab = owner;
    struct asked asked = {*address, protocol};

    if (lab->refusal == 0 && !find_admitted(lab, address, protocol)) {
        assert_true(lab->admitted_count < ADMITTED_MAX);
        lab->admitted[lab->admitted_count++] = asked;
    }
    if (lab->answers_late) {
        assert_true(lab->unanswered_count < ASKED_MAX);
        lab->unanswered[lab->unanswered_count++] = asked;
    } else {
        admission_answer(lab->admission, address, protocol, lab->refusal);
    }
}

static void withdraw(void *owner, const struct address *address, int protocol)
{
    struct admission_lab *lab = owner;
    struct asked *asked = find_admitted(lab, address, protocol);

    lab->withdrawals++;
    if (asked)
        *asked = lab->admitted[--lab->admitted_count];
}

static void on_ready(void *owner)
{
    ((struct admission_lab *)owner)->ready++;
}

static void on_failed(void *owner, const char *upstream, int err)
{
    struct admission_lab *lab = owner;
    assert_non_null(upstream);
    lab->failed++;
    lab->failed_err = err;
}

/* In the order in which they were asked. */
void admission_lab_answer(struct admission_lab *lab, size_t count, int err)
{
    assert_true(count <= lab->unanswered_count);
    for (size_t i = 0; i < count; i++) {
        struct asked asked = lab->unanswered[0];
        memmove(lab->unanswered, lab->unanswered + 1,
                --lab->unanswered_count * sizeof(lab->unanswered[0]));
        admission_answer(lab->admission, &asked.address, asked.protocol, err);
    }
}

/* Port 0 of UDP stands for any. */
bool admission_lab_is_admitted(struct admission_lab *lab, const char *ip, uint16_t port)
{
    struct address address;
    assert_int_equal(address_parse_ip(ip, &address), 0);
    address.port = port;
    return find_admitted(lab, &address, port ? IPPROTO_TCP : IPPROTO_UDP);
}

/* --- the resolver --- */

static ssize_t make_answer(const struct admission_lab *lab, const uint8_t *query, size_t size,
                           uint8_t *to, size_t capacity)
{
    struct address addresses[4];
    struct dns_question question;
    size_t count = 0;

    assert_int_equal(dns_message_parse_question(query, size, &question), 0);
    if (!lab->answers[0])
        return dns_message_error(query, size, DNS_NXDOMAIN, to, capacity);
    for (; question.qtype == DNS_A && count < 4 && lab->answers[count]; count++)
        address_parse_ip(lab->answers[count], &addresses[count]);
    return dns_message_addresses(query, size, &question, addresses, count, 60, to, capacity);
}

static void on_dns(void *owner, int events, int err)
{
    struct admission_lab *lab = owner;
    struct sockaddr_storage from;
    socklen_t from_size = sizeof(from);
    uint8_t query[512], to[512];
    ssize_t got =
        recvfrom(lab->dns_fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_size);

    (void)events;
    (void)err;
    if (got <= 0)
        return;
    lab->questions++;
    if (lab->is_silent)
        return;
    got = make_answer(lab, query, (size_t)got, to, sizeof(to));
    assert_true(got > 0);
    sendto(lab->dns_fd, to, (size_t)got, 0, (struct sockaddr *)&from, from_size);
}

static void open_dns(struct admission_lab *lab)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);

    lab->dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(lab->dns_fd, (struct sockaddr *)&where, size), 0);
    getsockname(lab->dns_fd, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, &lab->dns_address);
    assert_int_equal(watch_open(lab->loop, lab->dns_fd, on_dns, lab, &lab->dns_watch), 0);
    watch_set(lab->dns_watch, WATCH_READ);
}

/* --- the lab --- */

int admission_lab_open(void **state)
{
    struct admission_lab *lab = calloc(1, sizeof(*lab));
    const struct admission_host host = {admit, withdraw, on_ready, on_failed, lab};

    lab->loop = loop_new();
    lab->now_ms = 1000000;
    loop_fake_clock(lab->loop, lab->now_ms);
    lab->pool = pool_new();
    lab->admission = admission_new(lab->loop, lab->pool, &host);
    open_dns(lab);
    lab->config.dns.bootstrap = &lab->dns_address;
    lab->config.dns.bootstrap_count = 1;
    *state = lab;
    return 0;
}

int admission_lab_close(void **state)
{
    struct admission_lab *lab = *state;

    admission_free(lab->admission);
    pool_free(lab->pool);
    watch_close(lab->dns_watch);
    close(lab->dns_fd);
    loop_free(lab->loop);
    free(lab);
    return 0;
}

struct upstream_options admission_lab_proxy(const char *name, const char *server, bool has_udp)
{
    struct upstream_options options = {
        .name = name, .kind = UPSTREAM_SOCKS5, .has_udp = has_udp, .needs_admission = true};
    assert_int_equal(endpoint_parse(server, 0, &options.server), 0);
    return options;
}

void admission_lab_start(struct admission_lab *lab, const struct upstream_options *list,
                         size_t count)
{
    assert_int_equal(pool_set(lab->pool, list, count), 0);
    assert_int_equal(admission_start(lab->admission, &lab->config), 0);
}

const struct upstream *admission_lab_upstream(struct admission_lab *lab, size_t i)
{
    struct pool_member members[4];
    assert_true(pool_members(lab->pool, members, 4) > i);
    return members[i].upstream;
}

void admission_lab_wait(struct admission_lab *lab, const int *counter, int wanted)
{
    for (int i = 0; i < 3000 && *counter < wanted; i++)
        loop_run_once(lab->loop, 10);
    assert_int_equal(*counter, wanted);
}

void admission_lab_pass(struct admission_lab *lab, uint64_t ms)
{
    lab->now_ms += ms;
    loop_fake_clock(lab->loop, lab->now_ms);
    loop_run_once(lab->loop, 0);
}
