#include "tun2socks/held.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 4 };

struct held_item {
    struct chunk *chunk;
    size_t size;
};

static struct held_item *item_at(const struct held *held, uint32_t index)
{
    return &held->items[(held->first + index) & (held->capacity - 1)];
}

int held_reserve(struct held *held)
{
    if (held->count < held->capacity)
        return 0;
    uint32_t capacity = held->capacity ? held->capacity * 2 : CAPACITY_MIN;
    struct held_item *items = calloc(capacity, sizeof(*items));
    if (!items)
        return -ENOMEM;
    for (uint32_t i = 0; i < held->count; i++)
        items[i] = *item_at(held, i);
    free(held->items);
    held->items = items;
    held->first = 0;
    held->capacity = capacity;
    return 0;
}

void held_add(struct held *held, struct chunk *chunk, size_t size)
{
    struct held_item *last = held->count ? item_at(held, held->count - 1) : NULL;
    if (last && last->chunk == chunk) {
        last->size += size;
        return;
    }
    assert(held->count < held->capacity);
    struct held_item *item = item_at(held, held->count++);
    item->chunk = chunk ? chunk_ref(chunk) : NULL;
    item->size = size;
}

void held_release(struct held *held, size_t size)
{
    while (size > 0) {
        assert(held->count > 0);
        struct held_item *item = item_at(held, 0);
        if (item->size > size) {
            item->size -= size;
            return;
        }
        size -= item->size;
        chunk_unref(item->chunk);
        held->first = (held->first + 1) & (held->capacity - 1);
        held->count--;
    }
    if (held->count == 0)
        held_clear(held);
}

void held_clear(struct held *held)
{
    for (uint32_t i = 0; i < held->count; i++)
        chunk_unref(item_at(held, i)->chunk);
    free(held->items);
    *held = (struct held){0};
}
