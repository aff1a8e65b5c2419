#include "service/engine/dns_link.h"

#include "adblock/dns_message.h"
#include "base/buf.h"
#include "base/err.h"
#include "service/engine/dns_frame.h"
#include "service/engine/doh_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Questions on one connection at a time; more than a server answers in a second. */
enum { EXCHANGES_MAX = 1024, OUTPUT_MAX_BYTES = 256 * 1024 };
enum { TURN_ANSWERS = 256 }; /* before other flows get their turn */
/* A connection that was open for so long and on which nothing came since a question that was given
 * up is dead: whoever carries it may go on to take what we say for ever. */
enum { DEAD_AFTER_MS = 2000 };

struct dns_link {
    struct connector *connector;
    struct dns_link_options options;
    struct connect *connect; /* while dialing */
    struct stream *stream;   /* while open */
    struct buf output;       /* questions that the stream has not taken yet */
    struct dns_frames input;
    uint64_t opened_at_ms, heard; /* when the connection was made; messages on it */
    struct list exchanges;        /* all under way */
    size_t count;
    struct dns_exchange *by_slot[EXCHANGES_MAX]; /* an id's low bits are its slot */
    size_t next_slot;
    struct list failed; /* still counted, but their connection is gone; err says why */
    int err;
    struct deferred tell_failed;
    struct timer idle;
};

static void on_stream(void *owner);
static void tell_failed(void *owner);

static void forget_bytes(struct dns_link *link)
{
    buf_done(&link->output);
    buf_init(&link->output, loop_chunks(link->connector->loop), OUTPUT_MAX_BYTES);
    dns_frames_done(&link->input);
}

static void on_idle(void *owner)
{
    struct dns_link *link = owner;
    stream_close(link->stream);
    link->stream = NULL;
    forget_bytes(link);
}

struct dns_link *dns_link_new(struct connector *connector, const struct dns_link_options *options)
{
    struct dns_link *link = calloc(1, sizeof(*link));
    if (!link)
        return NULL;
    link->connector = connector;
    link->options = *options;
    list_init(&link->exchanges);
    list_init(&link->failed);
    buf_init(&link->output, loop_chunks(connector->loop), OUTPUT_MAX_BYTES);
    deferred_init(&link->tell_failed, connector->loop, tell_failed, link);
    timer_init(&link->idle, connector->loop, on_idle, link);
    return link;
}

static void start_idle(struct dns_link *link)
{
    if (link->count == 0 && link->stream)
        timer_start(&link->idle, link->options.idle_ms);
}

static void detach(struct dns_exchange *exchange)
{
    struct dns_link *link = exchange->link;

    link->by_slot[exchange->link_id % EXCHANGES_MAX] = NULL;
    link->count--;
    list_remove(&exchange->node);
    exchange->link = NULL;
    start_idle(link);
}

/* Everything under way fails, but is not told yet; what starts from now on belongs to the next
 * connection. */
static void drop_connection(struct dns_link *link, int err)
{
    connect_cancel(link->connect);
    link->connect = NULL;
    stream_abort(link->stream);
    link->stream = NULL;
    timer_stop(&link->idle);
    forget_bytes(link);
    list_splice(&link->failed, &link->exchanges);
    link->err = err;
}

void dns_link_free(struct dns_link *link)
{
    if (!link)
        return;
    drop_connection(link, -ECANCELED);
    list_each(node, &link->failed)
        detach(list_item(node, struct dns_exchange, node));
    deferred_cancel(&link->tell_failed);
    buf_done(&link->output);
    free(link);
}

static void tell_failed(void *owner)
{
    struct dns_link *link = owner;
    struct list failed, *node;

    list_init(&failed);
    list_splice(&failed, &link->failed);
    while ((node = list_take_first(&failed))) {
        struct dns_exchange *exchange = list_item(node, struct dns_exchange, node);
        detach(exchange);
        exchange->on_done(exchange->owner, link->err, NULL, 0);
    }
}

static void fail_all(struct dns_link *link, int err)
{
    drop_connection(link, err);
    tell_failed(link);
}

static int put_query(struct dns_link *link, const struct dns_exchange *exchange)
{
    uint8_t query[DNS_MESSAGE_MAX];

    if (exchange->size > sizeof(query))
        return -EMSGSIZE;
    memcpy(query, exchange->query, exchange->size);
    dns_message_set_id(query, exchange->link_id);
    return dns_frame_put(&link->output, query, exchange->size);
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
    ssize_t size = dns_frame_flush(&link->output, link->stream);
    uint8_t *answer;
    int turn = 0;

    while (size >= 0 && turn++ < TURN_ANSWERS &&
           (size = dns_frames_next(&link->input, link->stream, &answer)) > 0) {
        link->heard++;
        hand_out(link, answer, (size_t)size);
    }
    if (size < 0)
        fail_all(link, (int)size);
    else if (size > 0)
        stream_signal(link->stream);
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
    link->opened_at_ms = loop_now_ms(link->connector->loop);
    stream_set_owner(stream, on_stream, link); /* which wakes: what was asked meanwhile goes out */
    start_idle(link);                          /* perhaps nobody waits any more */
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
    exchange->heard_before = link->heard;
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
    if (exchange->transfer)
        doh_transfer_cancel(exchange->transfer, false);
}

void dns_exchange_give_up(struct dns_exchange *exchange)
{
    struct dns_link *link = exchange->link;
    uint64_t now_ms;

    if (exchange->transfer)
        doh_transfer_cancel(exchange->transfer, true);
    if (!link)
        return;
    now_ms = loop_now_ms(link->connector->loop);
    detach(exchange);
    if (!link->stream || link->heard != exchange->heard_before ||
        now_ms - link->opened_at_ms < DEAD_AFTER_MS)
        return;
    drop_connection(link, -ETIMEDOUT);
    deferred_schedule(&link->tell_failed);
}
