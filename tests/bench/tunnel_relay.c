/* The tunnel alone as a relay: TUN, netstack, relay, kernel socket; without filter, pool and
 * supervisor. What it costs more than plain_relay is the tunnel's share of what Atlantic costs.
 *
 *   tunnel_relay DEVICE plain|vnet HOST PORT [NETNS]     every connection goes to HOST PORT */
#include "base/err.h"
#include "proxy/dialer.h"
#include "proxy/relay.h"
#include "proxy/upstream.h"
#include "tun2socks/netstack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct passage {
    struct inbound *inbound;
    struct dial *dial;
    struct relay *relay;
    struct relay_bytes bytes;
};

static struct loop *loop;
static struct dialer *dialer;
static struct upstream *direct;
static struct endpoint target;
static struct netstack *netstack;

static void on_done(void *owner, int why)
{
    (void)why;
    free(owner);
}

static void on_dialled(void *owner, struct stream *upstream, int err)
{
    static const struct relay_options options = {0};
    struct passage *passage = owner;
    struct stream *client;
    if (err < 0)
        inbound_refuse(passage->inbound, err);
    else if (inbound_admit(passage->inbound, &client) < 0)
        stream_abort(upstream);
    else if (relay_start(loop, client, upstream, &options, &passage->bytes, on_done, passage,
                         &passage->relay) == 0)
        return;
    free(passage);
}

static void on_gone(void *owner)
{
    struct passage *passage = owner;
    dial_cancel(passage->dial);
    inbound_refuse(passage->inbound, -ECANCELED);
    free(passage);
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    struct passage *passage = calloc(1, sizeof(*passage));
    (void)owner;
    passage->inbound = inbound;
    inbound->on_gone = on_gone;
    inbound->owner = passage;
    int err = dial_start(dialer, direct, &target, on_dialled, passage, &passage->dial);
    if (err < 0) {
        inbound_refuse(inbound, err);
        free(passage);
    }
}

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    if (peer->address.port == 7)
        dgram_send(owner, peer, data, size);
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

/* Where the device is and where the servers are may be different namespaces: the program is started
 * in the first and says that it is ready; its sockets are made in the one that it is moved to. */
static void move_to_namespace(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, 0) < 0) {
        perror(path);
        exit(1);
    }
    close(fd);
}

static void on_signal(void *owner, int number)
{
    struct netstack_stats stats = netstack_stats(netstack);
    (void)owner;
    fprintf(stderr, "packets in %lu out %lu, bytes in %lu out %lu, dropped %lu, bad %lu, tcp %u\n",
            stats.packets_in, stats.packets_out, stats.bytes_in, stats.bytes_out, stats.dropped_out,
            stats.bad_packets, stats.tcp);
    if (number == SIGTERM)
        exit(0);
}

int main(int argc, char **argv)
{
    static const struct netstack_events events = {.on_inbound = on_inbound, .on_udp = on_udp};
    const struct netstack_options options = {.mtu = 1500,
                                             .tcp_max = 100000,
                                             .knocks_max = 4096,
                                             .udp_max = 65536,
                                             .buffer_bytes = 1024 * 1024};
    const struct dialer_options dialer_options = {.buffer_bytes = 256 * 1024};
    const struct upstream_options upstream = {.name = "direct", .kind = UPSTREAM_DIRECT};
    struct rlimit limit = {1 << 20, 1 << 20};
    if (argc < 5)
        return 2;
    bool with_vnet = strcmp(argv[2], "vnet") == 0;
    setrlimit(RLIMIT_NOFILE, &limit);
    int fd = open_device(argv[1], with_vnet);
    if (argc > 5)
        move_to_namespace(argv[5]);
    loop = loop_new();
    dialer = dialer_new(loop, &dialer_options);
    if (upstream_new(&upstream, &direct) < 0 ||
        endpoint_from_host(argv[3], strlen(argv[3]), (uint16_t)atoi(argv[4]), &target) < 0 ||
        netstack_open(loop, fd, with_vnet, &options, &events, NULL, &netstack) < 0)
        return 1;
    loop_on_signal(loop, SIGUSR1, on_signal, NULL);
    loop_on_signal(loop, SIGTERM, on_signal, NULL);
    loop_run(loop);
    return 0;
}
