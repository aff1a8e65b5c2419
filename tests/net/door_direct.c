/* The local door on a loopback port, whose inbounds are dialled directly: what the door's tests
 * with real clients talk to. Every name means 127.0.0.1. Prints its port, runs until its standard
 * input ends, then prints the door's counters.
 *
 * door_direct [USER PASSWORD] */
#include "base/err.h"
#include "base/log.h"
#include "proxy/dialer.h"
#include "proxy/door.h"
#include "proxy/relay.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct host {
    struct loop *loop;
    struct dialer *dialer;
    struct upstream *direct;
    struct door *door;
    struct watch *input;
    struct list flows;
};

struct flow {
    struct list node;
    struct host *host;
    struct inbound *inbound;
    struct dial *dial;
    struct relay *relay;
    struct relay_bytes bytes;
};

/* A UDP association: the client's side and a socket of our own. */
struct pair {
    struct dgram *client, *socket;
    struct associate *associate;
};

static struct endpoint address_of(const struct endpoint *target)
{
    struct endpoint where = *target;
    if (endpoint_is_name(target)) {
        address_parse_ip("127.0.0.1", &where.address);
        where.address.port = target->address.port;
        where.name[0] = '\0';
    }
    return where;
}

static void flow_free(struct flow *flow)
{
    list_remove(&flow->node);
    free(flow);
}

static void on_relayed(void *owner, int why)
{
    (void)why;
    flow_free(owner);
}

static void on_dialled(void *owner, struct stream *upstream, int err)
{
    static const struct relay_options options = {.half_close_timeout_ms = 10000};
    struct flow *flow = owner;
    struct stream *client;
    flow->dial = NULL;
    if (err < 0) {
        inbound_refuse(flow->inbound, err);
        flow_free(flow);
        return;
    }
    if (inbound_admit(flow->inbound, &client) < 0) {
        stream_abort(upstream);
        flow_free(flow);
        return;
    }
    if (relay_start(flow->host->loop, client, upstream, &options, &flow->bytes, on_relayed, flow,
                    &flow->relay) < 0)
        flow_free(flow);
}

static void on_gone(void *owner)
{
    struct flow *flow = owner;
    dial_cancel(flow->dial);
    inbound_refuse(flow->inbound, ERR_EOF);
    flow_free(flow);
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    struct host *host = owner;
    struct endpoint where = address_of(&inbound->target);
    struct flow *flow = calloc(1, sizeof(*flow));
    flow->host = host;
    flow->inbound = inbound;
    inbound->on_gone = on_gone;
    inbound->owner = flow;
    list_append(&host->flows, &flow->node);
    int err = dial_start(host->dialer, host->direct, &where, on_dialled, flow, &flow->dial);
    if (err < 0) {
        inbound_refuse(inbound, err);
        flow_free(flow);
    }
}

static void on_up(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct pair *pair = owner;
    struct endpoint where = address_of(peer);
    if (pair->socket)
        (void)dgram_send(pair->socket, &where, data, size);
}

static void on_down(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct pair *pair = owner;
    (void)dgram_send(pair->client, peer, data, size);
}

static void on_pair_end(void *owner, int err)
{
    struct pair *pair = owner;
    (void)err;
    associate_cancel(pair->associate);
    dgram_close(pair->socket);
    dgram_close(pair->client);
    free(pair);
}

static void on_associated(void *owner, struct dgram *socket, int err)
{
    struct pair *pair = owner;
    pair->associate = NULL;
    if (err < 0) {
        on_pair_end(pair, err);
        return;
    }
    pair->socket = socket;
    socket->on_datagram = on_down;
    socket->on_end = on_pair_end;
    socket->owner = pair;
}

static void on_associate(void *owner, struct dgram *client)
{
    struct host *host = owner;
    struct pair *pair = calloc(1, sizeof(*pair));
    pair->client = client;
    client->on_datagram = on_up;
    client->on_end = on_pair_end;
    client->owner = pair;
    if (associate_start(host->dialer, host->direct, on_associated, pair, &pair->associate) < 0)
        on_pair_end(pair, ERR_UNSUPPORTED);
}

static void on_input(void *owner, int events, int err)
{
    struct host *host = owner;
    char byte;
    (void)events;
    if (err < 0 || read(STDIN_FILENO, &byte, 1) <= 0)
        loop_stop(host->loop);
}

static int listen_on_loopback(void)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&where, &size) < 0) {
        perror("door_direct");
        exit(1);
    }
    printf("%u\n", ntohs(where.sin_port));
    fflush(stdout);
    return fd;
}

static void stop(struct host *host)
{
    struct door_stats stats = door_stats(host->door);
    printf("accepted=%llu refused=%llu bad_logins=%llu bad_requests=%llu clients=%u\n",
           (unsigned long long)stats.accepted, (unsigned long long)stats.refused_at_limit,
           (unsigned long long)stats.bad_logins, (unsigned long long)stats.bad_requests,
           stats.clients);
    list_each(node, &host->flows) {
        struct flow *flow = list_item(node, struct flow, node);
        if (flow->relay) {
            relay_abort(flow->relay);
            flow_free(flow);
        } else {
            on_gone(flow);
        }
    }
    door_close(host->door);
    watch_close(host->input);
    dialer_free(host->dialer);
    upstream_unref(host->direct);
    for (int i = 0; i < 10; i++)
        loop_run_once(host->loop, 0);
    loop_free(host->loop);
}

int main(int argc, char **argv)
{
    static const struct door_events events = {on_inbound, on_associate};
    struct host host = {.loop = loop_new()};
    struct door_options options = {
        .user = argc > 2 ? argv[1] : NULL,
        .password = argc > 2 ? argv[2] : NULL,
        .clients_max = 4096,
        .buffer_bytes = 256 * 1024,
        .handshake_timeout_ms = 5000,
    };
    struct upstream_options direct = {.name = "direct", .kind = UPSTREAM_DIRECT, .has_udp = true};
    struct dialer_options dialing = {0};
    if (getenv("DOOR_DEBUG"))
        log_setup(LOG_DEBUG, true);
    list_init(&host.flows);
    host.dialer = dialer_new(host.loop, &dialing);
    int listener = listen_on_loopback();
    if (!host.dialer || upstream_new(&direct, &host.direct) < 0 ||
        door_open(host.loop, &listener, 1, &options, &events, &host, &host.door) < 0 ||
        watch_open(host.loop, STDIN_FILENO, on_input, &host, &host.input) < 0 ||
        watch_set(host.input, WATCH_READ) < 0)
        return 1;
    loop_run(host.loop);
    stop(&host);
    return 0;
}
