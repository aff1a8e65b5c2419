#include "service/engine/dns_link.h"

#include "adblock/dns_message.h"
#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Questions on one connection at a time; more than a server answers in a second. */
enum { EXCHANGES_MAX = 1024, OUTPUT_MAX_BYTES = 256 * 1024 };

struct dns_link {
    struct connector *connector;
    struct dns_link_options options;
    struct connect *connect; /* while dialing */
    struct stream *stream;   /* while open */
    struct buf output;       /* questions that the stream has not taken yet */
    struct list exchanges;   /* all under way */
    size_t count;
    struct dns_exchange *by_slot[EXCHANGES_MAX]; /* an id's low bits are its slot */
    size_t next_slot;
    struct timer idle;
    uint8_t message[DNS_MESSAGE_MAX + 2];
};

static void on_stream(void *owner);

static void on_idle(void *owner)
{
    struct dns_link *link = owner;
    stream_close(link->stream);
    link->stream = NULL;
    buf_done(&link->output);
    buf_init(&link->output, loop_chunks(link->connector->loop), OUTPUT_MAX_BYTES);
}

struct dns_link *dns_link_new(struct connector *connector, const struct dns_link_options *options)
{
    struct dns_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->connector = connector;
    link->options = *options;
    list_init(&link->exchanges);
    buf_init(&link->output, loop_chunks(connector->loop), OUTPUT_MAX_BYTES);
    timer_init(&link->idle, connector->loop, on_idle, link);
    return link;
}

static void detach(struct dns_exchange *exchange)
{
    struct dns_link *link = exchange->link;

    link->by_slot[exchange->link_id % EXCHANGES_MAX] = NULL;
    link->count--;
    list_remove(&exchange->node);
    exchange->link = NULL;
    if (link->count == 0 && link->stream)
        timer_start(&link->idle, link->options.idle_ms);
}

static void drop_connection(struct dns_link *link)
{
    connect_cancel(link->connect);
    link->connect = NULL;
    stream_abort(link->stream);
    link->stream = NULL;
    timer_stop(&link->idle);
    buf_done(&link->output);
    buf_init(&link->output, loop_chunks(link->connector->loop), OUTPUT_MAX_BYTES);
}

void dns_link_free(struct dns_link *link)
{
    if (!link)
        return;
    list_each(node, &link->exchanges)
        detach(list_item(node, struct dns_exchange, node));
    drop_connection(link);
    buf_done(&link->output);
    free(link);
}

/* The connection broke: everything under way learns it. New questions that come meanwhile, from
 * those very calls, belong to the next connection, so the list is taken first. */
static void fail_all(struct dns_link *link, int err)
{
    struct list failed;

    list_init(&failed);
    drop_connection(link);
    list_splice(&failed, &link->exchanges);
    while (!list_is_empty(&failed)) {
        struct dns_exchange *exchange = list_item(failed.next, struct dns_exchange, node);
        detach(exchange);
        exchange->on_done(exchange->owner, err, NULL, 0);
    }
}

static int put_query(struct dns_link *link, const struct dns_exchange *exchange)
{
    uint8_t head[4] = {(uint8_t)(exchange->size >> 8), (uint8_t)exchange->size,
                       (uint8_t)(exchange->link_id >> 8), (uint8_t)exchange->link_id};

    if (buf_room(&link->output) < exchange->size + 2)
        return ERR_LIMIT;
    if (buf_put(&link->output, head, sizeof(head)) < 0)
        return -ENOMEM;
    return buf_put(&link->output, exchange->query + 2, exchange->size - 2) < 0 ? -ENOMEM : 0;
}

static int flush(struct dns_link *link)
{
    struct span spans[STREAM_SPANS];
    int count;

    while ((count = buf_peek(&link->output, spans, STREAM_SPANS)) > 0) {
        ssize_t taken = stream_write(link->stream, spans, count);
        if (taken <= 0)
            return (int)taken;
        buf_consume(&link->output, (size_t)taken);
    }
    return 0;
}

/* One whole message, out of the stream into link->message. Its size, 0 for not yet, or < 0. */
static ssize_t read_message(struct dns_link *link)
{
    ssize_t got = stream_gather(link->stream, link->message, sizeof(link->message));
    size_t size;

    if (got < 2)
        return got < 0 ? got : 0;
    size = (size_t)link->message[0] << 8 | link->message[1];
    if ((size_t)got < size + 2)
        return 0;
    stream_consume(link->stream, size + 2);
    return size < 12 ? ERR_PROTOCOL : (ssize_t)size;
}

static void hand_out(struct dns_link *link, uint8_t *answer, size_t size)
{
    uint16_t id = (uint16_t)(answer[0] << 8 | answer[1]);
    struct dns_exchange *exchange = link->by_slot[id % EXCHANGES_MAX];

    if (!exchange || exchange->link_id != id)
        return; /* late, or never asked */
    detach(exchange);
    exchange->on_done(exchange->owner, 0, answer, size);
}

static void on_stream(void *owner)
{
    struct dns_link *link = owner;
    ssize_t size = flush(link);

    while (size >= 0 && link->stream && (size = read_message(link)) > 0)
        hand_out(link, link->message + 2, (size_t)size);
    if (size < 0 && link->stream)
        fail_all(link, (int)size);
}

static int open_stream(struct dns_link *link, struct stream *stream)
{
    const struct dns_link_options *options = &link->options;
    struct tls_options tls = {
        .name = options->tls_name, .ca_file = options->tls_ca_file, .alpn = "dot"};
    char address[ADDRESS_TEXT_MAX];
    int err = 0;

    if (!tls.name)
        tls.name = address_format_ip(&options->server.address, address);
    if (options->is_tls)
        err = tls_stream_new(link->connector->loop, stream, &tls, &stream);
    if (err < 0)
        return err;
    link->stream = stream;
    stream_set_owner(stream, on_stream, link);
    return 0;
}

static void on_connected(void *owner, struct stream *stream, struct upstream *upstream, int err)
{
    struct dns_link *link = owner;

    (void)upstream;
    link->connect = NULL;
    if (err == 0)
        err = open_stream(link, stream);
    if (err < 0)
        fail_all(link, err);
    else
        on_stream(link);
}

static int take_slot(struct dns_link *link, struct dns_exchange *exchange)
{
    uint16_t random;

    if (link->count >= EXCHANGES_MAX)
        return ERR_LIMIT;
    while (link->by_slot[link->next_slot])
        link->next_slot = (link->next_slot + 1) % EXCHANGES_MAX;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -errno;
    exchange->link_id = (uint16_t)(random - random % EXCHANGES_MAX + link->next_slot);
    link->by_slot[link->next_slot] = exchange;
    link->next_slot = (link->next_slot + 1) % EXCHANGES_MAX;
    return 0;
}

static int ensure_connection(struct dns_link *link)
{
    if (link->stream || link->connect)
        return 0;
    return connect_start(link->connector, &link->options.server, on_connected, link,
                         &link->connect);
}

int dns_link_start(struct dns_link *link, struct dns_exchange *exchange)
{
    int err = ensure_connection(link);

    if (err == 0)
        err = take_slot(link, exchange);
    if (err < 0)
        return err;
    exchange->link = link;
    list_append(&link->exchanges, &exchange->node);
    link->count++;
    timer_stop(&link->idle);
    err = put_query(link, exchange);
    if (err < 0) {
        detach(exchange);
        return err;
    }
    if (link->stream)
        stream_signal(link->stream); /* flush, and find an error, from the loop */
    return 0;
}

void dns_exchange_cancel(struct dns_exchange *exchange)
{
    if (exchange->link)
        detach(exchange);
}
