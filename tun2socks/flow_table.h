/* TCP conversations by their 4-tuple: knocks and streams. The table is the only place where a
 * packet meets its conversation; lwIP's own linear search always sees a list of one. */
#ifndef TUN2SOCKS_FLOW_TABLE_H
#define TUN2SOCKS_FLOW_TABLE_H

#include "base/endpoint.h"
#include "base/map.h"

enum flow_kind {
    FLOW_KNOCK,  /* a SYN that waits for an answer: struct knock */
    FLOW_STREAM, /* lwIP has a pcb: struct tcp_stream */
};

/* Embedded in what it finds. */
struct flow {
    struct map_node node;
    struct address client, target;
    enum flow_kind kind;
    bool is_listed;
};

#define flow_item(flow, type, member) ((type *)(void *)((char *)(flow)-offsetof(type, member)))

struct flow_table {
    struct map map;
    uint32_t limit;
    uint32_t counts[2]; /* by flow_kind */
};

void flow_table_init(struct flow_table *table, uint32_t limit);
void flow_table_done(struct flow_table *table); /* of an empty one */

struct flow *flow_table_find(const struct flow_table *table, const struct address *client,
                             const struct address *target);
bool flow_table_is_full(const struct flow_table *table);
/* client, target and kind are filled in; the tuple is not in the table. 0 or -ENOMEM. */
int flow_table_add(struct flow_table *table, struct flow *flow);
void flow_table_remove(struct flow_table *table, struct flow *flow); /* twice is harmless */
void flow_table_each(struct flow_table *table, map_visit_fn *fn, void *owner);

#endif
