/* The engine's own parts, for the files that make it up; nobody else includes this. */
#ifndef SERVICE_ENGINE_ENGINE_PARTS_H
#define SERVICE_ENGINE_ENGINE_PARTS_H

#include "adblock/list_watch.h"
#include "adblock/lists.h"
#include "base/wall_timer.h"
#include "proxy/dialer.h"
#include "proxy/pool.h"
#include "service/engine/admission.h"
#include "service/engine/echo.h"
#include "service/engine/engine.h"
#include "service/engine/list_keeper.h"
#include "service/engine/own_rules_file.h"
#include "service/engine/traffic.h"

/* The configured ones, the built-in one, and the user's own rules. */
enum { ENGINE_LISTS_MAX = CONFIG_LISTS_MAX + 2 };

/* What stands in front of the lists, and which of them a schedule takes away (engine_rules.c). */
struct engine_rules {
    struct own_rules own;
    struct kept_file *file;
    struct wall_timer *timer; /* for the next end or beginning */
    struct filter *filter;    /* counted: the lists with the own rules in front; NULL: no rules */
    bool is_off_by_schedule;
    uint64_t lists_hidden[2]; /* a bit for each list that a schedule took away when they were set */
};

struct engine {
    struct loop *loop;
    struct engine_host host;
    struct config *config; /* counted; NULL before the first */
    struct config
        *dns_config; /* counted; what the resolver borrows: the same, but while it fails */
    struct traffic traffic;
    struct lists *lists;
    struct list_watch *list_watch;   /* NULL without a state folder */
    struct list_keeper *list_keeper; /* NULL: another worker downloads, or nobody */
    struct engine_rules rules;
    struct admission *admission;
    struct health health;
    struct door *door;
    struct netstack *netstack;
    struct echo echo;
    int tun_fd;    /* -1: none */
    int state_dir; /* borrowed; -1: none */
};

/* What came in by a door. */
void engine_take_inbound(struct engine *engine, struct inbound *inbound);
/* The lists that come from URLs (engine_lists.c): keep them in the state folder, and up to date
 * from now on; stop that. */
void engine_keep_lists(struct engine *engine);
void engine_follow_lists(struct engine *engine);
void engine_stop_lists(struct engine *engine);
/* The settings that concern the local endpoint. */
struct door_options engine_door_options(const struct config *config);
/* Compile the lists that are in force at that time. 0, or < 0 with *error. */
int engine_set_lists(struct engine *engine, const struct config_filter *config, time_t now,
                     struct engine_error *error);
/* Are the lists that were set last those that are in force at that time? */
bool engine_has_lists_of(const struct engine *engine, time_t now);

int engine_rules_init(struct engine *engine);
void engine_rules_done(struct engine *engine);
/* Look at rules, schedules and the clock anew. */
void engine_follow_rules(struct engine *engine);
loop_fn engine_lists_changed;

/* From "connecting" on, with probes; where there is a TUN. */
void engine_start_health(struct engine *engine);

#endif
