/* Associations: how they come about (associate.c), and the datagrams of one (socks_dgram.c). */
#include "base/err.h"
#include "proxy/dialer.h"
#include "proxy/socks5.h"
#include "proxy/socks_dgram.h"
#include "script_server.h"

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

#define GREETING "\x05\x01\x00"
#define CHOICE   "\x05\x00"
#define REQUEST  "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"

struct fixture {
    struct loop *loop;
    struct dialer *dialer;
    struct script_server server;
    struct upstream *upstream;
    struct associate *associate;
    int relay; /* the server's UDP socket, blocking */
    uint8_t reply[SOCKS5_MESSAGE_MAX];
    struct script_step steps[2];
    int done, err;
    struct dgram *dgram;
    unsigned received, ended;
    struct endpoint from;
    size_t size;
    uint8_t data[DGRAM_MAX_BYTES];
};

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct fixture *f = owner;
    f->received++;
    f->from = *peer;
    f->size = size;
    memcpy(f->data, data, size);
}

static void on_end(void *owner, int err)
{
    struct fixture *f = owner;
    assert_int_equal(err, ERR_EOF);
    f->ended++;
    dgram_close(f->dgram);
    f->dgram = NULL;
}

static void on_done(void *owner, struct dgram *dgram, int err)
{
    struct fixture *f = owner;
    assert_true((err == 0) == (dgram != NULL));
    f->done++;
    f->err = err;
    f->dgram = dgram;
    if (!dgram)
        return;
    dgram->on_datagram = on_datagram;
    dgram->on_end = on_end;
    dgram->owner = f;
}

/* The server's relay, and the script that tells its port with `ip`. */
static void open_server(struct fixture *f, const char *ip)
{
    const struct timeval patience = {.tv_sec = 5};
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    struct address bound;
    f->relay = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(f->relay, (struct sockaddr *)&where, sizeof(where)), 0);
    getsockname(f->relay, (struct sockaddr *)&where, &size);
    setsockopt(f->relay, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(address_parse_ip(ip, &bound), 0);
    bound.port = ntohs(where.sin_port);
    f->steps[0] = (struct script_step)SCRIPT_STEP(GREETING, CHOICE);
    f->steps[1] = (struct script_step)SCRIPT_STEP(REQUEST, "");
    f->steps[1].send = (const char *)f->reply;
    f->steps[1].send_size = socks5_build_reply(f->reply, SOCKS5_SUCCEEDED, &bound);
    script_server_open(&f->server, f->loop, f->steps, 2);
}

static void make_upstream(struct fixture *f, enum upstream_kind kind, bool has_udp)
{
    struct upstream_options options = {.name = "test", .kind = kind, .has_udp = has_udp};
    options.server = endpoint_from_address(&f->server.address);
    assert_int_equal(upstream_new(&options, &f->upstream), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct dialer_options options = {.connect_timeout_ms = 0};
    f->loop = loop_new();
    f->dialer = dialer_new(f->loop, &options);
    f->relay = -1;
    f->server.address = (struct address){.family = 4, .port = 9, .ip = {127, 0, 0, 1}};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dgram_close(f->dgram);
    upstream_unref(f->upstream);
    dialer_free(f->dialer);
    if (f->server.loop)
        script_server_close(&f->server);
    if (f->relay >= 0)
        close(f->relay);
    loop_run_once(f->loop, 0);
    loop_free(f->loop);
    free(f);
    return 0;
}

static int start(struct fixture *f)
{
    return associate_start(f->dialer, f->upstream, on_done, f, &f->associate);
}

static int associate(struct fixture *f)
{
    assert_int_equal(start(f), 0);
    assert_int_equal(f->done, 0);
    for (int i = 0; i < 3000 && !f->done; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(f->done, 1);
    return f->err;
}

static void wait_for(struct fixture *f, const unsigned *count, unsigned wanted)
{
    for (int i = 0; i < 3000 && *count < wanted; i++)
        loop_run_once(f->loop, 10);
    assert_int_equal(*count, wanted);
}

/* Send one to example.org:53 and see it arrive at the relay; says where it came from. */
static struct sockaddr_in send_one(struct fixture *f)
{
    static const char wanted[] = "\x00\x00\x00\x03\x0b"
                                 "example.org"
                                 "\x00\x35"
                                 "question";
    struct endpoint peer;
    char got[64];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    assert_int_equal(endpoint_parse("example.org:53", 0, &peer), 0);
    assert_int_equal(dgram_send(f->dgram, &peer, "question", 8), 0);
    assert_int_equal(recvfrom(f->relay, got, sizeof(got), 0, (struct sockaddr *)&from, &size),
                     sizeof(wanted) - 1);
    assert_memory_equal(got, wanted, sizeof(wanted) - 1);
    return from;
}

static void answer(struct fixture *f, const struct sockaddr_in *to, const char *data, size_t size)
{
    assert_int_equal(sendto(f->relay, data, size, 0, (const struct sockaddr *)to, sizeof(*to)),
                     size);
}

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    char text[ENDPOINT_TEXT_MAX];
    open_server(f, "127.0.0.1");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    struct sockaddr_in us = send_one(f);
    answer(f, &us,
           "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35"
           "answer",
           16);
    wait_for(f, &f->received, 1);
    assert_int_equal(f->size, 6);
    assert_memory_equal(f->data, "answer", 6);
    assert_string_equal(endpoint_format(&f->from, text), "192.0.2.7:53");
}

static void test_a_relay_at_the_unspecified_address(void **state)
{
    struct fixture *f = *state;
    open_server(f, "0.0.0.0");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    send_one(f);
}

static void test_fragments_and_rubbish_are_dropped(void **state)
{
    struct fixture *f = *state;
    open_server(f, "127.0.0.1");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    struct sockaddr_in us = send_one(f);
    answer(f, &us,
           "\x00\x00\x01\x01\xc0\x00\x02\x07\x00\x35"
           "part",
           14);
    answer(f, &us, "\x00\x00\x00\x09rubbish", 11);
    answer(f, &us, "\x00", 1);
    answer(f, &us, "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35", 10); /* an empty one */
    wait_for(f, &f->received, 1);
    assert_int_equal(f->size, 0);
}

static void test_only_the_relay_is_heard(void **state)
{
    struct fixture *f = *state;
    open_server(f, "127.0.0.1");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    struct sockaddr_in us = send_one(f);
    int stranger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sendto(stranger,
           "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35"
           "evil",
           14, 0, (struct sockaddr *)&us, sizeof(us));
    close(stranger);
    answer(f, &us,
           "\x00\x00\x00\x01\xc0\x00\x02\x07\x00\x35"
           "good",
           14);
    wait_for(f, &f->received, 1);
    assert_memory_equal(f->data, "good", 4);
}

/* The relay is UDP over IPv4 itself, so a header's size is lost from the largest. */
static void test_the_largest(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[DGRAM_MAX_BYTES], got[DGRAM_MAX_BYTES];
    struct endpoint peer;
    open_server(f, "127.0.0.1");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    struct sockaddr_in us = send_one(f);
    assert_int_equal(endpoint_parse("192.0.2.7:53", 0, &peer), 0);
    memset(data, 'x', sizeof(data));
    assert_int_equal(dgram_send(f->dgram, &peer, data, DGRAM_MAX_BYTES - 10), 0);
    assert_int_equal(recv(f->relay, got, sizeof(got), 0), DGRAM_MAX_BYTES);
    assert_int_equal(dgram_send(f->dgram, &peer, data, DGRAM_MAX_BYTES - 9), -EMSGSIZE);
    answer(f, &us, (const char *)got, DGRAM_MAX_BYTES);
    wait_for(f, &f->received, 1);
    assert_int_equal(f->size, DGRAM_MAX_BYTES - 10);
}

static void test_a_relay_that_is_gone_is_survived(void **state)
{
    struct fixture *f = *state;
    struct endpoint peer;
    open_server(f, "127.0.0.1");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    close(f->relay);
    f->relay = -1;
    assert_int_equal(endpoint_parse("192.0.2.7:53", 0, &peer), 0);
    for (int i = 0; i < 4; i++) {
        int err = dgram_send(f->dgram, &peer, "x", 1);
        assert_true(err == 0 || err == -EAGAIN);
        loop_run_once(f->loop, 0);
    }
}

static void test_ends_with_its_control_connection(void **state)
{
    struct fixture *f = *state;
    open_server(f, "127.0.0.1");
    f->server.end = SCRIPT_CLOSES;
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), 0);
    wait_for(f, &f->ended, 1);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    open_server(f, "127.0.0.1");
    f->reply[1] = SOCKS5_NO_COMMAND;
    make_upstream(f, UPSTREAM_SOCKS5, true);
    assert_int_equal(associate(f), ERR_UNSUPPORTED);
}

static void test_kinds_without_udp(void **state)
{
    struct fixture *f = *state;
    make_upstream(f, UPSTREAM_SOCKS5, false);
    assert_int_equal(start(f), ERR_UNSUPPORTED);
    upstream_unref(f->upstream);
    make_upstream(f, UPSTREAM_HTTP, true);
    assert_int_equal(start(f), ERR_UNSUPPORTED);
    upstream_unref(f->upstream);
    make_upstream(f, UPSTREAM_BLOCK, false);
    assert_int_equal(associate(f), ERR_BLOCKED);
}

static void test_direct(void **state)
{
    struct fixture *f = *state;
    make_upstream(f, UPSTREAM_DIRECT, false);
    assert_int_equal(associate(f), 0);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    open_server(f, "127.0.0.1");
    make_upstream(f, UPSTREAM_SOCKS5, true);
    for (int turns = 0; turns < 4; turns++) {
        assert_int_equal(start(f), 0);
        associate_cancel(f->associate);
    }
    upstream_unref(f->upstream);
    make_upstream(f, UPSTREAM_DIRECT, true);
    assert_int_equal(start(f), 0);
    associate_cancel(f->associate);
    associate_cancel(NULL);
    loop_run_once(f->loop, 0);
    assert_int_equal(f->done, 0);
}

static struct address address_of(const char *text)
{
    struct address address = {.family = 0};
    assert_int_equal(address_parse(text, &address), 0);
    return address;
}

static void check_relay(const char *server_text, const char *bound_text, const char *wanted)
{
    struct address server = address_of(server_text), bound = address_of(bound_text), relay;
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(socks_dgram_find_relay(&server, &bound, &relay), 0);
    assert_string_equal(address_format(&relay, text), wanted);
}

static void test_where_the_relay_is(void **state)
{
    struct address server = address_of("192.0.2.1:1080"), bound = {.family = 0}, relay;
    (void)state;
    check_relay("192.0.2.1:1080", "198.51.100.1:7000", "198.51.100.1:7000");
    check_relay("192.0.2.1:1080", "0.0.0.0:7000", "192.0.2.1:7000");
    check_relay("192.0.2.1:1080", "[::]:7000", "192.0.2.1:7000");
    check_relay("192.0.2.1:1080", "10.0.0.1:7000", "192.0.2.1:7000");
    check_relay("10.0.0.2:1080", "10.0.0.1:7000", "10.0.0.1:7000");
    assert_int_equal(socks_dgram_find_relay(&server, &bound, &relay), ERR_PROTOCOL);
}

#define associate_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        associate_test(test_there_and_back),
        associate_test(test_a_relay_at_the_unspecified_address),
        associate_test(test_fragments_and_rubbish_are_dropped),
        associate_test(test_only_the_relay_is_heard),
        associate_test(test_the_largest),
        associate_test(test_a_relay_that_is_gone_is_survived),
        associate_test(test_ends_with_its_control_connection),
        associate_test(test_refused),
        associate_test(test_kinds_without_udp),
        associate_test(test_direct),
        associate_test(test_cancel),
        cmocka_unit_test(test_where_the_relay_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
