/* One conversation and its facts: what the registry knows of every connection that goes on, for
 * status, limits, logs and the usage ledger. How it proceeds is the business of tcp_flow and
 * udp_flow, which embed it. */
#ifndef SERVICE_ENGINE_FLOW_H
#define SERVICE_ENGINE_FLOW_H

#include "base/endpoint.h"
#include "base/list.h"
#include "base/trim.h"
#include "proxy/relay.h"
#include "proxy/upstream.h"
#include "service/engine/destinations.h"

#include <stddef.h>
#include <stdint.h>

enum flow_kind { FLOW_TCP, FLOW_UDP };
enum { FLOW_KINDS = 2 };

enum flow_state { FLOW_ACCEPTED, FLOW_SNIFFING, FLOW_DIALING, FLOW_RELAYING };

/* What has passed through one upstream: cumulative, never lowered. May lie in memory that outlives
 * the process (the usage ledger's), so it is counted in place, as the bytes move: whatever was
 * counted is not lost with a killed worker. */
struct tally {
    struct relay_bytes bytes;
    uint64_t requests; /* conversations that it was given */
    uint64_t blocked;  /* questions and conversations that were refused; no upstream's: see flows */
};

struct flow {
    struct list node; /* in the registry, oldest first */
    struct flows *flows;
    uint64_t id; /* unique in this process; "flow=812" in logs */
    enum flow_kind kind;
    enum flow_state state;
    const char *door; /* "tun", "socks5", "http" */
    struct address client;
    struct endpoint target;
    char *host;                /* from the hello, the Host header or the name cache; NULL unknown */
    struct upstream *upstream; /* counted; NULL before the first dial */
    struct tally *tally;       /* the upstream's */
    struct destination *destination; /* of TCP; else NULL */
    struct relay_bytes bytes;
    uint64_t started_at_ms;
};

/* The live tally of the upstream of this name; the pointer stays good as long as the registry.
 * Never NULL. */
typedef struct tally *flow_tally_fn(void *owner, const char *upstream);

struct flow_counters {
    uint64_t opened[FLOW_KINDS], refused_at_limit[FLOW_KINDS];
    uint64_t refused_per_destination; /* of TCP, beside those */
    uint64_t failed;                  /* no upstream could carry it */
    uint64_t blocked;                 /* by a verdict */
    uint64_t dropped;                 /* datagrams that found a queue full */
};

struct flows {
    struct list all;
    struct loop *loop;
    uint64_t next_id;
    uint32_t live[FLOW_KINDS], max[FLOW_KINDS];
    struct trim trim;                 /* what they took, when many have ended */
    struct destinations destinations; /* of TCP: a UDP socket has many */
    struct flow_counters counters;
    flow_tally_fn *find_tally;
    void *owner;
};

void flows_init(struct flows *flows, struct loop *loop, flow_tally_fn *find_tally, void *owner);
void flows_done(struct flows *flows); /* of none */

/* Enter the registry. 0, ERR_LIMIT (counted) or -ENOMEM; then flow_done must not be called. */
int flow_init(struct flow *flow, struct flows *flows, enum flow_kind kind, const char *door,
              const struct address *client, const struct endpoint *target);
void flow_done(struct flow *flow);

/* Copies; the first name stays. */
void flow_set_host(struct flow *flow, const char *host);
/* From now on it is this upstream that is tried for it. */
void flow_set_upstream(struct flow *flow, struct upstream *upstream);
/* The upstream took it: one request of its tally. */
void flow_set_relaying(struct flow *flow);
void flow_count(struct flow *flow, uint64_t up, uint64_t down);

/* Host and target for the log, as far as the settings allow names; returns `to`. */
enum { FLOW_TEXT_MAX = 640 };
const char *flow_format(const struct flow *flow, char *to);
const char *flow_state_text(enum flow_state state);

#endif
