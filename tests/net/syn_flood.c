/* A flood of SYNs from inside, for tests and benchmarks: raw packets with made-up clients.
 *
 *   syn_flood CLIENTS TARGETS PORT COUNT PER_SECOND
 *
 * CLIENTS and TARGETS are IPv4 networks of 16 bits (10.66.0.0) or single addresses; each packet is
 * of another client address and port, and of the next target. PORT 0 means all of them in turn.
 * Prints how many were handed to the kernel, and in how many seconds. Needs CAP_NET_RAW. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, FIRST_PORT = 1024 };

struct syn {
    struct iphdr ip;
    struct tcphdr tcp;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t sum_of(const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    return sum;
}

static uint16_t finish(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* An address that ends in two zero bytes is a network, and `low` chooses from it. */
static uint32_t address_in(const char *network, uint32_t low)
{
    uint32_t base = ntohl(inet_addr(network));
    return htonl(base & 0xffff ? base : base | (low % 0xfffe + 1));
}

/* Multiplication by an odd number visits every value before it repeats one. */
static void make(struct syn *syn, char **words, uint32_t number)
{
    uint32_t mixed = number * 2654435761U;
    uint16_t port = (uint16_t)atoi(words[2]);
    memset(syn, 0, sizeof(*syn));
    syn->ip.version = 4;
    syn->ip.ihl = 5;
    syn->ip.tot_len = htons(sizeof(*syn));
    syn->ip.ttl = 64;
    syn->ip.protocol = IPPROTO_TCP;
    syn->ip.saddr = address_in(words[0], mixed >> 16);
    syn->ip.daddr = address_in(words[1], number);
    syn->tcp.source = htons((uint16_t)(FIRST_PORT + (mixed & 0xffff) % (0xffff - FIRST_PORT)));
    syn->tcp.dest = htons(port ? port : (uint16_t)(number % 0xffff + 1));
    syn->tcp.seq = mixed;
    syn->tcp.doff = 5;
    syn->tcp.syn = 1;
    syn->tcp.window = htons(65535);
    syn->tcp.check = finish(sum_of(&syn->tcp, sizeof(syn->tcp)) + sum_of(&syn->ip.saddr, 8) +
                            IPPROTO_TCP + (uint32_t)sizeof(syn->tcp));
}

static int send_batch(int fd, char **words, uint32_t first, unsigned count)
{
    static struct syn syns[BATCH];
    static struct sockaddr_in targets[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    memset(messages, 0, sizeof(messages));
    for (unsigned i = 0; i < count; i++) {
        make(&syns[i], words, first + i);
        targets[i] =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = syns[i].ip.daddr};
        parts[i] = (struct iovec){.iov_base = &syns[i], .iov_len = sizeof(syns[i])};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &targets[i],
                                              .msg_namelen = sizeof(targets[i]),
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
    return sendmmsg(fd, messages, count, 0);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: syn_flood CLIENTS TARGETS PORT COUNT PER_SECOND\n");
        return 2;
    }
    uint32_t count = (uint32_t)atoi(argv[4]);
    double per_second = atof(argv[5]);
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    double began = now_s();
    uint32_t sent = 0;
    for (uint32_t at = 0; at < count; at += BATCH) {
        double early_s = began + at / per_second - now_s();
        if (early_s > 0)
            nanosleep(&(struct timespec){.tv_nsec = (long)(early_s * 1e9) % 1000000000}, NULL);
        unsigned size = count - at < BATCH ? count - at : BATCH;
        int done = send_batch(fd, argv + 1, at, size);
        /* EPERM: the kernel's table of connections is full of earlier ones. */
        if (done < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EPERM) {
            perror("sendmmsg");
            return 1;
        }
        sent += done > 0 ? (uint32_t)done : 0;
    }
    printf("%u SYNs in %.2f s\n", sent, now_s() - began);
    return 0;
}
