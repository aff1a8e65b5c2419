/* Questions that share a connection: answers in any order, ends at any moment, silence. */
#include "dns_peer.h"
#include "engine_lab.h"

#include "base/err.h"
#include "service/engine/dns_link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IDLE_MS = 15000, MANY = 1024 };

struct lab;

struct asker {
    struct lab *lab;
    struct dns_exchange exchange;
    uint8_t query[512];
    int done, err;
    uint16_t answer_id;
    struct asker *cancels; /* in on_done */
    bool again;            /* asks again when it failed, once */
};

struct lab {
    struct engine_lab engine;
    struct loopback_server server;
    struct dns_peer peer;
    struct dns_link *link;
    struct asker askers[MANY + 1];
    int done;
};

static int setup(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    struct dns_link_options options = {.idle_ms = IDLE_MS};

    engine_lab_open(&lab->engine);
    loopback_server_open(&lab->server, lab->engine.loop, dns_peer_answer, &lab->peer);
    options.server = endpoint_from_address(&lab->server.address);
    lab->link = dns_link_new(&lab->engine.traffic.connector, &options);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;

    dns_link_free(lab->link);
    loopback_server_close(&lab->server);
    engine_lab_close(&lab->engine);
    free(lab);
    return 0;
}

static void on_done(void *owner, int err, uint8_t *answer, size_t size)
{
    struct asker *asker = owner;

    asker->done++;
    asker->err = err;
    asker->lab->done++;
    if (err == 0) {
        assert_true(size > 12);
        asker->answer_id = (uint16_t)(answer[0] << 8 | answer[1]);
    } else {
        assert_null(answer);
    }
    if (asker->cancels)
        dns_exchange_cancel(&asker->cancels->exchange);
    if (err < 0 && asker->again) {
        asker->again = false;
        assert_int_equal(dns_link_start(asker->lab->link, &asker->exchange), 0);
    }
}

static int ask(struct lab *lab, size_t i)
{
    struct asker *asker = &lab->askers[i];
    ssize_t size = dns_message_query(7, "a.example", DNS_A, asker->query, sizeof(asker->query));

    asker->lab = lab;
    asker->exchange = (struct dns_exchange){
        .query = asker->query, .size = (size_t)size, .on_done = on_done, .owner = asker};
    return dns_link_start(lab->link, &asker->exchange);
}

static void ask_and_wait(struct lab *lab, size_t i)
{
    int before = lab->done;
    assert_int_equal(ask(lab, i), 0);
    engine_lab_wait(&lab->engine, &lab->done, before + 1);
}

/* --- answers --- */

static void test_one_connection_for_all(void **state)
{
    struct lab *lab = *state;

    for (size_t i = 0; i < 20; i++)
        assert_int_equal(ask(lab, i), 0);
    assert_int_equal(lab->done, 0);
    engine_lab_wait(&lab->engine, &lab->done, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(lab->askers[i].err, 0);
        assert_int_equal(lab->askers[i].answer_id, lab->askers[i].exchange.link_id);
    }
    ask_and_wait(lab, 20);
    assert_int_equal(lab->server.accepted, 1);
}

static void test_answers_in_pieces(void **state)
{
    struct lab *lab = *state;

    for (size_t cut = 1; cut < 5; cut++) {
        lab->peer.cut_at = cut;
        ask_and_wait(lab, cut);
        assert_int_equal(lab->askers[cut].err, 0);
    }
}

static void answer_backwards(struct loopback_peer *peer)
{
    size_t size = peer->size / 3; /* three that are alike but for their ids */

    if (peer->size < 4 || size < 2u + (size_t)(peer->got[0] << 8 | peer->got[1]))
        return;
    for (size_t i = 3; i-- > 0;) {
        uint8_t *message = peer->got + i * size;
        message[4] |= 0x80; /* QR */
        loopback_say(peer, message, size);
        loopback_say(peer, message, size); /* and once more, which nobody waits for */
    }
    loopback_use_up(peer, peer->size);
}

static void test_answers_in_any_order(void **state)
{
    struct lab *lab = *state;

    lab->server.on_bytes = answer_backwards;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ask(lab, i), 0);
    engine_lab_wait(&lab->engine, &lab->done, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(lab->askers[i].answer_id, lab->askers[i].exchange.link_id);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->done, 3);
}

static void test_only_so_many_at_a_time(void **state)
{
    struct lab *lab = *state;

    lab->peer.is_silent = true;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(ask(lab, i), 0);
    assert_int_equal(ask(lab, MANY), ERR_LIMIT);
    dns_exchange_cancel(&lab->askers[5].exchange);
    assert_int_equal(ask(lab, MANY), 0);
}

/* --- re-entrancy --- */

static void test_cancelled_by_the_one_before(void **state)
{
    struct lab *lab = *state;

    ask(lab, 0);
    lab->askers[0].cancels = &lab->askers[1];
    ask(lab, 1); /* its answer comes in the same read */
    ask(lab, 2);
    engine_lab_wait(&lab->engine, &lab->done, 2);
    engine_lab_settle(&lab->engine);
    assert_int_equal(lab->askers[1].done, 0);
    assert_int_equal(lab->askers[2].err, 0);
}

static void test_cancelled_by_the_one_before_as_all_fail(void **state)
{
    struct lab *lab = *state;

    lab->server.on_bytes = loopback_slam;
    ask(lab, 0);
    lab->askers[0].cancels = &lab->askers[1];
    ask(lab, 1);
    ask(lab, 2);
    engine_lab_wait(&lab->engine, &lab->done, 2);
    assert_int_equal(lab->askers[1].done, 0);
    assert_true(lab->askers[2].err < 0);
}

static void test_asked_again_as_all_fail(void **state)
{
    struct lab *lab = *state;

    lab->server.on_bytes = loopback_slam;
    for (size_t i = 0; i < 3; i++) {
        ask(lab, i);
        lab->askers[i].again = true;
    }
    engine_lab_wait(&lab->engine, &lab->done, 3);
    lab->server.on_bytes = dns_peer_answer;
    engine_lab_wait(&lab->engine, &lab->done, 6);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(lab->askers[i].err, 0);
    assert_int_equal(lab->server.accepted, 2); /* all on one new connection */
}

/* --- ends --- */

static void test_the_end_is_told_and_the_next_one_connects(void **state)
{
    struct lab *lab = *state;

    ask_and_wait(lab, 0);
    lab->peer.is_silent = true;
    ask(lab, 1);
    engine_lab_wait(&lab->engine, &lab->peer.questions, 2);
    loopback_server_hang_up(&lab->server);
    engine_lab_wait(&lab->engine, &lab->done, 2);
    assert_true(lab->askers[1].err < 0);
    lab->peer.is_silent = false;
    ask_and_wait(lab, 2);
    assert_int_equal(lab->askers[2].err, 0);
    assert_int_equal(lab->server.accepted, 2);
}

static void answer_half(struct loopback_peer *peer)
{
    loopback_say(peer, "\0\100half", 6);
    loopback_hang_up(peer);
}

static void test_an_end_in_the_middle_of_an_answer(void **state)
{
    struct lab *lab = *state;

    lab->server.on_bytes = answer_half;
    ask_and_wait(lab, 0);
    assert_true(lab->askers[0].err < 0);
}

static void test_an_unused_connection_is_closed(void **state)
{
    struct lab *lab = *state;

    ask_and_wait(lab, 0);
    engine_lab_pass(&lab->engine, IDLE_MS - 1);
    assert_false(list_is_empty(&lab->server.peers));
    engine_lab_pass(&lab->engine, 1);
    engine_lab_settle(&lab->engine);
    assert_true(list_is_empty(&lab->server.peers)); /* it heard the end */
    ask_and_wait(lab, 1);
    assert_int_equal(lab->askers[1].err, 0);
    assert_int_equal(lab->server.accepted, 2);
}

static void test_so_is_one_that_nobody_waits_for_any_more(void **state)
{
    struct lab *lab = *state;

    ask(lab, 0);
    dns_exchange_cancel(&lab->askers[0].exchange); /* while it is being connected */
    engine_lab_wait_size(&lab->engine, &lab->server.accepted, 1);
    engine_lab_settle(&lab->engine);
    engine_lab_pass(&lab->engine, IDLE_MS);
    engine_lab_settle(&lab->engine);
    assert_true(list_is_empty(&lab->server.peers));
    assert_int_equal(lab->done, 0);
}

static void test_without_an_upstream(void **state)
{
    struct lab *lab = *state;

    engine_lab_set_upstreams(&lab->engine, NULL, 0);
    assert_int_equal(ask(lab, 0), ERR_NO_UPSTREAM);
}

static void test_freed_in_the_middle(void **state)
{
    struct lab *lab = *state;

    ask(lab, 0);
    engine_lab_wait_size(&lab->engine, &lab->server.accepted, 1);
    ask(lab, 1);
}

/* --- silence --- */

static void test_a_dead_connection_is_given_up(void **state)
{
    struct lab *lab = *state;

    ask_and_wait(lab, 0);
    lab->peer.is_silent = true;
    ask(lab, 1);
    ask(lab, 2);
    engine_lab_wait(&lab->engine, &lab->peer.questions, 3);
    engine_lab_pass(&lab->engine, 5000);
    dns_exchange_give_up(&lab->askers[1].exchange);
    assert_int_equal(lab->done, 1); /* never from inside the call */
    engine_lab_wait(&lab->engine, &lab->done, 2);
    assert_int_equal(lab->askers[2].err, -ETIMEDOUT);
    assert_int_equal(lab->askers[1].done, 0);
    lab->peer.is_silent = false;
    ask_and_wait(lab, 3);
    assert_int_equal(lab->askers[3].err, 0);
    assert_int_equal(lab->server.accepted, 2);
}

static void test_one_that_answers_others_is_alive(void **state)
{
    struct lab *lab = *state;

    lab->peer.is_silent = true;
    ask(lab, 0);
    engine_lab_wait(&lab->engine, &lab->peer.questions, 1);
    lab->peer.is_silent = false;
    engine_lab_pass(&lab->engine, 5000);
    ask_and_wait(lab, 1);
    dns_exchange_give_up(&lab->askers[0].exchange);
    ask_and_wait(lab, 2);
    assert_int_equal(lab->server.accepted, 1);
}

/* A way that takes long to open must not be closed by those who lost patience meanwhile. */
static void test_so_is_one_that_was_just_opened(void **state)
{
    struct lab *lab = *state;

    lab->peer.is_silent = true;
    ask(lab, 0);
    engine_lab_wait(&lab->engine, &lab->peer.questions, 1);
    dns_exchange_give_up(&lab->askers[0].exchange);
    lab->peer.is_silent = false;
    ask_and_wait(lab, 1);
    assert_int_equal(lab->server.accepted, 1);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_one_connection_for_all),
        lab_test(test_answers_in_pieces),
        lab_test(test_answers_in_any_order),
        lab_test(test_only_so_many_at_a_time),
        lab_test(test_cancelled_by_the_one_before),
        lab_test(test_cancelled_by_the_one_before_as_all_fail),
        lab_test(test_asked_again_as_all_fail),
        lab_test(test_the_end_is_told_and_the_next_one_connects),
        lab_test(test_an_end_in_the_middle_of_an_answer),
        lab_test(test_an_unused_connection_is_closed),
        lab_test(test_so_is_one_that_nobody_waits_for_any_more),
        lab_test(test_without_an_upstream),
        lab_test(test_freed_in_the_middle),
        lab_test(test_a_dead_connection_is_given_up),
        lab_test(test_one_that_answers_others_is_alive),
        lab_test(test_so_is_one_that_was_just_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
