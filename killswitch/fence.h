/* The firewall: a pure description of what may leave, its text for nftables, and the calls that put
 * it in force. Each change is one atomic transaction; the tables are kernel state and outlive every
 * process of ours. Root half only. Errors carry libnftables' own words. */
#ifndef KILLSWITCH_FENCE_H
#define KILLSWITCH_FENCE_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FENCE_ADMITTED_MAX = 256, FENCE_DEVICES_MAX = 32, FENCE_ONLINK_MAX = 64 };

/* Our tables: inet and netdev, both of this name. */
#define FENCE_TABLE "atlantic"

/* Packet marks, also used by the routing rules. The first two share eight bits; the third is a bit
 * of its own. */
#define FENCE_MARK_MASK   0x00ff0000u
#define FENCE_MARK_WORKER 0x004b0000u /* a flow of the worker's to an admitted endpoint */
#define FENCE_MARK_DNS    0x004c0000u /* plain DNS of anybody else: into the TUN, whatever it says */
#define FENCE_MARK_SEEN   0x01000000u /* passed the inet hooks; the layer 2 chain drops the rest */

/* No worker yet (its user is unknown in early boot): nobody's flows are admitted. */
#define FENCE_NOBODY ((uid_t)-1)

/* UDP with port 0: every port but plain DNS, for a SOCKS5 server that relays from any. */
struct fence_admitted {
    struct address address;
    int protocol; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct fence_prefix {
    struct address network; /* port 0 */
    uint8_t bits;
};

struct fence {
    uid_t worker;
    char tun[16];
    struct address tun4, tun6; /* the TUN's own addresses; family 0 for none */
    bool admits_all;           /* an upstream of kind direct: the worker may reach any endpoint */
    bool admits_lan;           /* the private ones of the on-link prefixes, DNS excepted */
    size_t admitted_count;
    struct fence_admitted admitted[FENCE_ADMITTED_MAX];
    size_t device_count; /* physical devices for the layer 2 chain */
    char devices[FENCE_DEVICES_MAX][16];
    size_t onlink_count; /* what the physical devices reach without a router */
    struct fence_prefix onlink[FENCE_ONLINK_MAX];
};

/* The whole ruleset as text, one transaction: pure, the same input gives the same text. Allocated;
 * NULL out of memory. (killswitch/ruleset.c) */
char *ruleset_format(const struct fence *fence);
char *ruleset_format_off(void);
/* One endpoint more or less in the ruleset that stands. */
char *ruleset_format_admit(const struct fence_admitted *admitted, bool withdraw);
/* Wholly inside a range for private networks: what admits_lan may open (RFC 1918, 3927, 4193, and
 * fe80::/10). A network that lies about its prefix (TunnelCrack) is not. (killswitch/prefix.c) */
bool fence_prefix_is_lan(const struct fence_prefix *prefix);

struct fence_error {
    char text[512];
};

/* Put in force, replacing what is there. 0; 1 in force except for the layer 2 chain, which this
 * kernel refuses (*error says why); < 0, then the old ruleset stands. Devices that are gone by now
 * are left out. */
int fence_arm(const struct fence *fence, struct fence_error *error);
/* One endpoint more or less, without touching the rest. < 0 also when no fence is armed. */
int fence_admit(const struct fence_admitted *admitted, struct fence_error *error);
int fence_withdraw(const struct fence_admitted *admitted, struct fence_error *error);
/* Only our own tables go. Idempotent. */
int fence_disarm(struct fence_error *error);
/* 1 our tables are there, 0 not, < 0 cannot be told. */
int fence_inspect(struct fence_error *error);

#endif
