/* A TCP conversation on a web port: the name is in what the client says first. */
#include "tcp_flow_lab.h"

#include "base/err.h"
#include "service/engine/tcp_flow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SNIFF_MS = 300, HELLO_MS = 10000, REFUSED_MS = 60000 };

#define WEB  "198.51.100.1:443"
#define HTTP "198.51.100.1:80"

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static int open_lab(void **state)
{
    int err = tcp_flow_lab_open(state);
    struct tcp_flow_lab *lab = *state;
    engine_lab_block(&lab->engine, "ads.example\n");
    return err;
}

/* A web server behind the proxy: one answer for each read. */
static void serve_http(struct loopback_peer *peer)
{
    if (!loopback_socks5_greet(peer) || peer->size == 0)
        return;
    loopback_use_up(peer, peer->size);
    loopback_say(peer, ok, sizeof(ok) - 1);
}

static void say_request(struct tcp_flow_lab *lab, const char *host)
{
    char request[512];
    int size = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    tcp_flow_lab_say(lab, request, (size_t)size);
}

static const struct refusal *last_refusal(struct tcp_flow_lab *lab)
{
    const struct refusal *last;
    assert_int_equal(decisions_last(&lab->engine.traffic.decisions, &last, 1), 1);
    return last;
}

static void remember(struct tcp_flow_lab *lab, const char *name)
{
    struct address address;
    address_parse_ip("198.51.100.1", &address);
    name_cache_put(lab->engine.traffic.names, &address, name, UINT64_MAX);
}

/* --- TLS --- */

static void test_a_hello_passes_as_it_came(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("good.example", hello);

    tcp_flow_lab_knock(lab, "tun", WEB);
    assert_true(lab->inbound->is_admitted); /* else it would never say whom it wants */
    assert_int_equal(tcp_flow_lab_flow(lab)->state, FLOW_SNIFFING);
    tcp_flow_lab_say(lab, hello, size);
    tcp_flow_lab_hear(lab, size);
    assert_memory_equal(lab->heard, hello, size);
    assert_string_equal(tcp_flow_lab_flow(lab)->host, "good.example");
}

static void test_a_hello_in_pieces(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("good.example", hello);

    tcp_flow_lab_knock(lab, "tun", WEB);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(lab->proxy.accepted, 0);
        tcp_flow_lab_say(lab, hello + i, 1);
        loop_run_once(lab->engine.loop, 0);
    }
    tcp_flow_lab_hear(lab, size);
    assert_memory_equal(lab->heard, hello, size);
}

static void test_a_blocked_server_name_is_reset(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("x.ads.example", hello);

    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, hello, size);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_aborted);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_string_equal(last_refusal(lab)->kind, "tls");
    assert_string_equal(last_refusal(lab)->name, "x.ads.example");
    assert_int_equal(lab->engine.traffic.flows.counters.blocked, 1);
    assert_int_equal(lab->proxy.accepted, 0);
}

/* What the client itself says counts, not what the address was once known for. */
static void test_a_shared_address(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("good.example", hello);

    remember(lab, "ads.example");
    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, hello, size);
    tcp_flow_lab_hear(lab, size);
}

/* --- something else --- */

static void test_silence_is_let_through(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    engine_lab_pass(&lab->engine, SNIFF_MS - 1);
    assert_int_equal(lab->proxy.accepted, 0);
    engine_lab_pass(&lab->engine, 1);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, 1);
    tcp_flow_lab_say(lab, "late\r\n", 6);
    tcp_flow_lab_hear(lab, 6);
}

static void test_a_syn_alone_makes_nobody_dial(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    lab->inbound->client->stream.is_opening = true;
    engine_lab_pass(&lab->engine, 10ULL * SNIFF_MS);
    assert_int_equal(lab->proxy.accepted, 0);
    lab->inbound->client->stream.is_opening = false;
    engine_lab_pass(&lab->engine, SNIFF_MS);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, 1);
    tcp_flow_lab_say(lab, "late\r\n", 6);
    tcp_flow_lab_hear(lab, 6);
}

/* What may be the begin of a request is waited for as long as if it had come at once. */
static void test_a_late_word_without_an_end(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, 1);
    tcp_flow_lab_say(lab, "word", 4);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->heard_size, 0);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    tcp_flow_lab_hear(lab, 4);
}

static void test_a_late_hello_is_judged(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("ads.example", hello);

    tcp_flow_lab_knock(lab, "tun", WEB);
    engine_lab_pass(&lab->engine, 10ULL * SNIFF_MS);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, 1);
    engine_lab_pass(&lab->engine, 100ULL * SNIFF_MS);
    tcp_flow_lab_say(lab, hello, size);
    engine_lab_settle(&lab->engine);
    assert_true(lab->inbound->client->is_aborted);
    assert_string_equal(last_refusal(lab)->kind, "tls");
}

/* Half a hello is of no use to a server either. */
static void test_a_slow_hello_is_waited_for(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("ads.example", hello);

    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, hello, 40);
    engine_lab_pass(&lab->engine, 10ULL * SNIFF_MS);
    assert_int_equal(lab->proxy.accepted, 0);
    tcp_flow_lab_say(lab, hello + 40, size - 40);
    engine_lab_settle(&lab->engine);
    assert_true(lab->inbound->client->is_aborted);
    assert_string_equal(last_refusal(lab)->kind, "tls");
}

static void test_a_hello_without_an_end_is_given_up(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];

    tcp_flow_lab_hello("good.example", hello);
    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, hello, 40);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    engine_lab_pass(&lab->engine, HELLO_MS - 1);
    assert_false(lab->inbound->client->is_aborted);
    engine_lab_pass(&lab->engine, 1);
    assert_true(lab->inbound->client->is_aborted);
    assert_int_equal(lab->proxy.accepted, 0);
}

static void greet_first(struct loopback_peer *peer)
{
    if (loopback_socks5_greet(peer) && peer->size == 0)
        loopback_say(peer, "220 mail", 8);
}

/* Nobody may call that port his own: where the server begins, it begins. */
static void test_a_server_may_break_the_silence(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy.on_bytes = greet_first;
    tcp_flow_lab_knock(lab, "tun", WEB);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    tcp_flow_lab_hear(lab, 8);
    assert_memory_equal(lab->heard, "220 mail", 8);
    assert_int_equal(tcp_flow_lab_flow(lab)->state, FLOW_RELAYING);
}

static void test_silence_towards_a_blocked_names_address(void **state)
{
    struct tcp_flow_lab *lab = *state;

    remember(lab, "ads.example");
    tcp_flow_lab_knock(lab, "tun", WEB);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    assert_true(lab->inbound->client->is_aborted);
    assert_string_equal(last_refusal(lab)->kind, "address");
}

static void test_garbage_does_not_wait(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, "\1\2\3\4", 4);
    tcp_flow_lab_hear(lab, 4);
    assert_memory_equal(lab->heard, "\1\2\3\4", 4);
}

static void test_an_end_instead_of_words(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    fake_stream_end(lab->inbound->client, ERR_EOF);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_closed); /* the target heard it, and ended */
    assert_int_equal(lab->proxy.accepted, 1);
}

static void test_a_reset_while_sniffing(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    fake_stream_end(lab->inbound->client, -ECONNRESET);
    engine_lab_settle(&lab->engine);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_int_equal(lab->engine.traffic.flows.counters.failed, 0);
}

static void test_a_reset_while_dialing(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, "\1\2", 2);
    loop_run_once(lab->engine.loop, 0);
    fake_stream_end(lab->inbound->client, -ECONNRESET);
    engine_lab_settle(&lab->engine);
    assert_true(tcp_flow_lab_is_over(lab));
    assert_true(lab->inbound->client->is_aborted);
}

static void test_the_target_refuses_after_all(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy_code = 5;
    tcp_flow_lab_knock(lab, "tun", WEB);
    tcp_flow_lab_say(lab, "\1\2", 2);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_aborted);
    assert_int_equal(lab->engine.traffic.flows.counters.failed, 1);
}

/* --- HTTP --- */

static void test_a_request_passes(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy.on_bytes = serve_http;
    tcp_flow_lab_knock(lab, "tun", HTTP);
    say_request(lab, "good.example");
    tcp_flow_lab_hear(lab, sizeof(ok) - 1);
    assert_memory_equal(lab->heard, ok, sizeof(ok) - 1);
    assert_string_equal(tcp_flow_lab_flow(lab)->host, "good.example");
}

static void test_a_blocked_request_is_answered_and_nobody_is_dialed(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy.on_bytes = serve_http;
    tcp_flow_lab_knock(lab, "tun", HTTP);
    say_request(lab, "x.ads.example");
    tcp_flow_lab_hear(lab, 12);
    assert_memory_equal(lab->heard, "HTTP/1.1 403", 12);
    assert_string_equal(last_refusal(lab)->kind, "http");
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->proxy.accepted, 0);
    tcp_flow_lab_hear(lab, 12); /* all of the refusal */
    lab->heard_size = 0;
    say_request(lab, "good.example"); /* on the same connection */
    tcp_flow_lab_hear(lab, sizeof(ok) - 1);
    assert_memory_equal(lab->heard, ok, sizeof(ok) - 1);
}

static void test_one_that_was_refused_does_not_stay_for_ever(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", HTTP);
    say_request(lab, "ads.example");
    tcp_flow_lab_hear(lab, 12);
    engine_lab_pass(&lab->engine, REFUSED_MS);
    assert_true(lab->inbound->client->is_closed);
    assert_true(tcp_flow_lab_is_over(lab));
}

static void test_one_that_was_refused_leaves(void **state)
{
    struct tcp_flow_lab *lab = *state;

    tcp_flow_lab_knock(lab, "tun", HTTP);
    say_request(lab, "ads.example");
    fake_stream_end(lab->inbound->client, ERR_EOF);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_closed);
    tcp_flow_lab_hear(lab, 12);
    assert_memory_equal(lab->heard, "HTTP/1.1 403", 12);
    assert_true(tcp_flow_lab_is_over(lab));
}

/* Browsers open connections before they know what for. */
static void test_a_late_request_is_judged_too(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy.on_bytes = serve_http;
    tcp_flow_lab_knock(lab, "tun", HTTP);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    engine_lab_wait_size(&lab->engine, &lab->proxy.accepted, 1);
    engine_lab_settle(&lab->engine);
    say_request(lab, "ads.example");
    tcp_flow_lab_hear(lab, 12);
    assert_memory_equal(lab->heard, "HTTP/1.1 403", 12);
}

static void test_a_server_that_speaks_first(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy.on_bytes = greet_first;
    tcp_flow_lab_knock(lab, "tun", HTTP);
    engine_lab_pass(&lab->engine, SNIFF_MS);
    tcp_flow_lab_hear(lab, 8);
    assert_memory_equal(lab->heard, "220 mail", 8);
}

/* --- a client that named its target --- */

static void test_named_is_admitted_once_the_target_is_there(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("good.example", hello);

    tcp_flow_lab_knock(lab, "socks5", "good.example:443");
    assert_false(lab->inbound->is_admitted);
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    assert_int_equal(tcp_flow_lab_flow(lab)->state, FLOW_SNIFFING);
    tcp_flow_lab_say(lab, hello, size);
    tcp_flow_lab_hear(lab, size);
}

static void test_named_one_and_asks_for_another(void **state)
{
    struct tcp_flow_lab *lab = *state;
    uint8_t hello[512];
    size_t size = tcp_flow_lab_hello("ads.example", hello);

    tcp_flow_lab_knock(lab, "socks5", "good.example:443");
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    tcp_flow_lab_say(lab, hello, size);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_aborted);
    tcp_flow_lab_until(lab, &loopback_newest(&lab->proxy)->has_ended);
    assert_int_equal(loopback_newest(&lab->proxy)->size, 0); /* and heard nothing */
}

static void test_named_one_in_the_clear(void **state)
{
    struct tcp_flow_lab *lab = *state;

    lab->proxy.on_bytes = serve_http;
    tcp_flow_lab_knock(lab, "http", "good.example:80");
    tcp_flow_lab_until(lab, &lab->inbound->is_admitted);
    say_request(lab, "ads.example");
    tcp_flow_lab_hear(lab, 12);
    assert_memory_equal(lab->heard, "HTTP/1.1 403", 12);
    fake_stream_end(lab->inbound->client, ERR_EOF);
    tcp_flow_lab_until(lab, &lab->inbound->client->is_closed);
    tcp_flow_lab_until(lab, &loopback_newest(&lab->proxy)->has_ended);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, open_lab, tcp_flow_lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_a_hello_passes_as_it_came),
        lab_test(test_a_hello_in_pieces),
        lab_test(test_a_blocked_server_name_is_reset),
        lab_test(test_a_shared_address),
        lab_test(test_silence_is_let_through),
        lab_test(test_a_syn_alone_makes_nobody_dial),
        lab_test(test_a_late_word_without_an_end),
        lab_test(test_a_late_hello_is_judged),
        lab_test(test_a_slow_hello_is_waited_for),
        lab_test(test_a_hello_without_an_end_is_given_up),
        lab_test(test_a_server_may_break_the_silence),
        lab_test(test_silence_towards_a_blocked_names_address),
        lab_test(test_garbage_does_not_wait),
        lab_test(test_an_end_instead_of_words),
        lab_test(test_a_reset_while_sniffing),
        lab_test(test_a_reset_while_dialing),
        lab_test(test_the_target_refuses_after_all),
        lab_test(test_a_request_passes),
        lab_test(test_a_blocked_request_is_answered_and_nobody_is_dialed),
        lab_test(test_one_that_was_refused_does_not_stay_for_ever),
        lab_test(test_one_that_was_refused_leaves),
        lab_test(test_a_late_request_is_judged_too),
        lab_test(test_a_server_that_speaks_first),
        lab_test(test_named_is_admitted_once_the_target_is_there),
        lab_test(test_named_one_and_asks_for_another),
        lab_test(test_named_one_in_the_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
