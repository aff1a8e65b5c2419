#include "engine_lab.h"

#include "service/engine/dns_stream.h"
#include "service/engine/tcp_flow.h"
#include "service/engine/udp_flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TURNS_MAX = 3000, TURN_WAIT_MS = 10, SETTLE_TURNS = 10, START_MS = 1000000 };

static const struct filter *filter_in_force(void *owner)
{
    return ((struct engine_lab *)owner)->filter;
}

static void on_blocked(void *owner)
{
    ((struct engine_lab *)owner)->told_blocked++;
}

static void on_outcome(void *owner, int err)
{
    struct engine_lab *lab = owner;
    lab->outcomes++;
    lab->last_outcome = err;
}

static struct tally *find_tally(void *owner, const char *upstream)
{
    (void)upstream;
    return &((struct engine_lab *)owner)->tally;
}

void engine_lab_open(struct engine_lab *lab)
{
    static const struct upstream_options direct = {.name = "direct", .kind = UPSTREAM_DIRECT};
    static const struct dialer_options defaults;
    struct traffic *traffic = &lab->traffic;

    memset(lab, 0, sizeof(*lab));
    lab->loop = loop_new();
    lab->now_ms = START_MS;
    loop_fake_clock(lab->loop, lab->now_ms);
    traffic->loop = lab->loop;
    flows_init(&traffic->flows, lab->loop, find_tally, lab);
    traffic->flows.max[FLOW_TCP] = traffic->flows.max[FLOW_UDP] = 100;
    traffic->flows.destinations.limit = 100;
    traffic->connector = (struct connector){lab->loop, pool_new(), dialer_new(lab->loop, &defaults),
                                            NULL,      on_outcome, lab};
    traffic->decisions.filter = filter_in_force;
    traffic->decisions.on_blocked = on_blocked;
    traffic->decisions.owner = lab;
    traffic->names = name_cache_new(100);
    traffic->refuses_quic = true;
    list_init(&traffic->tcp_flows);
    list_init(&traffic->udp_flows);
    list_init(&traffic->dns_streams);
    engine_lab_set_upstreams(lab, &direct, 1);
}

void engine_lab_close(struct engine_lab *lab)
{
    struct traffic *traffic = &lab->traffic;

    tcp_flow_abort_all(traffic);
    udp_flow_abort_all(traffic);
    dns_stream_abort_all(traffic);
    dns_free(traffic->dns);
    dialer_free(traffic->connector.dialer);
    pool_free(traffic->connector.pool);
    name_cache_free(traffic->names);
    filter_unref(lab->filter);
    flows_done(&traffic->flows);
    loop_free(lab->loop);
}

static struct filter_source source(const char *name, const char *category, const char *list)
{
    return (struct filter_source){.name = name,
                                  .category = category,
                                  .format = FILTER_DOMAINS,
                                  .text = list,
                                  .size = strlen(list)};
}

void engine_lab_rules(struct engine_lab *lab, const char *rules)
{
    struct filter_source rule_list = source("rules", "ads", rules);
    struct filter_problem problem;

    rule_list.format = FILTER_ADBLOCK;
    filter_unref(lab->filter);
    assert_int_equal(filter_compile(&rule_list, 1, NULL, 0, &lab->filter, &problem), 0);
}

void engine_lab_filter(struct engine_lab *lab, const char *blocked, const char *allowed)
{
    struct filter_source sources[] = {source("test list", "ads", blocked),
                                      source("allow", "allow", allowed ? allowed : "")};
    struct filter_problem problem;

    filter_unref(lab->filter);
    assert_int_equal(filter_compile(sources, allowed ? 2 : 1, NULL, 0, &lab->filter, &problem), 0);
}

void engine_lab_block(struct engine_lab *lab, const char *list)
{
    engine_lab_filter(lab, list, NULL);
}

void engine_lab_set_upstreams(struct engine_lab *lab, const struct upstream_options *list,
                              size_t count)
{
    assert_int_equal(pool_set(lab->traffic.connector.pool, list, count), 0);
}

struct upstream_options engine_lab_socks5(const char *name, const struct address *server)
{
    return (struct upstream_options){.name = name,
                                     .kind = UPSTREAM_SOCKS5,
                                     .server = endpoint_from_address(server),
                                     .has_udp = true};
}

void engine_lab_set_dns(struct engine_lab *lab, const struct address *servers, unsigned count)
{
    struct traffic *traffic = &lab->traffic;

    for (unsigned i = 0; i < count; i++)
        lab->dns_servers[i].server = endpoint_from_address(&servers[i]);
    lab->dns = (struct config_dns){.servers = lab->dns_servers,
                                   .servers_count = count,
                                   .cache_entries = 100,
                                   .cache_bytes = 100000,
                                   .timeout_ms = 4000,
                                   .stale_s = 3600,
                                   .prefetches = true};
    traffic->dns = dns_new(&traffic->connector, &lab->dns, &traffic->decisions, traffic->names);
    assert_non_null(traffic->dns);
    traffic->connector.dns = traffic->dns;
}

void engine_lab_settle(struct engine_lab *lab)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        loop_run_once(lab->loop, 0);
}

void engine_lab_pass(struct engine_lab *lab, uint64_t ms)
{
    lab->now_ms += ms;
    loop_fake_clock(lab->loop, lab->now_ms);
    engine_lab_settle(lab);
}

void engine_lab_wait(struct engine_lab *lab, const int *counter, int wanted)
{
    for (int i = 0; i < TURNS_MAX && *counter < wanted; i++)
        loop_run_once(lab->loop, TURN_WAIT_MS);
    assert_int_equal(*counter, wanted);
}

void engine_lab_wait_size(struct engine_lab *lab, const size_t *counter, size_t wanted)
{
    for (int i = 0; i < TURNS_MAX && *counter < wanted; i++)
        loop_run_once(lab->loop, TURN_WAIT_MS);
    assert_int_equal(*counter, wanted);
}
