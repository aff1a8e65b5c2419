/* The datagrams of one socket of an application that wait: for an association, for the address of a
 * name, or for the rest of a hello. What does not fit is dropped, as by a full queue on the way. */
#ifndef SERVICE_ENGINE_UDP_QUEUE_H
#define SERVICE_ENGINE_UDP_QUEUE_H

#include "base/endpoint.h"
#include "base/list.h"
#include "service/engine/dns_lookup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UDP_QUEUE_MAX = 32,
    UDP_QUEUE_MAX_BYTES = 128 * 1024, /* two of the largest datagrams, or many of the usual */
};

/* Embedded in the socket's flow. */
struct udp_queue {
    struct list all; /* in the order of their coming */
    size_t count, bytes;
    void *owner;
};

struct udp_queued {
    struct list node;
    struct udp_queue *queue;
    struct endpoint peer;
    struct address stand_in;   /* whom the application thinks it is for; family 0: for `peer` */
    struct dns_lookup *lookup; /* of the peer's name; NULL: none is under way */
    bool is_held;              /* until the hello it belongs to was judged */
    size_t size;
    uint8_t bytes[];
};

void udp_queue_init(struct udp_queue *queue, void *owner);
/* What waits is dropped. */
void udp_queue_done(struct udp_queue *queue);

/* Copies. NULL: there is no room for it. */
struct udp_queued *udp_queue_add(struct udp_queue *queue, const struct endpoint *peer,
                                 const struct address *stand_in, const void *data, size_t size);
/* Takes it out; its lookup ends without a call. */
void udp_queued_free(struct udp_queued *item);

#endif
