/* Everything that can come out of the TUN device. The input is a small script: raw packets, whose
 * checksums are made right so that they get past the reader, TCP segments near the truth about a
 * connection that exists, what its owner does, and time. The last byte says whether the device has
 * vnet headers, and how it then describes what it hands over. */
#include "tests/fake/tun_rig.h"

#include "base/err.h"

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS = 4, STEPS_MAX = 200, SOURCE_BYTES = 8192 };
enum { SHORT_WAIT_MS = 20, TICK_MS = 250 }; /* the latter is lwIP's */

struct script {
    const uint8_t *at, *end;
};

struct world {
    struct tun_rig rig;
    struct stream *streams[STREAMS];
    int next;
    uint32_t seq, ack; /* what the client of the scripted connection would use */
    bool is_ipv6;
    uint8_t offload; /* what the next packet is said to be */
};

static struct seen seen;
static uint8_t packet[PACKET_BYTES_MAX];
static uint8_t source[SOURCE_BYTES];

static uint8_t take8(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

static uint16_t take16(struct script *script)
{
    uint8_t high = take8(script);
    return (uint16_t)(high << 8 | take8(script));
}

static const uint8_t *take(struct script *script, size_t *size)
{
    const uint8_t *at = script->at;
    size_t left = (size_t)(script->end - script->at);
    if (*size > left)
        *size = left;
    script->at += *size;
    return at;
}

static struct address address(struct world *world, uint8_t last, uint16_t port)
{
    struct address address = {.family = world->is_ipv6 ? 6 : 4, .port = port};
    address.ip[0] = world->is_ipv6 ? 0xfd : 10;
    address.ip[world->is_ipv6 ? 15 : 3] = last;
    return address;
}

static void collect(struct world *world)
{
    while (world->rig.inbound_count > 0) {
        struct inbound *inbound = world->rig.inbounds[--world->rig.inbound_count];
        struct stream **slot = &world->streams[world->next++ % STREAMS];
        if (inbound->target.address.port == 666) {
            inbound_refuse(inbound, ERR_TARGET_UNREACHABLE);
            continue;
        }
        stream_abort(*slot);
        *slot = NULL;
        if (inbound_admit(inbound, slot) < 0)
            *slot = NULL;
    }
    while (rig_receive(&world->rig, &seen)) {
        if (!seen_read(&seen))
            abort(); /* we never send what is malformed */
        if (seen.protocol == IPPROTO_TCP && !seen.is_fragment && !(seen.flags & RST))
            world->ack = seen.seq + (uint32_t)seen.size + (seen.flags & (SYN | FIN) ? 1U : 0U);
    }
    for (; world->rig.echo_count > 0; world->rig.echo_count--)
        netstack_echo_result(world->rig.netstack, &world->rig.echo_target,
                             world->rig.echo_count % 2 ? 0 : ERR_TARGET_UNREACHABLE);
}

/* Superpackets are cut only if they are UDP's; the kernel tells no lies about the others. */
static struct virtio_net_hdr describe(uint8_t offload)
{
    struct virtio_net_hdr header = {0};
    if (offload & 1)
        header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (offload & 2) {
        header.gso_type = offload & 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_UDP_L4;
        header.gso_size = (uint16_t)(offload * 8U);
    }
    return header;
}

static void put(struct world *world, size_t size)
{
    if (size == 0)
        return;
    struct virtio_net_hdr header = describe(world->offload);
    struct iovec parts[] = {{&header, sizeof(header)}, {packet, size}};
    if (writev(world->rig.fd, world->rig.has_vnet ? parts : parts + 1,
               world->rig.has_vnet ? 2 : 1) < 0)
        abort();
    loop_run_once(world->rig.loop, 0);
    collect(world);
}

/* Most of the time of a run went into turns of the loop in which nothing is due: a step is as long
 * as what it waits for. */
static void pass(struct world *world, unsigned steps, uint64_t step_ms)
{
    struct loop *loop = world->rig.loop;
    for (unsigned i = 0; i < steps; i++) {
        loop_fake_clock(loop, loop_now_ms(loop) + step_ms);
        loop_run_once(loop, 0);
    }
}

static void put_raw(struct world *world, struct script *script, bool is_fixed)
{
    size_t size = take16(script) % 2048;
    const uint8_t *bytes = take(script, &size);
    memcpy(packet, bytes, size);
    if (is_fixed && size >= 20 && packet[0] >> 4 == 4 && (packet[0] & 15) >= 5 &&
        (size_t)(packet[0] & 15) * 4 <= size)
        packet_fix_header(packet);
    put(world, size);
}

/* A payload of any protocol under a right IP header. */
static void put_payload(struct world *world, struct script *script)
{
    uint8_t protocol = take8(script);
    size_t size = take16(script) % 2048;
    const uint8_t *bytes = take(script, &size);
    struct address from = address(world, 1, 0);
    struct address to = address(world, 9, 0);
    put(world, packet_ip(packet, &from, &to, protocol, bytes, size));
}

static void put_segment(struct world *world, struct script *script)
{
    uint8_t flags = take8(script);
    int32_t seq_offset = (int16_t)take16(script);
    int32_t ack_offset = (int16_t)take16(script);
    uint16_t window = take16(script);
    uint8_t options = (uint8_t)(take8(script) % 11 * 4);
    size_t options_size = options;
    const uint8_t *option_bytes = take(script, &options_size);
    size_t size = take16(script) % SOURCE_BYTES;
    struct segment segment = {.from = address(world, 1, 4000),
                              .to = address(world, 9, 80),
                              .seq = world->seq + (uint32_t)seq_offset,
                              .ack = world->ack + (uint32_t)ack_offset,
                              .flags = flags,
                              .window = window,
                              .options = option_bytes,
                              .options_size = options_size / 4 * 4,
                              .data = source,
                              .size = size};
    if (seq_offset == 0) /* as a well-behaved client */
        world->seq += (uint32_t)size + (flags & (SYN | FIN) ? 1U : 0U);
    put(world, packet_tcp(packet, &segment));
}

static void put_datagram(struct world *world, struct script *script)
{
    struct address from = address(world, 1, (uint16_t)(take8(script) + 1));
    struct address to = address(world, 9, 53);
    put(world, packet_udp(packet, &from, &to, source, take16(script) % SOURCE_BYTES));
}

static void put_fragment(struct world *world, struct script *script)
{
    static uint8_t whole[PACKET_BYTES_MAX];
    struct address from = address(world, 1, 1000);
    struct address to = address(world, 9, 53);
    packet_udp(whole, &from, &to, source, 4000);
    uint8_t id = take8(script) % 4;
    size_t offset = (size_t)take8(script) * 16;
    size_t size = take16(script) % 2000;
    put(world, packet_fragment_of(packet, whole, offset, size, id & 1, id));
}

static void act(struct world *world, struct script *script)
{
    uint8_t what = take8(script);
    struct stream **slot = &world->streams[what >> 4 & (STREAMS - 1)];
    struct span spans[8];
    if (!*slot)
        return;
    int count = stream_peek(*slot, spans, 8);
    switch (what & 7) {
    case 0:
    case 1: stream_write_bytes(*slot, source, take16(script) % SOURCE_BYTES + 1U); break;
    case 2: stream_consume(*slot, count > 0 ? spans[0].size : 0); break;
    case 3: stream_consume(*slot, count > 0 ? (spans[0].size + 1) / 2 : 0); break;
    case 4: stream_finish(*slot); break;
    case 5:
        stream_close(*slot);
        *slot = NULL;
        break;
    case 6:
        stream_abort(*slot);
        *slot = NULL;
        break;
    default: break;
    }
    loop_run_once(world->rig.loop, 0);
    collect(world);
}

static void answer(struct world *world, struct script *script)
{
    if (world->rig.dgram && world->rig.datagram_count > 0)
        dgram_send(world->rig.dgram, &world->rig.peer, source, take16(script) % SOURCE_BYTES);
    collect(world);
}

static void step(struct world *world, struct script *script)
{
    uint8_t what = take8(script);
    world->is_ipv6 = what & 0x80;
    if (world->rig.has_vnet && what & 0x40)
        world->offload = take8(script);
    switch (what & 15) {
    case 0: put_raw(world, script, false); break;
    case 1: put_raw(world, script, true); break;
    case 2: put_payload(world, script); break;
    case 3: put_datagram(world, script); break;
    case 4: put_fragment(world, script); break;
    case 5: answer(world, script); break;
    case 6: pass(world, take8(script) % 32U, SHORT_WAIT_MS); break;
    case 7: pass(world, take8(script), TICK_MS); break;
    case 8:
    case 9:
    case 10: act(world, script); break;
    default: put_segment(world, script); break;
    }
    collect(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct script script = {data, data + size};
    struct netstack_options options = rig_options();
    memset(&world, 0, sizeof(world));
    options.echo = size > 0 && data[size - 1] & 2 ? NETSTACK_ECHO_ASK : NETSTACK_ECHO_ANSWER;
    rig_open(&world.rig, &options, size > 0 && data[size - 1] & 1);
    world.rig.keeps_one_dgram = true;
    for (int i = 0; i < STEPS_MAX && script.at < script.end; i++)
        step(&world, &script);
    for (int i = 0; i < STREAMS; i++)
        stream_abort(world.streams[i]);
    netstack_close(world.rig.netstack);
    world.rig.netstack = NULL;
    while (world.rig.inbound_count > 0)
        inbound_refuse(world.rig.inbounds[--world.rig.inbound_count], ERR_LIMIT);
    if (world.rig.dgram)
        dgram_close(world.rig.dgram);
    rig_close(&world.rig);
    return 0;
}
