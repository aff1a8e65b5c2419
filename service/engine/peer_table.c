#include "service/engine/peer_table.h"

static const struct peer_pair *find(const struct peer_table *table, const struct address *stand_in,
                                    const struct address *real)
{
    size_t count = table->count < PEER_TABLE_MAX ? table->count : PEER_TABLE_MAX;

    for (size_t i = 0; i < count; i++) {
        const struct peer_pair *pair = &table->pairs[i];
        if (stand_in ? address_is_equal(&pair->stand_in, stand_in)
                     : address_is_equal(&pair->real, real))
            return pair;
    }
    return NULL;
}

void peer_table_put(struct peer_table *table, const struct address *stand_in,
                    const struct address *real)
{
    struct peer_pair *pair = (struct peer_pair *)find(table, NULL, real);

    if (!pair) /* two names at one address: the last one that was spoken to is meant */
        pair = &table->pairs[table->count++ % PEER_TABLE_MAX];
    *pair = (struct peer_pair){*stand_in, *real};
}

const struct address *peer_table_real(const struct peer_table *table,
                                      const struct address *stand_in)
{
    const struct peer_pair *pair = find(table, stand_in, NULL);
    return pair ? &pair->real : NULL;
}

const struct address *peer_table_stand_in(const struct peer_table *table,
                                          const struct address *real)
{
    const struct peer_pair *pair = find(table, NULL, real);
    return pair ? &pair->stand_in : NULL;
}
