/* How many conversations each destination has, and how many it may: one that never answers, or an
 * application that asks one server for everything, shall leave room for the others. A destination
 * is an IP address with all its ports, or a name where the client told one. */
#ifndef SERVICE_ENGINE_DESTINATIONS_H
#define SERVICE_ENGINE_DESTINATIONS_H

#include "base/endpoint.h"
#include "base/map.h"

struct destination;

struct destinations {
    struct map map; /* those that have any */
    uint32_t limit; /* conversations of each */
};

void destinations_init(struct destinations *destinations);
void destinations_done(struct destinations *destinations); /* of an empty one */

/* One more conversation. 0 and what has to be given to destinations_leave, ERR_LIMIT or -ENOMEM. */
int destinations_enter(struct destinations *destinations, const struct endpoint *target,
                       struct destination **ret);
void destinations_leave(struct destinations *destinations, struct destination *destination);

#endif
