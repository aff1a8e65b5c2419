/* The shared parts of the engine, as its flows get them, without doors and without a configuration
 * file: a pool of any upstreams, a filter of any list, a clock that stands still. */
#ifndef TESTS_ENGINE_LAB_H
#define TESTS_ENGINE_LAB_H

#include "loopback_server.h"

#include "service/engine/traffic.h"

enum { ENGINE_LAB_SERVERS = 4 };

struct engine_lab {
    struct loop *loop;
    struct traffic traffic;
    struct tally tally;    /* of every upstream */
    struct filter *filter; /* NULL: everything passes */
    uint64_t now_ms;

    int outcomes, last_outcome; /* of attempts to dial */
    int told_blocked;           /* how often the ledger heard of a refusal */

    struct config_dns_server dns_servers[ENGINE_LAB_SERVERS];
    struct config_dns dns;
};

/* One upstream, direct; the flows may be many. */
void engine_lab_open(struct engine_lab *lab);
/* Ends every flow. */
void engine_lab_close(struct engine_lab *lab);

/* A list of domains, each with everything below it. */
void engine_lab_block(struct engine_lab *lab, const char *list);
void engine_lab_rules(struct engine_lab *lab, const char *rules); /* of AdGuard's kind */
void engine_lab_filter(struct engine_lab *lab, const char *blocked, const char *allowed);
void engine_lab_set_upstreams(struct engine_lab *lab, const struct upstream_options *list,
                              size_t count);
struct upstream_options engine_lab_socks5(const char *name, const struct address *server);
/* Answer names through a resolver at these addresses. */
void engine_lab_set_dns(struct engine_lab *lab, const struct address *servers, unsigned count);

void engine_lab_pass(struct engine_lab *lab, uint64_t ms); /* time; and what is due then */
void engine_lab_settle(struct engine_lab *lab);            /* what is due now, several turns */
/* Turns until *counter is what is wanted; fails the test if that takes too long. */
void engine_lab_wait(struct engine_lab *lab, const int *counter, int wanted);
void engine_lab_wait_size(struct engine_lab *lab, const size_t *counter, size_t wanted);

#endif
