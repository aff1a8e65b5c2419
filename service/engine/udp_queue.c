#include "service/engine/udp_queue.h"

#include <stdlib.h>
#include <string.h>

void udp_queue_init(struct udp_queue *queue, void *owner)
{
    *queue = (struct udp_queue){.owner = owner};
    list_init(&queue->all);
}

void udp_queue_done(struct udp_queue *queue)
{
    list_each(node, &queue->all)
        udp_queued_free(list_item(node, struct udp_queued, node));
}

struct udp_queued *udp_queue_add(struct udp_queue *queue, const struct endpoint *peer,
                                 const struct address *stand_in, const void *data, size_t size)
{
    bool has_room = queue->count < UDP_QUEUE_MAX && queue->bytes + size <= UDP_QUEUE_MAX_BYTES;
    struct udp_queued *item = has_room ? malloc(sizeof(*item) + size) : NULL;

    if (!item)
        return NULL;
    *item = (struct udp_queued){.queue = queue, .peer = *peer, .stand_in = *stand_in, .size = size};
    memcpy(item->bytes, data, size);
    list_append(&queue->all, &item->node);
    queue->count++;
    queue->bytes += size;
    return item;
}

void udp_queued_free(struct udp_queued *item)
{
    dns_lookup_cancel(item->lookup);
    list_remove(&item->node);
    item->queue->count--;
    item->queue->bytes -= item->size;
    free(item);
}
