/* The small services of RFC 862, 863 and 864 behind a TUN device, without the rest of Atlantic:
 * what the net tests of tun2socks/ talk to with ordinary clients.
 *
 *   tun_services DEVICE [vnet] [no-udp|no-tcp|none]     which offloads not to ask for
 *
 * TCP and UDP 7 echo, 9 discard, TCP 19 an endless source, 13 answers "done" at the client's end,
 * 81 is refused with a reset, 82 is unreachable, 83 never answers. Attaches to the device, which
 * exists already. */
#include "base/chunk.h"
#include "base/err.h"
#include "tun2socks/netstack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PORT_ECHO = 7,
    PORT_DISCARD = 9,
    PORT_DONE = 13,
    PORT_SOURCE = 19,
    PORT_RESET = 81,
    PORT_UNREACHABLE = 82,
    PORT_SILENT = 83
};

struct conversation {
    struct stream *stream;
    uint16_t port;
    bool is_eof;
};

static struct loop *loop;
static struct chunk *source;

static void end(struct conversation *conversation, bool is_broken)
{
    if (is_broken)
        stream_abort(conversation->stream);
    else
        stream_close(conversation->stream);
    free(conversation);
}

static int echo(struct conversation *conversation)
{
    struct span spans[STREAM_SPANS];
    for (;;) {
        int count = stream_peek(conversation->stream, spans, STREAM_SPANS);
        if (count <= 0)
            return count;
        size_t offered = 0;
        for (int i = 0; i < count; i++)
            offered += spans[i].size;
        ssize_t taken = conversation->port == PORT_ECHO
                            ? stream_write(conversation->stream, spans, count)
                            : (ssize_t)offered;
        if (taken < 0)
            return (int)taken;
        stream_consume(conversation->stream, (size_t)taken);
        if ((size_t)taken < offered)
            return 0;
    }
}

static void pour(struct conversation *conversation)
{
    struct span span = {.data = source->data, .size = CHUNK_LARGE_BYTES, .chunk = source};
    while (stream_write(conversation->stream, &span, 1) == CHUNK_LARGE_BYTES)
        ;
}

static void on_wake(void *owner)
{
    struct conversation *conversation = owner;
    int got = conversation->is_eof ? 0 : echo(conversation);
    if (got == ERR_EOF) {
        conversation->is_eof = true;
        if (conversation->port == PORT_DONE)
            stream_write_bytes(conversation->stream, "done\n", 5);
        end(conversation, false);
        return;
    }
    if (got < 0) {
        end(conversation, true);
        return;
    }
    if (conversation->port == PORT_SOURCE)
        pour(conversation);
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    uint16_t port = inbound->target.address.port;
    (void)owner;
    if (port == PORT_RESET || port == PORT_UNREACHABLE) {
        inbound_refuse(inbound, port == PORT_RESET ? ERR_TARGET_REFUSED : ERR_TARGET_UNREACHABLE);
        return;
    }
    if (port == PORT_SILENT)
        return;
    struct conversation *conversation = calloc(1, sizeof(*conversation));
    conversation->port = port;
    if (inbound_admit(inbound, &conversation->stream) < 0) {
        free(conversation);
        return;
    }
    stream_set_owner(conversation->stream, on_wake, conversation);
}

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct dgram *client = owner;
    if (peer->address.port == PORT_ECHO)
        dgram_send(client, peer, data, size);
    else if (peer->address.port != PORT_DISCARD)
        dgram_refuse(client);
}

static void on_end(void *owner, int err)
{
    (void)err;
    dgram_close(owner);
}

static void on_udp(void *owner, struct dgram *client)
{
    (void)owner;
    client->owner = client;
    client->on_datagram = on_datagram;
    client->on_end = on_end;
}

static int open_device(const char *name, bool with_vnet)
{
    struct ifreq request = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI)};
    if (with_vnet)
        request.ifr_flags |= IFF_VNET_HDR;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
        perror(name);
        exit(1);
    }
    return fd;
}

static void on_signal(void *owner, int number)
{
    struct netstack *netstack = owner;
    struct netstack_stats stats = netstack_stats(netstack);
    fprintf(
        stderr,
        "in %lu packets %lu bytes, out %lu packets %lu bytes, bad %lu, dropped %lu, tcp %u, udp "
        "%u, knocks %u\n",
        stats.packets_in, stats.bytes_in, stats.packets_out, stats.bytes_out, stats.bad_packets,
        stats.dropped_out, stats.tcp, stats.udp, stats.knocks);
    if (number == SIGTERM || number == SIGINT)
        loop_stop(loop);
}

int main(int argc, char **argv)
{
    static const struct netstack_events events = {.on_inbound = on_inbound, .on_udp = on_udp};
    struct netstack_options options = {.mtu = 1500,
                                       .tcp_max = 65536,
                                       .knocks_max = 1024,
                                       .udp_max = 65536,
                                       .buffer_bytes = 1024 * 1024,
                                       .echo = NETSTACK_ECHO_ANSWER};
    bool with_vnet = false;
    struct netstack *netstack;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "vnet") == 0)
            with_vnet = true;
        if (strcmp(argv[i], "no-udp") == 0)
            options.offload = NETSTACK_OFFLOAD_NO_UDP;
        if (strcmp(argv[i], "no-tcp") == 0)
            options.offload = NETSTACK_OFFLOAD_NO_TCP;
        if (strcmp(argv[i], "none") == 0)
            options.offload = NETSTACK_OFFLOAD_NONE;
    }
    if (argc < 2)
        return 2;
    loop = loop_new();
    source = chunk_new(loop_chunks(loop), CHUNK_LARGE_BYTES);
    memset(source->data, 'x', CHUNK_LARGE_BYTES);
    int fd = open_device(argv[1], with_vnet);
    if (netstack_open(loop, fd, with_vnet, &options, &events, NULL, &netstack) < 0)
        return 1;
    loop_on_signal(loop, SIGTERM, on_signal, netstack);
    loop_on_signal(loop, SIGINT, on_signal, netstack);
    loop_on_signal(loop, SIGUSR1, on_signal, netstack);
    fprintf(stderr, "ready\n");
    loop_run(loop);
    netstack_close(netstack);
    chunk_unref(source);
    return 0;
}
