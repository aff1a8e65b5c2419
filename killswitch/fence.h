/* The firewall: a pure description of what may leave, its text for nftables, and the calls that put
 * it in force. Each change is one atomic transaction; the tables are kernel state and outlive every
 * process of ours. Root half only. Errors carry libnftables' own words. */
#ifndef KILLSWITCH_FENCE_H
#define KILLSWITCH_FENCE_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FENCE_ADMITTED_MAX = 256, FENCE_DEVICES_MAX = 32 };

struct fence_admitted {
    struct address address;
    int protocol; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct fence {
    uid_t worker;
    char tun[16];
    struct address tun4, tun6; /* the TUN's own addresses */
    bool admits_all;           /* an upstream of kind direct: the worker may reach any endpoint */
    bool admits_lan;
    size_t admitted_count;
    struct fence_admitted admitted[FENCE_ADMITTED_MAX];
    size_t device_count; /* physical devices for the layer 2 chain */
    char devices[FENCE_DEVICES_MAX][16];
};

/* The whole ruleset as text, one transaction: pure, the same input gives the same text. Allocated;
 * NULL out of memory. (killswitch/ruleset.c) */
char *ruleset_format(const struct fence *fence);
char *ruleset_format_off(void);

struct fence_error {
    char text[512];
};

/* Put in force, replacing what is there. 0 or < 0, then the old ruleset stands. */
int fence_arm(const struct fence *fence, struct fence_error *error);
/* Only our own tables go. Idempotent. */
int fence_disarm(struct fence_error *error);
/* 1 our tables are there, 0 not, < 0 cannot be told. */
int fence_inspect(struct fence_error *error);

#endif
