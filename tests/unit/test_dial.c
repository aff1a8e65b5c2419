#include "proxy/dialer.h"

#include "base/err.h"
#include "script_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct dialer *dialer;
    struct script_server server;
    struct upstream *upstream;
    struct dial *dial;
    int done; /* how often */
    int err;
    struct stream *stream;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct dialer_options options = {.connect_timeout_ms = 3000};
    f->loop = loop_new();
    f->dialer = dialer_new(f->loop, &options);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    stream_abort(f->stream);
    upstream_unref(f->upstream);
    dialer_free(f->dialer);
    if (f->server.loop)
        script_server_close(&f->server);
    loop_run_once(f->loop, 0);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void make_upstream(struct fixture *f, struct upstream_options options)
{
    options.name = "test";
    options.server = endpoint_from_address(&f->server.address);
    assert_int_equal(upstream_new(&options, &f->upstream), 0);
}

#define serve(f, ...)                                                                              \
    static const struct script_step steps[] = {__VA_ARGS__};                                       \
    script_server_open(&(f)->server, (f)->loop, steps, sizeof(steps) / sizeof(steps[0]))

#define make_upstream(f, ...) make_upstream(f, (struct upstream_options){__VA_ARGS__})

static void on_done(void *owner, struct stream *stream, int err)
{
    struct fixture *f = owner;
    assert_true((err == 0) == (stream != NULL));
    f->done++;
    f->err = err;
    f->stream = stream;
    f->dial = NULL;
}

static int start(struct fixture *f, const char *target)
{
    struct endpoint endpoint;
    assert_int_equal(endpoint_parse(target, 0, &endpoint), 0);
    return dial_start(f->dialer, f->upstream, &endpoint, on_done, f, &f->dial);
}

static int dial(struct fixture *f, const char *target)
{
    assert_int_equal(start(f, target), 0);
    assert_int_equal(f->done, 0); /* from the loop alone */
    for (int i = 0; i < 2000 && !f->done; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(f->done, 1);
    return f->err;
}

static void ignore_wake(void *owner)
{
    (void)owner;
}

static void assert_unread(struct fixture *f, const char *text)
{
    char got[64];
    ssize_t size = 0;
    stream_set_owner(f->stream, ignore_wake, f);
    for (int i = 0; i < 3000 && size < (ssize_t)strlen(text); i++) {
        loop_run_once(f->loop, 10);
        size = stream_gather(f->stream, got, sizeof(got));
        assert_true(size >= 0);
    }
    assert_int_equal(size, strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

#define GREETING "\x05\x01\x00"
#define CHOICE   "\x05\x00"
#define REQUEST                                                                                    \
    "\x05\x01\x00\x03\x0b"                                                                         \
    "example.com"                                                                                  \
    "\x00\x50"
#define REPLY "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"

static void test_socks5(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, CHOICE), SCRIPT_STEP(REQUEST, REPLY), SCRIPT_STEP("hi", "ho"));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_int_equal(stream_write_bytes(f->stream, "hi", 2), 2);
    assert_unread(f, "ho");
}

static void test_what_follows_the_reply_stays(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, CHOICE), SCRIPT_STEP(REQUEST, REPLY "220 ready\r\n"));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_unread(f, "220 ready\r\n");
}

static void test_one_byte_at_a_time(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, CHOICE), SCRIPT_STEP(REQUEST, REPLY "220"));
    f->server.drips = true;
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_unread(f, "220");
}

static void test_login(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP("\x05\x02\x00\x02", "\x05\x02"),
          SCRIPT_STEP("\x01\x04user\x06secret", "\x01\x00"), SCRIPT_STEP(REQUEST, REPLY));
    make_upstream(f, .kind = UPSTREAM_SOCKS5, .user = "user", .password = "secret");
    assert_int_equal(dial(f, "example.com:80"), 0);
}

static void test_login_not_asked_for(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP("\x05\x02\x00\x02", CHOICE), SCRIPT_STEP(REQUEST, REPLY));
    make_upstream(f, .kind = UPSTREAM_SOCKS5, .user = "user", .password = "secret");
    assert_int_equal(dial(f, "example.com:80"), 0);
}

static void test_login_refused(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP("\x05\x02\x00\x02", "\x05\x02"),
          SCRIPT_STEP("\x01\x04user\x05wrong", "\x01\x01"));
    f->server.end = SCRIPT_CLOSES;
    make_upstream(f, .kind = UPSTREAM_SOCKS5, .user = "user", .password = "wrong");
    assert_int_equal(dial(f, "example.com:80"), ERR_AUTH);
}

static void test_login_wanted_and_none_there(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, "\x05\xff"));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), ERR_AUTH);
}

static void test_pipelined(void **state)
{
    struct fixture *f = *state;
    serve(f,
          SCRIPT_STEP("\x05\x01\x02\x01\x04user\x06secret" REQUEST, "\x05\x02\x01\x00" REPLY "!"));
    make_upstream(f, .kind = UPSTREAM_SOCKS5, .user = "user", .password = "secret",
                  .is_pipelined = true);
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_unread(f, "!");
}

static void test_pipelined_without_login(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING REQUEST, CHOICE REPLY));
    make_upstream(f, .kind = UPSTREAM_SOCKS5, .is_pipelined = true);
    assert_int_equal(dial(f, "example.com:80"), 0);
}

static void test_target_refused(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, CHOICE), SCRIPT_STEP(REQUEST, "\x05\x05"));
    f->server.end = SCRIPT_CLOSES;
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), ERR_TARGET_REFUSED);
}

static void test_not_a_socks_server(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, "HTTP/1.1 400 Bad Request\r\n\r\n"));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), ERR_PROTOCOL);
}

static void test_closed_in_the_middle(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, CHOICE), SCRIPT_STEP(REQUEST, "\x05\x00\x00"));
    f->server.end = SCRIPT_CLOSES;
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), ERR_EOF);
}

static void test_reset_in_the_middle(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, ""));
    f->server.end = SCRIPT_RESETS;
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    assert_int_equal(dial(f, "example.com:80"), -ECONNRESET);
}

static void test_a_silent_server_runs_into_the_deadline(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, ""));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    loop_fake_clock(f->loop, 1000);
    assert_int_equal(start(f, "example.com:80"), 0);
    for (int i = 0; i < 1000 && f->server.done == 0; i++)
        loop_run_once(f->loop, 1);
    loop_fake_clock(f->loop, 1000 + 7999);
    loop_run_once(f->loop, 0);
    assert_int_equal(f->done, 0);
    loop_fake_clock(f->loop, 1000 + 8000);
    loop_run_once(f->loop, 0);
    assert_int_equal(f->done, 1);
    assert_int_equal(f->err, -ETIMEDOUT);
}

static void test_the_next_address(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(GREETING, CHOICE), SCRIPT_STEP(REQUEST, REPLY));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    const struct address addresses[] = {
        {.family = 4, .ip = {127, 0, 0, 2}}, /* nobody listens here */
        {.family = 4, .ip = {127, 0, 0, 1}},
    };
    upstream_set_addresses(f->upstream, addresses, 2);
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_int_equal(f->server.accepted, 1);
}

static void test_nobody_listens(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP("", ""));
    make_upstream(f, .kind = UPSTREAM_SOCKS5);
    const struct address nowhere = {.family = 4, .ip = {127, 0, 0, 2}};
    upstream_set_addresses(f->upstream, &nowhere, 1);
    assert_int_equal(dial(f, "example.com:80"), -ECONNREFUSED);
    upstream_set_addresses(f->upstream, &nowhere, 0);
    assert_int_equal(start(f, "example.com:80"), -EHOSTUNREACH);
}

#define CONNECT "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n"

static void test_http(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(CONNECT "Proxy-Authorization: Basic YTpiYw==\r\n\r\n",
                         "HTTP/1.1 100 Continue\r\n\r\n"
                         "HTTP/1.0 200 Connection established\r\nX: y\r\n\r\nSSH-2.0"));
    make_upstream(f, .kind = UPSTREAM_HTTP, .user = "a", .password = "bc");
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_unread(f, "SSH-2.0");
}

static void test_http_one_byte_at_a_time(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(CONNECT "\r\n", "HTTP/1.1 200 OK\r\n\r\nSSH"));
    f->server.drips = true;
    make_upstream(f, .kind = UPSTREAM_HTTP);
    assert_int_equal(dial(f, "example.com:80"), 0);
    assert_unread(f, "SSH");
}

static void test_http_says_no(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(CONNECT "\r\n", "HTTP/1.1 407 Proxy Authentication Required\r\n"
                                         "Content-Length: 0\r\n\r\n"));
    make_upstream(f, .kind = UPSTREAM_HTTP);
    assert_int_equal(dial(f, "example.com:80"), ERR_AUTH);
}

static void test_http_cannot_reach_it(void **state)
{
    struct fixture *f = *state;
    serve(f, SCRIPT_STEP(CONNECT "\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\nsorry"));
    f->server.end = SCRIPT_CLOSES;
    make_upstream(f, .kind = UPSTREAM_HTTP);
    assert_int_equal(dial(f, "example.com:80"), ERR_TARGET_UNREACHABLE);
}

static void test_http_endless_head(void **state)
{
    struct fixture *f = *state;
    static char head[20000] = "HTTP/1.1 200 OK\r\nX: ";
    static struct script_step step = {.send = head, .send_size = sizeof(head)};
    memset(head + strlen(head), 'x', sizeof(head) - strlen(head));
    script_server_open(&f->server, f->loop, &step, 1);
    make_upstream(f, .kind = UPSTREAM_HTTP);
    assert_int_equal(dial(f, "example.com:80"), ERR_PROTOCOL);
}

static void test_direct(void **state)
{
    struct fixture *f = *state;
    char target[ADDRESS_TEXT_MAX];
    serve(f, SCRIPT_STEP("hi", "ho"));
    make_upstream(f, .kind = UPSTREAM_DIRECT);
    assert_int_equal(dial(f, address_format(&f->server.address, target)), 0);
    assert_int_equal(stream_write_bytes(f->stream, "hi", 2), 2);
    assert_unread(f, "ho");
}

static void test_direct_failures_are_the_targets(void **state)
{
    struct fixture *f = *state;
    const struct upstream_options options = {.name = "direct", .kind = UPSTREAM_DIRECT};
    assert_int_equal(upstream_new(&options, &f->upstream), 0);
    assert_int_equal(start(f, "example.com:80"), -EINVAL);
    assert_int_equal(dial(f, "127.0.0.2:9"), ERR_TARGET_REFUSED);
}

static void test_block(void **state)
{
    struct fixture *f = *state;
    const struct upstream_options options = {.name = "block", .kind = UPSTREAM_BLOCK};
    assert_int_equal(upstream_new(&options, &f->upstream), 0);
    assert_int_equal(dial(f, "example.com:80"), ERR_BLOCKED);
}

/* Given up after every number of turns until it would have been done. */
static void test_cancel_at_any_moment(void **state)
{
    struct fixture *f = *state;
    static const struct script_step steps[] = {SCRIPT_STEP(GREETING, CHOICE),
                                               SCRIPT_STEP(REQUEST, REPLY)};
    int turns = 0;
    do {
        script_server_open(&f->server, f->loop, steps, 2);
        f->server.drips = true;
        make_upstream(f, .kind = UPSTREAM_SOCKS5);
        assert_int_equal(start(f, "example.com:80"), 0);
        for (int i = 0; i < turns && !f->done; i++)
            loop_run_once(f->loop, 100);
        if (!f->done) {
            dial_cancel(f->dial);
            loop_run_once(f->loop, 0);
            assert_int_equal(f->done, 0);
            script_server_close(&f->server);
            f->server.loop = NULL;
            upstream_unref(f->upstream);
            f->upstream = NULL;
        }
        turns++;
    } while (!f->done && turns < 1000);
    assert_int_equal(f->err, 0);
    dial_cancel(NULL);
}

#define dial_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        dial_test(test_socks5),
        dial_test(test_what_follows_the_reply_stays),
        dial_test(test_one_byte_at_a_time),
        dial_test(test_login),
        dial_test(test_login_not_asked_for),
        dial_test(test_login_refused),
        dial_test(test_login_wanted_and_none_there),
        dial_test(test_pipelined),
        dial_test(test_pipelined_without_login),
        dial_test(test_target_refused),
        dial_test(test_not_a_socks_server),
        dial_test(test_closed_in_the_middle),
        dial_test(test_reset_in_the_middle),
        dial_test(test_a_silent_server_runs_into_the_deadline),
        dial_test(test_the_next_address),
        dial_test(test_nobody_listens),
        dial_test(test_http),
        dial_test(test_http_one_byte_at_a_time),
        dial_test(test_http_says_no),
        dial_test(test_http_cannot_reach_it),
        dial_test(test_http_endless_head),
        dial_test(test_direct),
        dial_test(test_direct_failures_are_the_targets),
        dial_test(test_block),
        dial_test(test_cancel_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
