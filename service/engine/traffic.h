/* What every conversation needs to be carried: the shared parts of the engine that tcp_flow,
 * udp_flow and dns_stream work with, and the settings that concern them. Owned by the engine;
 * flows borrow it. */
#ifndef SERVICE_ENGINE_TRAFFIC_H
#define SERVICE_ENGINE_TRAFFIC_H

#include "proxy/relay.h"
#include "service/engine/connect.h"
#include "service/engine/decisions.h"
#include "service/engine/dns.h"
#include "service/engine/flow.h"
#include "service/engine/name_cache.h"
#include "service/engine/stand_ins.h"

#include <stdbool.h>
#include <stdint.h>

struct traffic {
    struct loop *loop;
    struct flows flows;
    struct connector connector;
    struct decisions decisions;
    struct name_cache *names;
    struct dns *dns;
    struct stand_ins *stand_ins; /* NULL before the first configuration that wants them */
    struct relay_options relay;
    bool refuses_quic;
    uint32_t udp_idle_ms;
    struct list tcp_flows, udp_flows, dns_streams; /* all that live, to end them with the engine */
};

#endif
