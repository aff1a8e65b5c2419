/* DNS over HTTPS against a real server: what is asked, what is taken for an answer, and when a
 * connection is used again. HTTP/2, which libcurl prefers, is in tests/net. */
#include "engine_lab.h"
#include "https_peer.h"

#include "adblock/dns_message.h"
#include "base/err.h"
#include "service/engine/doh_link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 40, TURNS_MAX = 2000, TURN_MS = 10, SETTLE_TURNS = 200 };
enum { TOO_MANY = 1024, TOO_LARGE = 70000, ID = 7 };

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n"

struct lab;

struct asker {
    struct lab *lab;
    struct dns_exchange exchange;
    uint8_t query[512];
    int done, err;
    size_t size; /* of the answer */
    bool has_address;
};

struct lab {
    struct engine_lab engine;
    struct https_server server;
    struct doh_link *link;
    struct asker askers[TOO_MANY + 1];
    int done, requests;
    const char *head; /* of every answer, with its end; NULL: a good one */
    size_t body;      /* bytes of zeros in place of the answer */
    bool is_silent, closes, slams;
};

/* --- the link's door ------------------------------------------------------------------------- */

static bool lacks_descriptors;
static int accepts; /* that failed */

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    if (!lacks_descriptors)
        return __real_accept4(fd, address, size, flags);
    accepts++;
    errno = EMFILE;
    return -1;
}

/* --- the server ------------------------------------------------------------------------------ */

static void check_request(const struct https_request *request)
{
    assert_memory_equal(request->head, "POST /dns-query HTTP/1.1\r\n", 26);
    assert_non_null(strcasestr(request->head, "\r\ncontent-type: application/dns-message\r\n"));
    assert_non_null(strcasestr(request->head, "\r\naccept: application/dns-message\r\n"));
    assert_true(request->size > 12);
    assert_int_equal(request->body[0] | request->body[1], 0); /* RFC 8484 sec. 4.1 */
}

static void say_answer(struct https_peer *peer, const struct https_request *request)
{
    struct dns_question question;
    struct address address;
    uint8_t answer[512];
    char head[256];
    address_parse_ip("192.0.2.1", &address);
    assert_int_equal(dns_message_parse_question(request->body, request->size, &question), 0);
    ssize_t size = dns_message_addresses(request->body, request->size, &question, &address, 1, 60,
                                         answer, sizeof(answer));
    assert_true(size > 0);
    snprintf(head, sizeof(head), OK_HEAD "Content-Length: %zd\r\n\r\n", size);
    https_say(peer, head, strlen(head));
    https_say(peer, answer, (size_t)size);
}

static void on_request(struct https_peer *peer, const struct https_request *request)
{
    static const uint8_t zeros[TOO_LARGE];
    struct lab *lab = https_peer_server(peer)->owner;
    lab->requests++;
    check_request(request);
    if (lab->slams) {
        https_finish(peer);
    } else if (lab->head) {
        https_say(peer, lab->head, strlen(lab->head));
        https_say(peer, zeros, lab->body);
    } else if (!lab->is_silent) {
        say_answer(peer, request);
    }
    if (lab->closes)
        https_finish(peer);
}

/* --- asking ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
    static const struct tls_peer_options tls = {.name = "dns.example"};
    struct lab *lab = calloc(1, sizeof(*lab));
    const char *ca_file = tls_peer_ca_file();
    engine_lab_open(&lab->engine);
    https_server_open(&lab->server, lab->engine.loop, &tls, on_request, lab);
    struct doh_link_options options = {.server = endpoint_from_address(&lab->server.address),
                                       .path = "/dns-query",
                                       .tls_name = "dns.example",
                                       .tls_ca_file = ca_file};
    lab->link = doh_link_new(&lab->engine.traffic.connector, &options);
    assert_non_null(lab->link);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    doh_link_free(lab->link);
    https_server_close(&lab->server);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

/* libcurl's timers need a clock that goes. */
static void turn(struct lab *lab, unsigned wait_ms)
{
    lab->engine.now_ms++;
    loop_fake_clock(lab->engine.loop, lab->engine.now_ms);
    loop_run_once(lab->engine.loop, wait_ms);
    https_server_flush(&lab->server);
}

static void wait_for(struct lab *lab, const int *counter, int wanted)
{
    for (int i = 0; i < TURNS_MAX && *counter < wanted; i++)
        turn(lab, TURN_MS);
    assert_int_equal(*counter, wanted);
}

static void settle(struct lab *lab)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        turn(lab, 0);
}

static void on_done(void *owner, int err, uint8_t *answer, size_t size)
{
    struct asker *asker = owner;
    asker->done++;
    asker->lab->done++;
    asker->err = err;
    if (err < 0)
        assert_null(answer);
    else
        asker->has_address = memmem(answer, size, "\xc0\x00\x02\x01", 4) != NULL;
    asker->size = size;
}

static int ask(struct lab *lab, size_t i)
{
    struct asker *asker = &lab->askers[i];
    ssize_t size = dns_message_query(ID, "a.example", DNS_A, asker->query, sizeof(asker->query));
    asker->lab = lab;
    asker->exchange = (struct dns_exchange){
        .query = asker->query, .size = (size_t)size, .on_done = on_done, .owner = asker};
    return doh_link_start(lab->link, &asker->exchange);
}

static int result_of(struct lab *lab, size_t i)
{
    int before = lab->done;
    assert_int_equal(ask(lab, i), 0);
    wait_for(lab, &lab->done, before + 1);
    assert_null(lab->askers[i].exchange.transfer);
    return lab->askers[i].err;
}

static void assert_good(const struct asker *asker)
{
    assert_int_equal(asker->done, 1);
    assert_int_equal(asker->err, 0);
    assert_true(asker->has_address);
}

/* --- good answers ---------------------------------------------------------------------------- */

static void test_one_connection_for_one_after_the_other(void **state)
{
    struct lab *lab = *state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(result_of(lab, i), 0);
        assert_good(&lab->askers[i]);
    }
    assert_int_equal(lab->requests, 5);
    assert_int_equal(lab->server.accepted, 1);
}

static void test_many_at_once(void **state)
{
    struct lab *lab = *state;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(ask(lab, i), 0);
    assert_int_equal(lab->done, 0); /* never before it returns */
    wait_for(lab, &lab->done, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_good(&lab->askers[i]);
    assert_int_equal(lab->requests, MANY);
}

static void test_an_answer_that_never_ends(void **state)
{
    struct lab *lab = *state;
    lab->head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
                        "5\r\nabcde\r\n";
    assert_int_equal(ask(lab, 0), 0);
    wait_for(lab, &lab->requests, 1);
    settle(lab);
    assert_int_equal(lab->done, 0); /* not whole */
    https_server_hang_up(&lab->server);
    wait_for(lab, &lab->done, 1);
    assert_int_equal(lab->askers[0].err, ERR_PROTOCOL);
}

static void test_in_chunks(void **state)
{
    struct lab *lab = *state;
    lab->head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
                        "5\r\nabcde\r\n9\r\nfghijklmn\r\n0\r\n\r\n";
    assert_int_equal(result_of(lab, 0), 0);
    assert_int_equal(lab->askers[0].size, 14);
}

/* --- what is no answer ----------------------------------------------------------------------- */

static void test_what_is_no_answer(void **state)
{
    static const struct {
        const char *head;
        size_t body;
    } rows[] = {
        {"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/dns-message\r\n"
         "Content-Length: 40\r\n\r\n",
         40},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0},
        {"HTTP/1.1 302 Found\r\nLocation: https://dns.example/other\r\nContent-Length: 0\r\n\r\n",
         0},
        {"HTTP/1.1 204 No Content\r\n\r\n", 0},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 40\r\n\r\n", 40},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/dns-messages\r\nContent-Length: 40\r\n\r\n",
         40},
        {"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", 40},
        {OK_HEAD "Content-Length: 0\r\n\r\n", 0},
        {OK_HEAD "Content-Length: 11\r\n\r\n", 11}, /* less than a header */
        {OK_HEAD "Content-Length: 70000\r\n\r\n", TOO_LARGE},
        {"HTTP/9 nonsense\r\n\r\n", 0},
    };
    struct lab *lab = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        lab->head = rows[i].head;
        lab->body = rows[i].body;
        assert_int_equal(result_of(lab, i), ERR_PROTOCOL);
    }
    lab->head = NULL;
    assert_int_equal(result_of(lab, MANY), 0); /* and goes on */
    assert_good(&lab->askers[MANY]);
}

static void test_types_with_parameters_and_capitals(void **state)
{
    struct lab *lab = *state;
    lab->head = "HTTP/1.1 200 OK\r\nContent-Type: Application/DNS-Message; charset=x\r\n"
                "Content-Length: 12\r\n\r\n";
    lab->body = 12;
    assert_int_equal(result_of(lab, 0), 0);
    assert_int_equal(lab->askers[0].size, 12);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void test_a_closed_connection_is_opened_again(void **state)
{
    struct lab *lab = *state;
    lab->closes = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(result_of(lab, (size_t)i), 0);
        settle(lab);
    }
    assert_int_equal(lab->server.accepted, 3);
}

static void test_closed_instead_of_an_answer(void **state)
{
    struct lab *lab = *state;
    lab->slams = true;
    assert_int_equal(result_of(lab, 0), ERR_PROTOCOL);
    lab->slams = false;
    assert_int_equal(result_of(lab, 1), 0);
}

static void test_closed_in_the_middle_of_an_answer(void **state)
{
    struct lab *lab = *state;
    lab->head = OK_HEAD "Content-Length: 100\r\n\r\n";
    lab->body = 50;
    lab->closes = true;
    assert_int_equal(result_of(lab, 0), ERR_PROTOCOL);
}

static void test_silence_costs_the_connection(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(result_of(lab, 0), 0);
    lab->is_silent = true;
    assert_int_equal(ask(lab, 1), 0);
    wait_for(lab, &lab->requests, 2);
    doh_transfer_cancel(lab->askers[1].exchange.transfer, true);
    settle(lab);
    assert_int_equal(lab->askers[1].done, 0);
    lab->is_silent = false;
    assert_int_equal(result_of(lab, 2), 0);
    assert_int_equal(lab->server.accepted, 2);
}

static void test_who_leaves_does_not_disturb_others(void **state)
{
    struct lab *lab = *state;
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(ask(lab, i), 0);
    for (size_t i = 0; i < 10; i += 2)
        doh_transfer_cancel(lab->askers[i].exchange.transfer, false);
    wait_for(lab, &lab->done, 5);
    settle(lab);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(lab->askers[i].done, i % 2);
}

static void test_a_link_that_goes_while_asked(void **state)
{
    struct lab *lab = *state;
    lab->is_silent = true;
    assert_int_equal(ask(lab, 0), 0);
    wait_for(lab, &lab->requests, 1);
    doh_link_free(lab->link);
    lab->link = NULL;
    settle(lab);
    assert_int_equal(lab->done, 0);
    assert_null(lab->askers[0].exchange.transfer);
}

/* --- what is not even asked ------------------------------------------------------------------ */

static void open_link(struct lab *lab, const struct address *server, const char *tls_name)
{
    struct doh_link_options options = {.server = endpoint_from_address(server),
                                       .path = "/dns-query",
                                       .tls_name = tls_name,
                                       .tls_ca_file = tls_peer_ca_file()};
    doh_link_free(lab->link);
    lab->link = doh_link_new(&lab->engine.traffic.connector, &options);
    assert_non_null(lab->link);
}

static void test_strangers_are_not_asked(void **state)
{
    struct lab *lab = *state;
    open_link(lab, &lab->server.address, "other.example");
    assert_int_equal(result_of(lab, 0), ERR_TLS);
    open_link(lab, &lab->server.address, NULL); /* the address is not in the certificate */
    assert_int_equal(result_of(lab, 1), ERR_TLS);
    lab->server.tls = (struct tls_peer_options){.name = "dns.example", .is_expired = true};
    open_link(lab, &lab->server.address, "dns.example");
    assert_int_equal(result_of(lab, 2), ERR_TLS);
    assert_int_equal(lab->requests, 0);
}

static void test_a_certificate_for_the_address(void **state)
{
    struct lab *lab = *state;
    lab->server.tls = (struct tls_peer_options){.name = "127.0.0.1", .is_address = true};
    open_link(lab, &lab->server.address, NULL);
    assert_int_equal(result_of(lab, 0), 0);
}

static void test_nobody_there(void **state)
{
    struct lab *lab = *state;
    struct address nobody;
    int port = loopback_nobody(&nobody);
    open_link(lab, &nobody, "dns.example");
    assert_true(result_of(lab, 0) < 0);
    close(port);
}

/* Nobody can be let in for now, and nobody is asked for in vain all the time. */
static void test_no_descriptor_left(void **state)
{
    struct lab *lab = *state;
    accepts = 0;
    lacks_descriptors = true;
    assert_int_equal(ask(lab, 0), 0);
    for (int i = 0; i < 90; i++) /* a ms each */
        turn(lab, 0);
    lacks_descriptors = false;
    assert_int_equal(accepts, 1);
    wait_for(lab, &lab->done, 1);
    assert_good(&lab->askers[0]);
}

static void test_limits(void **state)
{
    struct lab *lab = *state;
    lab->is_silent = true;
    for (size_t i = 0; i < TOO_MANY; i++)
        assert_int_equal(ask(lab, i), 0);
    assert_int_equal(ask(lab, TOO_MANY), ERR_LIMIT);
    doh_transfer_cancel(lab->askers[0].exchange.transfer, false);
    assert_int_equal(ask(lab, TOO_MANY), 0);
    struct dns_exchange large = {.query = lab->askers[0].query, .size = 5000, .on_done = on_done};
    doh_transfer_cancel(lab->askers[1].exchange.transfer, false);
    assert_int_equal(doh_link_start(lab->link, &large), -EMSGSIZE);
}

#define doh_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        doh_test(test_one_connection_for_one_after_the_other),
        doh_test(test_many_at_once),
        doh_test(test_an_answer_that_never_ends),
        doh_test(test_in_chunks),
        doh_test(test_what_is_no_answer),
        doh_test(test_types_with_parameters_and_capitals),
        doh_test(test_a_closed_connection_is_opened_again),
        doh_test(test_closed_instead_of_an_answer),
        doh_test(test_closed_in_the_middle_of_an_answer),
        doh_test(test_silence_costs_the_connection),
        doh_test(test_who_leaves_does_not_disturb_others),
        doh_test(test_a_link_that_goes_while_asked),
        doh_test(test_strangers_are_not_asked),
        doh_test(test_a_certificate_for_the_address),
        doh_test(test_nobody_there),
        doh_test(test_no_descriptor_left),
        doh_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
