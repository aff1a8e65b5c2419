/* Forwards what comes to a loopback port through an upstream: dial, then relay. What the tests with
 * real proxy servers talk to, and a relay to measure.
 *
 * dial_probe KIND SERVER TARGET [user=U] [password=P] [ca=FILE] [name=TLS-NAME] [pipelined] [udp]
 *
 * Prints its port; then one line for each connection that ended: the dial's error (0 or text) and
 * the bytes up and down. With `udp`: datagrams, answers go to the last sender. Runs until its
 * standard input ends. */
#include "base/err.h"
#include "base/log.h"
#include "proxy/dialer.h"
#include "proxy/relay.h"
#include "proxy/socket_stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 256 * 1024 };

struct probe {
    struct loop *loop;
    struct dialer *dialer;
    struct upstream *upstream;
    struct endpoint target;
    bool is_udp;
    int fd;
    struct watch *input, *incoming;
    struct list flows;
    struct associate *associate;
    struct dgram *dgram;
    struct sockaddr_in sender;
};

struct flow {
    struct list node;
    struct probe *probe;
    struct stream *client;
    struct dial *dial;
    struct relay *relay;
    struct relay_bytes bytes;
};

static void flow_end(struct flow *flow, int err)
{
    printf("%s %llu %llu\n", err ? err_text(err) : "0", (unsigned long long)flow->bytes.up,
           (unsigned long long)flow->bytes.down);
    fflush(stdout);
    list_remove(&flow->node);
    free(flow);
}

static void on_relayed(void *owner, int why)
{
    flow_end(owner, why);
}

static void on_dialled(void *owner, struct stream *upstream, int err)
{
    static const struct relay_options options = {.idle_timeout_ms = 60000};
    struct flow *flow = owner;
    struct stream *client = flow->client;
    flow->dial = NULL;
    if (err < 0) {
        stream_abort(client);
        flow_end(flow, err);
        return;
    }
    flow->client = NULL;
    err = relay_start(flow->probe->loop, client, upstream, &options, &flow->bytes, on_relayed, flow,
                      &flow->relay);
    assert(err == 0);
}

static void on_connection(struct probe *probe)
{
    int fd = accept4(probe->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct flow *flow = calloc(1, sizeof(*flow));
    assert(flow);
    flow->probe = probe;
    list_append(&probe->flows, &flow->node);
    int err = socket_stream_new(probe->loop, fd, BUFFER_BYTES, &flow->client);
    assert(err == 0);
    err = dial_start(probe->dialer, probe->upstream, &probe->target, on_dialled, flow, &flow->dial);
    assert(err == 0);
}

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    const struct probe *probe = owner;
    (void)peer;
    sendto(probe->fd, data, size, 0, (const struct sockaddr *)&probe->sender,
           sizeof(probe->sender));
}

static void on_end(void *owner, int err)
{
    struct probe *probe = owner;
    printf("%s 0 0\n", err_text(err));
    dgram_close(probe->dgram);
    probe->dgram = NULL;
}

static void on_associated(void *owner, struct dgram *dgram, int err)
{
    struct probe *probe = owner;
    probe->associate = NULL;
    printf("%s 0 0\n", err ? err_text(err) : "0");
    fflush(stdout);
    if (err < 0)
        return;
    probe->dgram = dgram;
    dgram->on_datagram = on_datagram;
    dgram->on_end = on_end;
    dgram->owner = probe;
}

static void on_outgoing(struct probe *probe)
{
    static uint8_t data[DGRAM_MAX_BYTES];
    socklen_t size = sizeof(probe->sender);
    ssize_t got = recvfrom(probe->fd, data, sizeof(data), MSG_DONTWAIT,
                           (struct sockaddr *)&probe->sender, &size);
    if (got >= 0 && probe->dgram)
        dgram_send(probe->dgram, &probe->target, data, (size_t)got);
}

static void on_incoming(void *owner, int events, int err)
{
    struct probe *probe = owner;
    (void)events;
    (void)err;
    if (probe->is_udp)
        on_outgoing(probe);
    else
        on_connection(probe);
}

static void on_input(void *owner, int events, int err)
{
    const struct probe *probe = owner;
    char got[64];
    (void)events;
    (void)err;
    if (read(STDIN_FILENO, got, sizeof(got)) == 0)
        loop_stop(probe->loop);
}

static void open_port(struct probe *probe)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    probe->fd = socket(AF_INET, (probe->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int failed = bind(probe->fd, (struct sockaddr *)&where, sizeof(where));
    if (!failed && !probe->is_udp)
        failed = listen(probe->fd, 1024);
    assert(!failed);
    getsockname(probe->fd, (struct sockaddr *)&where, &size);
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);
}

static int find_kind(const char *text, enum upstream_kind *ret)
{
    for (enum upstream_kind kind = UPSTREAM_DIRECT; kind <= UPSTREAM_SOCKS5; kind++)
        if (strcmp(upstream_kind_text(kind), text) == 0) {
            *ret = kind;
            return 0;
        }
    return -1;
}

static const char *find_word(char **words, int count, const char *name)
{
    size_t size = strlen(name);
    for (int i = 0; i < count; i++)
        if (strncmp(words[i], name, size) == 0)
            return words[i] + size;
    return NULL;
}

static int make_upstream(char **words, int count, struct upstream **ret)
{
    struct upstream_options options = {
        .name = "probe",
        .user = find_word(words, count, "user="),
        .password = find_word(words, count, "password="),
        .tls_ca_file = find_word(words, count, "ca="),
        .tls_name = find_word(words, count, "name="),
        .is_pipelined = find_word(words, count, "pipelined") != NULL,
        .has_udp = true,
    };
    if (find_kind(words[1], &options.kind) < 0 || endpoint_parse(words[2], 0, &options.server) < 0)
        return -1;
    return upstream_new(&options, ret);
}

static void close_probe(struct probe *probe)
{
    list_each(node, &probe->flows) {
        struct flow *flow = list_item(node, struct flow, node);
        dial_cancel(flow->dial);
        stream_abort(flow->client);
        if (flow->relay)
            relay_abort(flow->relay);
        free(flow);
    }
    associate_cancel(probe->associate);
    dgram_close(probe->dgram);
    watch_close(probe->input);
    watch_close(probe->incoming);
    close(probe->fd);
    upstream_unref(probe->upstream);
    dialer_free(probe->dialer);
    loop_run(probe->loop);
    loop_free(probe->loop);
}

int main(int count, char **words)
{
    /* Thirty handshakes at once take a busy machine longer than people would wait. */
    const struct dialer_options options = {
        .connect_timeout_ms = 60000, .dial_timeout_ms = 60000, .stall_timeout_ms = 60000};
    struct probe probe = {.is_udp = find_word(words, count, "udp") != NULL};
    if (count < 4 || make_upstream(words, count, &probe.upstream) < 0 ||
        endpoint_parse(words[3], 0, &probe.target) < 0) {
        fprintf(stderr, "usage: dial_probe KIND SERVER TARGET [WORD...], see the source\n");
        return 2;
    }
    log_setup(LOG_DEBUG, true);
    list_init(&probe.flows);
    probe.loop = loop_new();
    probe.dialer = dialer_new(probe.loop, &options);
    open_port(&probe);
    int err = watch_open(probe.loop, probe.fd, on_incoming, &probe, &probe.incoming);
    if (err == 0)
        err = watch_open(probe.loop, STDIN_FILENO, on_input, &probe, &probe.input);
    if (err == 0 && probe.is_udp)
        err =
            associate_start(probe.dialer, probe.upstream, on_associated, &probe, &probe.associate);
    if (err == 0) {
        watch_set(probe.incoming, WATCH_READ);
        watch_set(probe.input, WATCH_READ);
        loop_run(probe.loop);
    } else {
        printf("%s 0 0\n", err_text(err));
    }
    close_probe(&probe);
    return err ? 1 : 0;
}
