/* The engine's own parts, for the files that make it up; nobody else includes this. */
#ifndef SERVICE_ENGINE_ENGINE_PARTS_H
#define SERVICE_ENGINE_ENGINE_PARTS_H

#include "adblock/lists.h"
#include "proxy/dialer.h"
#include "proxy/pool.h"
#include "service/engine/admission.h"
#include "service/engine/echo.h"
#include "service/engine/engine.h"
#include "service/engine/traffic.h"

struct engine {
    struct loop *loop;
    struct engine_host host;
    struct config *config; /* counted; NULL before the first */
    struct config
        *dns_config; /* counted; what the resolver borrows: the same, but while it fails */
    struct traffic traffic;
    struct lists *lists;
    struct admission *admission;
    struct health health;
    struct door *door;
    struct netstack *netstack;
    struct echo echo;
    int tun_fd;    /* -1: none */
    int state_dir; /* borrowed; -1: none */
};

/* The settings that concern the local endpoint. */
struct door_options engine_door_options(const struct config *config);
/* From "connecting" on, with probes; where there is a TUN. */
void engine_start_health(struct engine *engine);

#endif
