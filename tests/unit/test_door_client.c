#include "proxy/door_client.h"

#include "base/err.h"
#include "tests/fake/fake_stream.h"
#include "tests/unit/stream_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* An admitted client is a stream, whatever way it came; all of them keep the contract. */
struct way {
    const char *request,
        *reply;               /* said by the client; what it hears before the stream is its own */
    const char *server_says;  /* and what the server's side writes for it to hear that */
    const char *server_hears; /* before the stream is its own */
};

enum { CAPACITY = 64 * 1024 };

static struct inbound *knocking;

static void on_inbound(void *owner, struct inbound *inbound)
{
    (void)owner;
    knocking = inbound;
}

static void turn(struct loop *loop)
{
    for (int i = 0; i < 10; i++)
        loop_run_once(loop, 0);
}

static void say(struct stream *stream, const char *text)
{
    assert_int_equal(stream_write_bytes(stream, text, strlen(text)), strlen(text));
}

static void hear(struct stream *stream, const char *text)
{
    char got[256] = "";
    assert_true(stream_gather(stream, got, sizeof(got) - 1) > 0);
    assert_string_equal(got, text);
    stream_consume(stream, strlen(text));
}

static struct door *open_door(struct loop *loop)
{
    static const struct door_events events = {.on_inbound = on_inbound};
    static const struct door_options options = {
        .clients_max = 4, .buffer_bytes = CAPACITY, .handshake_timeout_ms = 5000};
    struct door *door;
    assert_int_equal(door_open(loop, NULL, 0, &options, &events, NULL, &door), 0);
    return door;
}

static int open_pair(void *owner, struct loop *loop, struct contract_pair *ret)
{
    static const struct address here = {.family = 4, .port = 1080, .ip = {127, 0, 0, 1}};
    const struct way *way = owner;
    struct fake_stream *near, *far;
    struct door *door = open_door(loop);
    fake_stream_new_pair(loop, CAPACITY, &near, &far);
    fake_stream_free(near); /* the door has the other reference */
    assert_int_equal(door_client_new(door, &near->stream, &here, &here), 0);
    say(&far->stream, way->request);
    turn(loop);
    assert_int_equal(inbound_admit(knocking, &ret->stream), 0);
    door_close(door);
    if (way->server_hears)
        hear(ret->stream, way->server_hears);
    if (way->server_says)
        say(ret->stream, way->server_says);
    turn(loop);
    hear(&far->stream, way->reply);
    fake_stream_free(far);
    return contract_remote_from_stream(&far->stream, &ret->remote);
}

int main(void)
{
    static const struct way tunnel = {
        .request = "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        .reply = "HTTP/1.1 200 Connection established\r\n\r\n",
    };
    static const struct way websocket = {
        .request = "GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                   "Upgrade: websocket\r\n\r\n",
        .server_hears = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\n\r\n",
        .server_says = "HTTP/1.1 101 Go\r\n\r\n",
        .reply = "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    };
    const struct stream_contract tunnels = {
        .name = "door: tunnel", .open = open_pair, .owner = (void *)&tunnel};
    const struct stream_contract websockets = {
        .name = "door: websocket", .open = open_pair, .owner = (void *)&websocket};
    return stream_contract_run(&tunnels) + stream_contract_run(&websockets);
}
