/* A whole engine without a TUN: its local endpoint on loopback, a host that is the test, an echo
 * server and a DNS server that it may reach. */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include "dns_peer.h"

#include "service/engine/engine.h"

struct engine_rig {
    struct loop *loop;
    struct engine *engine;
    struct config *config; /* the one in force */
    struct engine_error error;
    struct loopback_server echo, dns, proxy;
    struct dns_peer dns_peer;
    uint8_t proxy_code;
    struct address door;
    /* The host. */
    int admit_err;
    int reports, told_blocked;
    struct tally tally; /* of every upstream */
    /* The client. */
    int fd;
    uint8_t heard[512];
};

int engine_rig_open(void **state); /* configured, listening; one upstream, direct */
int engine_rig_close(void **state);

/* "%s" of the text are upstreams, as YAML, and what else there is to say about filters. */
struct config *engine_rig_config(struct engine_rig *rig, const char *upstreams, const char *filter);
/* Takes the configuration. */
int engine_rig_configure(struct engine_rig *rig, struct config *config);
int engine_rig_listen(struct engine_rig *rig);

/* CONNECT by SOCKS5 to an address or a name of at most 200 bytes; returns the reply's code. The
 * connection before is closed. */
int engine_rig_connect(struct engine_rig *rig, const char *host, uint16_t port);
/* Say something and hear it again. */
void engine_rig_echo(struct engine_rig *rig, const char *text);
void engine_rig_hang_up(struct engine_rig *rig);
void engine_rig_settle(struct engine_rig *rig);

#endif
