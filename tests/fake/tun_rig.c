#include "tests/fake/tun_rig.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS = 8, STEP_MS = 50 };

static void on_gone(void *owner)
{
    ((struct tun_rig *)owner)->gone_count++;
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    struct tun_rig *rig = owner;
    assert_true(rig->inbound_count < RIG_INBOUNDS_MAX);
    inbound->on_gone = on_gone;
    inbound->owner = rig;
    rig->inbounds[rig->inbound_count++] = inbound;
}

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct tun_rig *rig = owner;
    rig->peer = *peer;
    memcpy(rig->datagram, data, size);
    rig->datagram_size = size;
    rig->datagram_count++;
    if (rig->refuses_udp)
        dgram_refuse(rig->dgram);
}

static void on_end(void *owner, int err)
{
    struct tun_rig *rig = owner;
    rig->end_count++;
    rig->end_err = err;
}

static void on_udp(void *owner, struct dgram *client)
{
    struct tun_rig *rig = owner;
    if (rig->keeps_one_dgram && rig->dgram)
        dgram_close(rig->dgram);
    client->owner = rig;
    client->on_datagram = on_datagram;
    client->on_end = on_end;
    rig->dgram = client;
    rig->dgram_count++;
}

static void on_echo(void *owner, const struct address *target)
{
    struct tun_rig *rig = owner;
    rig->echo_target = *target;
    rig->echo_count++;
}

struct netstack_options rig_options(void)
{
    return (struct netstack_options){.mtu = 1500,
                                     .tcp_max = 1000,
                                     .knocks_max = 32,
                                     .udp_max = 100,
                                     .udp_idle_ms = 60000,
                                     .buffer_bytes = 128 * 1024};
}

void rig_open(struct tun_rig *rig, const struct netstack_options *options, bool with_vnet)
{
    static const struct netstack_events events = {
        .on_inbound = on_inbound, .on_udp = on_udp, .on_echo = on_echo};
    const int size = 4 * 1024 * 1024;
    int fds[2];
    memset(rig, 0, sizeof(*rig));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    rig->loop = loop_new();
    loop_fake_clock(rig->loop, 1000);
    rig->device = fds[0];
    rig->fd = fds[1];
    rig->has_vnet = with_vnet;
    assert_int_equal(
        netstack_open(rig->loop, rig->device, with_vnet, options, &events, rig, &rig->netstack), 0);
}

void rig_close(struct tun_rig *rig)
{
    netstack_close(rig->netstack);
    rig_turn(rig);
    loop_free(rig->loop);
    close(rig->fd);
    close(rig->device);
}

void rig_turn(struct tun_rig *rig)
{
    for (int i = 0; i < TURNS; i++)
        loop_run_once(rig->loop, 0);
}

void rig_put(struct tun_rig *rig, const uint8_t *packet, size_t size)
{
    struct virtio_net_hdr header = {0};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)(uintptr_t)packet, size}};
    ssize_t sent = rig->has_vnet ? writev(rig->fd, parts, 2) : write(rig->fd, packet, size);
    assert_true(sent > 0);
    rig_turn(rig);
}

/* As the kernel would. */
static void finish_checksum(const struct virtio_net_hdr *header, struct seen *packet)
{
    uint32_t sum = 0;
    size_t start = header->csum_start;
    size_t at = start + header->csum_offset;
    if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
        return;
    assert_true(at + 2 <= packet->total);
    for (size_t i = start; i < packet->total; i++)
        sum += (i - start) % 2 ? packet->bytes[i] : (uint32_t)packet->bytes[i] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    packet->bytes[at] = (uint8_t)(sum >> 8);
    packet->bytes[at + 1] = (uint8_t)sum;
}

bool rig_receive(struct tun_rig *rig, struct seen *ret)
{
    struct iovec parts[] = {{&rig->said, sizeof(rig->said)}, {ret->bytes, sizeof(ret->bytes)}};
    ssize_t skip = rig->has_vnet ? (ssize_t)sizeof(rig->said) : 0;
    ssize_t size =
        rig->has_vnet ? readv(rig->fd, parts, 2) : read(rig->fd, ret->bytes, sizeof(ret->bytes));
    if (size < skip)
        return false;
    ret->total = (size_t)(size - skip);
    if (rig->has_vnet)
        finish_checksum(&rig->said, ret);
    return true;
}

bool rig_next(struct tun_rig *rig, struct seen *ret)
{
    if (!rig_receive(rig, ret))
        return false;
    assert_true(seen_read(ret));
    return true;
}

void rig_drain(struct tun_rig *rig)
{
    static struct seen seen;
    while (rig_next(rig, &seen))
        ;
}

void rig_pass_ms(struct tun_rig *rig, uint64_t ms)
{
    uint64_t end = loop_now_ms(rig->loop) + ms;
    while (loop_now_ms(rig->loop) < end) {
        loop_fake_clock(rig->loop, loop_now_ms(rig->loop) + STEP_MS);
        loop_run_once(rig->loop, 0);
        loop_run_once(rig->loop, 0);
    }
}

struct address rig_address(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), 0);
    return address;
}

void client_init(struct rig_client *client, struct tun_rig *rig, const char *address,
                 const char *target)
{
    *client = (struct rig_client){.rig = rig,
                                  .address = rig_address(address),
                                  .target = rig_address(target),
                                  .seq = 0xfffffff0, /* wraps soon */
                                  .window = 65535};
}

void client_send_at(struct rig_client *client, uint32_t seq, uint8_t flags, const void *data,
                    size_t size)
{
    static const uint8_t syn_options[] = {2, 4, 1460 >> 8, 1460 & 255, 1, 3, 3, 0};
    static uint8_t packet[PACKET_BYTES_MAX];
    struct segment segment = {.from = client->address,
                              .to = client->target,
                              .seq = seq,
                              .ack = flags & ACK ? client->ack : 0,
                              .flags = flags,
                              .window = client->window,
                              .data = data,
                              .size = size};
    if (flags & SYN) {
        segment.options = syn_options;
        segment.options_size = sizeof(syn_options);
    }
    rig_put(client->rig, packet, packet_tcp(packet, &segment));
}

void client_send(struct rig_client *client, uint8_t flags, const void *data, size_t size)
{
    uint32_t seq = client->seq;
    client->seq += (uint32_t)size + (flags & (SYN | FIN) ? 1 : 0);
    client_send_at(client, seq, flags, data, size);
}

void client_expect(struct rig_client *client, uint8_t flags, struct seen *ret)
{
    assert_true(rig_next(client->rig, ret));
    assert_int_equal(ret->protocol, IPPROTO_TCP);
    assert_true(address_is_equal(&ret->from, &client->target));
    assert_true(address_is_equal(&ret->to, &client->address));
    assert_int_equal(ret->flags & ~PSH, flags);
}

struct stream *client_connect(struct rig_client *client)
{
    static struct seen seen;
    struct tun_rig *rig = client->rig;
    struct stream *stream = NULL;
    client_send(client, SYN, NULL, 0);
    assert_int_equal(rig->inbound_count, 1);
    rig->inbound_count = 0;
    assert_int_equal(inbound_admit(rig->inbounds[0], &stream), 0);
    client_expect(client, SYN | ACK, &seen);
    client->ack = seen.seq + 1;
    client_send(client, ACK, NULL, 0);
    return stream;
}
