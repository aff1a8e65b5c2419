/* The contract of base/stream.h, with a client that speaks packets over a TUN of our own making. */
#include "tests/fake/tun_rig.h"
#include "tests/unit/stream_contract.h"

#include "base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Small enough windows that the socket pair's own queue, which differs by system, never fills. */
enum { QUEUE_BYTES = 8 * 1024 * 1024, WINDOW_BYTES = 60000, SEGMENT_BYTES = 1400 };

/* A client as simple as the path is good: nothing is lost, so nothing is ever sent again. */
struct remote {
    struct loop *loop;
    struct netstack *netstack;
    struct watch *watch;
    int fd, device;
    struct address address, target;
    struct inbound *inbound;
    uint32_t seq, acked, ack, peer_window;
    uint8_t *received; /* not yet fetched by the suite */
    size_t size, taken;
    bool is_eof, is_reset, is_finished;
};

static void emit(struct remote *remote, uint8_t flags, const void *data, size_t size)
{
    static uint8_t packet[PACKET_BYTES_MAX];
    size_t unfetched = remote->size - remote->taken;
    struct segment segment = {.from = remote->address,
                              .to = remote->target,
                              .seq = remote->seq,
                              .ack = remote->ack,
                              .flags = flags,
                              .data = data,
                              .size = size};
    segment.window = (uint16_t)(unfetched < WINDOW_BYTES ? WINDOW_BYTES - unfetched : 0);
    size_t total = packet_tcp(packet, &segment);
    assert_int_equal(send(remote->fd, packet, total, 0), total);
    remote->seq += (uint32_t)size + (flags & (SYN | FIN) ? 1 : 0);
}

static void take(struct remote *remote, const struct seen *seen)
{
    if (seen->flags & RST) {
        remote->is_reset = true;
        return;
    }
    remote->acked = seen->ack;
    remote->peer_window = seen->flags & SYN ? seen->window : (uint32_t)seen->window << 7;
    if (seen->flags & SYN) {
        remote->ack = seen->seq + 1;
        emit(remote, ACK, NULL, 0);
        return;
    }
    if (seen->seq != remote->ack || (seen->size == 0 && !(seen->flags & FIN)))
        return;
    memcpy(remote->received + remote->size, seen->data, seen->size);
    remote->size += seen->size;
    remote->ack += (uint32_t)seen->size + (seen->flags & FIN ? 1 : 0);
    remote->is_eof = remote->is_eof || (seen->flags & FIN);
    emit(remote, ACK, NULL, 0);
}

static void on_packets(void *owner, int events, int err)
{
    static struct seen seen;
    struct remote *remote = owner;
    (void)events;
    (void)err;
    for (ssize_t got; (got = recv(remote->fd, seen.bytes, sizeof(seen.bytes), 0)) > 0;) {
        seen.total = (size_t)got;
        assert_true(seen_read(&seen) && seen.protocol == IPPROTO_TCP);
        take(remote, &seen);
    }
}

static ssize_t remote_send(void *owner, const void *data, size_t size)
{
    struct remote *remote = owner;
    uint32_t in_flight = remote->seq - remote->acked;
    size_t room = remote->peer_window > in_flight ? remote->peer_window - in_flight : 0;
    if (remote->is_reset)
        return -ECONNRESET;
    size = size < room ? size : room;
    size = size < SEGMENT_BYTES ? size : SEGMENT_BYTES;
    if (size > 0)
        emit(remote, ACK | PSH, data, size);
    return (ssize_t)size;
}

static ssize_t remote_receive(void *owner, void *to, size_t capacity)
{
    struct remote *remote = owner;
    size_t size = remote->size - remote->taken;
    if (size == 0)
        return remote->is_reset ? -ECONNRESET : remote->is_eof ? ERR_EOF : 0;
    size = size < capacity ? size : capacity;
    bool was_shut = remote->size - remote->taken >= WINDOW_BYTES / 2;
    memcpy(to, remote->received + remote->taken, size);
    remote->taken += size;
    if (was_shut)
        emit(remote, ACK, NULL, 0); /* the window is open again */
    return (ssize_t)size;
}

static void remote_finish(void *owner)
{
    emit(owner, FIN | ACK, NULL, 0);
}

static void remote_reset(void *owner)
{
    emit(owner, RST | ACK, NULL, 0);
}

static void remote_free(void *owner)
{
    struct remote *remote = owner;
    netstack_close(remote->netstack);
    watch_close(remote->watch);
    close(remote->fd);
    close(remote->device);
    free(remote->received);
    free(remote);
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    ((struct remote *)owner)->inbound = inbound;
}

static void on_udp(void *owner, struct dgram *client)
{
    (void)owner;
    dgram_close(client);
}

static int open_pair(void *owner, struct loop *loop, struct contract_pair *ret)
{
    static const struct netstack_events events = {.on_inbound = on_inbound, .on_udp = on_udp};
    struct netstack_options options = rig_options();
    struct remote *remote = calloc(1, sizeof(*remote));
    int fds[2];
    (void)owner;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    options.buffer_bytes = 64 * 1024;
    remote->loop = loop;
    remote->device = fds[0];
    remote->fd = fds[1];
    remote->received = malloc(QUEUE_BYTES);
    remote->address = rig_address("10.0.0.1:4000");
    remote->target = rig_address("192.0.2.7:80");
    if (netstack_open(loop, remote->device, false, &options, &events, remote, &remote->netstack) ||
        watch_open(loop, remote->fd, on_packets, remote, &remote->watch))
        return -1;
    watch_set(remote->watch, WATCH_READ);
    /* The suite's window scale is that of the SYN: none offered would mean no scaling at all. */
    static const uint8_t syn_options[] = {2, 4, 1460 >> 8, 1460 & 255, 1, 3, 3, 0};
    static uint8_t packet[PACKET_BYTES_MAX];
    struct segment syn = {.from = remote->address,
                          .to = remote->target,
                          .seq = remote->seq++,
                          .flags = SYN,
                          .window = WINDOW_BYTES,
                          .options = syn_options,
                          .options_size = sizeof(syn_options)};
    size_t total = packet_tcp(packet, &syn);
    assert_int_equal(send(remote->fd, packet, total, 0), total);
    for (int i = 0; i < 3000 && !remote->inbound; i++)
        loop_run_once(loop, 10);
    if (!remote->inbound || inbound_admit(remote->inbound, &ret->stream) < 0)
        return -1;
    for (int i = 0; i < 3000 && remote->ack == 0; i++)
        loop_run_once(loop, 10);
    ret->remote = (struct contract_remote){.send = remote_send,
                                           .receive = remote_receive,
                                           .finish = remote_finish,
                                           .reset = remote_reset,
                                           .free = remote_free,
                                           .owner = remote};
    return 0;
}

int main(void)
{
    const struct stream_contract contract = {.name = "tcp", .open = open_pair};
    return stream_contract_run(&contract);
}
