#include "tun2socks/flow_table.h"

struct flow_key {
    const struct address *client, *target;
};

static uint64_t hash_of(const struct flow_key *key)
{
    return address_hash(key->client, address_hash(key->target, 0));
}

static bool is_equal(const struct map_node *node, const void *wanted)
{
    const struct flow *flow = map_item(node, struct flow, node);
    const struct flow_key *key = wanted;
    return address_is_equal(&flow->client, key->client) &&
           address_is_equal(&flow->target, key->target);
}

void flow_table_init(struct flow_table *table, uint32_t limit)
{
    *table = (struct flow_table){.limit = limit};
    map_init(&table->map, is_equal);
}

void flow_table_done(struct flow_table *table)
{
    map_done(&table->map);
}

struct flow *flow_table_find(const struct flow_table *table, const struct address *client,
                             const struct address *target)
{
    struct flow_key key = {client, target};
    struct map_node *node = map_find(&table->map, hash_of(&key), &key);
    return node ? map_item(node, struct flow, node) : NULL;
}

bool flow_table_is_full(const struct flow_table *table)
{
    return table->map.count >= table->limit;
}

int flow_table_add(struct flow_table *table, struct flow *flow)
{
    struct flow_key key = {&flow->client, &flow->target};
    int err = map_insert(&table->map, &flow->node, hash_of(&key));
    if (err < 0)
        return err;
    flow->is_listed = true;
    table->counts[flow->kind]++;
    return 0;
}

void flow_table_remove(struct flow_table *table, struct flow *flow)
{
    if (!flow->is_listed)
        return;
    map_remove(&table->map, &flow->node);
    flow->is_listed = false;
    table->counts[flow->kind]--;
}

void flow_table_each(struct flow_table *table, map_visit_fn *fn, void *owner)
{
    map_each(&table->map, fn, owner);
}
