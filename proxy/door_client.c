#define LOG_MODULE "door"
#include "proxy/door_client.h"

#include "base/err.h"
#include "base/log.h"
#include "proxy/door_http.h"
#include "proxy/door_socks.h"

#include <errno.h>
#include <stdlib.h>

enum { LINGER_MS = 2000, SOCKS_FIRST_BYTE = 5 };

static void on_inner_wake(void *owner)
{
    struct door_client *client = owner;
    int more;
    do {
        more = client->step(client);
    } while (more > 0);
    if (more < 0)
        door_client_free(client, false);
}

void door_client_set_step(struct door_client *client, door_step_fn *step)
{
    client->step = step;
    stream_set_owner(client->inner, on_inner_wake, client);
}

static void on_timeout(void *owner)
{
    struct door_client *client = owner;
    door_client_free(client, false);
}

void door_client_set_timeout(struct door_client *client, uint32_t timeout_ms)
{
    timer_stop(&client->timer);
    /* A connection that cannot be timed is still bounded by the others' limit. */
    if (timeout_ms > 0)
        (void)timer_start(&client->timer, timeout_ms);
}

int door_client_say(struct door_client *client, const void *data, size_t size)
{
    ssize_t taken = stream_write_bytes(client->inner, data, size);
    if (taken < 0)
        return (int)taken;
    return (size_t)taken == size ? 0 : -ENOBUFS;
}

static int look_at_first_byte(struct door_client *client)
{
    struct span span;
    int count = stream_peek(client->inner, &span, 1);
    if (count <= 0)
        return count;
    uint8_t first = span.data[0];
    if (first == SOCKS_FIRST_BYTE) {
        client->step = door_socks_step;
        return 1;
    }
    if ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z')) {
        client->step = door_http_step;
        return 1;
    }
    client->door->stats.bad_requests++;
    log_debug("neither SOCKS5 nor HTTP first_byte=0x%02x%s", first,
              first == 0x16 ? " hint=\"TLS is not spoken here\""
              : first == 4  ? " hint=\"SOCKS4 is not spoken here\""
                            : "");
    return ERR_PROTOCOL;
}

int door_client_read_away(struct door_client *client)
{
    struct span spans[STREAM_SPANS];
    int count = stream_peek(client->inner, spans, STREAM_SPANS);
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += spans[i].size;
    if (size == 0)
        return count;
    stream_consume(client->inner, size);
    /* There may be more; but others have their turn first. */
    door_client_set_step(client, client->step);
    return 0;
}

void door_client_linger(struct door_client *client)
{
    client->is_given_away = false;
    stream_finish(client->inner);
    door_client_set_timeout(client, LINGER_MS);
    door_client_set_step(client, door_client_read_away);
}

/* ---- the inbound ---- */

static int wait_for_answer(struct door_client *client)
{
    struct span span;
    if (client->is_gone || stream_peek(client->inner, &span, 1) >= 0)
        return 0;
    client->is_gone = true;
    if (client->inbound.on_gone)
        client->inbound.on_gone(client->inbound.owner);
    return 0;
}

static void on_admitted_wake(void *owner)
{
    struct door_client *client = owner;
    if (client->stream.on_wake)
        client->stream.on_wake(client->stream.owner);
}

static struct door_client *of_inbound(struct inbound *inbound)
{
    return (void *)((char *)inbound - offsetof(struct door_client, inbound));
}

static int client_admit(struct inbound *inbound, struct stream **ret)
{
    struct door_client *client = of_inbound(inbound);
    int err = client->is_gone ? -ECONNRESET : client->protocol->say_yes(client);
    if (err < 0) {
        door_client_free(client, true);
        return err;
    }
    stream_set_owner(client->inner, on_admitted_wake, client);
    *ret = &client->stream;
    return 0;
}

static void client_refuse(struct inbound *inbound, int err)
{
    struct door_client *client = of_inbound(inbound);
    if (client->is_gone)
        door_client_free(client, false);
    else
        client->protocol->say_no(client, err);
}

static const struct inbound_ops inbound_ops = {.admit = client_admit, .refuse = client_refuse};

void door_client_knock(struct door_client *client, const struct door_protocol *protocol,
                       const struct endpoint *target)
{
    struct door *door = client->door;
    client->protocol = protocol;
    client->is_given_away = true;
    client->inbound = (struct inbound){
        .ops = &inbound_ops,
        .door = protocol->name,
        .client = client->address,
        .local = client->local,
        .target = *target,
    };
    door_client_set_timeout(client, 0);
    door_client_set_step(client, wait_for_answer);
    door->events.on_inbound(door->owner, &client->inbound);
}

/* ---- the stream, once admitted ---- */

static struct door_client *of_stream(struct stream *stream)
{
    return (struct door_client *)stream; /* embedded first */
}

static int client_peek(struct stream *stream, struct span *ret, int max)
{
    return stream_peek(of_stream(stream)->inner, ret, max);
}

static void client_consume(struct stream *stream, size_t size)
{
    stream_consume(of_stream(stream)->inner, size);
}

static ssize_t client_write(struct stream *stream, const struct span *spans, int count)
{
    return stream_write(of_stream(stream)->inner, spans, count);
}

static int client_finish(struct stream *stream)
{
    return stream_finish(of_stream(stream)->inner);
}

static void client_close(struct stream *stream)
{
    door_client_free(of_stream(stream), false);
}

static void client_abort(struct stream *stream)
{
    door_client_free(of_stream(stream), true);
}

static const struct stream_ops stream_ops = {
    .peek = client_peek,
    .consume = client_consume,
    .write = client_write,
    .finish = client_finish,
    .close = client_close,
    .abort = client_abort,
};

/* ---- life ---- */

int door_client_new(struct door *door, struct stream *inner, const struct address *address,
                    const struct address *local)
{
    struct door_client *client = calloc(1, sizeof(*client));
    if (!client) {
        stream_abort(inner);
        return -ENOMEM;
    }
    client->door = door;
    client->loop = door->loop;
    client->inner = inner;
    client->address = *address;
    client->local = *local;
    stream_init(&client->stream, door->loop, &stream_ops);
    timer_init(&client->timer, door->loop, on_timeout, client);
    list_append(&door->clients, &client->node);
    door->stats.clients++;
    door_client_set_timeout(client, door->options.handshake_timeout_ms);
    door_client_set_step(client, look_at_first_byte);
    return 0;
}

void door_client_free(struct door_client *client, bool does_reset)
{
    if (client->door)
        client->door->stats.clients--;
    list_remove(&client->node);
    timer_stop(&client->timer);
    stream_done(&client->stream);
    if (does_reset)
        stream_abort(client->inner);
    else
        stream_close(client->inner);
    free(client);
}
