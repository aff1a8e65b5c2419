#include "service/engine/engine_parts.h"

#include "base/err.h"
#include "base/trim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOG_MODULE "engine"
#include "base/log.h"

enum { UPSTREAMS_MAX = 256 };

static int set_pool(struct engine *engine, const struct config *config)
{
    struct upstream_options options[UPSTREAMS_MAX];
    unsigned count =
        config->upstreams_count < UPSTREAMS_MAX ? config->upstreams_count : UPSTREAMS_MAX;

    for (unsigned i = 0; i < count; i++) {
        const struct config_upstream *from = &config->upstreams[i];
        options[i] = (struct upstream_options){
            .name = from->name,
            .kind = (enum upstream_kind)from->kind,
            .server = from->server,
            .user = from->user,
            .password = from->password,
            .has_udp = from->udp,
            .is_pipelined = from->pipelined,
            .tls_name = from->tls_name,
            .tls_ca_file = from->tls_ca_file,
            .tls_insecure = from->tls_insecure,
            .needs_admission = true,
        };
    }
    return pool_set(engine->traffic.connector.pool, options, count);
}

static int set_dialer(struct engine *engine, const struct config *config)
{
    struct connector *connector = &engine->traffic.connector;
    struct dialer_options options = {
        .connect_timeout_ms = config->timeouts.connect,
        .dial_timeout_ms = config->timeouts.dial,
        .stall_timeout_ms = config->timeouts.stall,
        .buffer_bytes = config->limits.buffer_bytes,
    };

    if (!connector->dialer)
        connector->dialer = dialer_new(engine->loop, &options);
    else
        dialer_set_options(connector->dialer, &options);
    return connector->dialer ? 0 : -ENOMEM;
}

/* Once there is one it stays: applications remember its addresses whatever is configured then. */
static int open_stand_ins(struct engine *engine, const struct config_dns *config)
{
    struct traffic *traffic = &engine->traffic;

    if (traffic->stand_ins || config->mode != CONFIG_DNS_STAND_IN)
        return 0;
    return stand_ins_open(engine->state_dir, &traffic->stand_ins);
}

static int set_dns(struct engine *engine, struct config *config)
{
    struct traffic *traffic = &engine->traffic;
    int err = open_stand_ins(engine, &config->dns);

    if (err < 0)
        return err;

    if (traffic->dns)
        err = dns_configure(traffic->dns, &config->dns);
    else
        traffic->dns =
            dns_new(&traffic->connector, &config->dns, &traffic->decisions, traffic->names);
    traffic->connector.dns = traffic->dns;
    if (err < 0 || !traffic->dns)
        return err < 0 ? err : -ENOMEM;
    dns_use_stand_ins(traffic->dns, traffic->stand_ins);
    config_ref(config);
    config_unref(engine->dns_config);
    engine->dns_config = config;
    return 0;
}

static void set_limits(struct engine *engine, const struct config *config)
{
    struct traffic *traffic = &engine->traffic;

    traffic->flows.max[FLOW_TCP] = config->limits.tcp_flows;
    traffic->flows.max[FLOW_UDP] = config->limits.udp_flows;
    traffic->flows.destinations.limit = config->limits.tcp_per_destination;
    traffic->relay.idle_timeout_ms = config->timeouts.tcp_idle;
    traffic->relay.half_close_timeout_ms = config->timeouts.tcp_half_closed;
    traffic->refuses_quic = config->refuses_quic;
    chunk_pool_set_limit(loop_chunks(engine->loop), config->limits.memory_bytes);
}

struct door_options engine_door_options(const struct config *config)
{
    return (struct door_options){
        .user = config->local.user,
        .password = config->local.password,
        .clients_max = config->limits.local_clients,
        .buffer_bytes = config->limits.buffer_bytes,
        .handshake_timeout_ms = 10000,
    };
}

/* DNS servers are what every user of the tunnel needs first. */
void engine_start_health(struct engine *engine)
{
    const struct config_dns *dns = &engine->config->dns;
    struct endpoint targets[HEALTH_TARGETS_MAX];
    size_t count = 0;

    for (; count < dns->servers_count && count < HEALTH_TARGETS_MAX; count++)
        targets[count] = dns->servers[count].server;
    health_set_targets(&engine->health, targets, count);
    health_start(&engine->health);
}

/* What can fail. */
static int apply(struct engine *engine, struct config *config)
{
    int err = set_dialer(engine, config);

    if (err == 0)
        err = set_pool(engine, config);
    if (err == 0)
        err = set_dns(engine, config);
    if (err == 0)
        err = admission_start(engine->admission, config);
    return err;
}

/* Put the one that is in force back, as far as it was replaced. */
static void apply_old(struct engine *engine)
{
    struct engine_error error;
    struct config *old = engine->config;

    if (old &&
        (engine_set_lists(engine, &old->filter, time(NULL), &error) < 0 || apply(engine, old) < 0))
        log_error("the former configuration is in force in part only");
}

static void apply_limits(struct engine *engine, const struct config *config)
{
    set_limits(engine, config);
    if (engine->door) {
        struct door_options options = engine_door_options(config);
        door_set_options(engine->door, &options);
    }
}

int engine_configure(struct engine *engine, struct config *config, struct engine_error *error)
{
    struct config *old = engine->config;
    int err = engine_set_lists(engine, &config->filter, time(NULL), error);

    if (err < 0)
        return err;
    err = apply(engine, config);
    if (err < 0) {
        snprintf(error->text, sizeof(error->text), "cannot apply the configuration: %s",
                 err_text(err));
        apply_old(engine);
        return err;
    }
    engine->config = config_ref(config);
    config_unref(old);
    apply_limits(engine, config);
    engine_follow_rules(engine);
    engine_follow_lists(engine);
    if (engine->netstack)
        engine_start_health(engine);
    trim_now(engine->loop); /* of the old one, and of reading lists */
    return 0;
}

void engine_admitted(struct engine *engine, const struct address *address, int protocol, int err)
{
    admission_answer(engine->admission, address, protocol, err);
}
