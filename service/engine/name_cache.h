/* Address -> the name that an application asked the DNS for. Fed by every answer that passes, so
 * that a connection to a bare address can be judged and shown by name. Bounded: the oldest entry
 * makes room. */
#ifndef SERVICE_ENGINE_NAME_CACHE_H
#define SERVICE_ENGINE_NAME_CACHE_H

#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

struct name_cache;

struct name_cache *name_cache_new(size_t entries_max);
void name_cache_free(struct name_cache *cache);
/* Keep them in memory shared with other workers (shared_names) from now on; `fd` is borrowed. 0 or
 * < 0. */
int name_cache_share(struct name_cache *cache, int fd);

/* Remember that `name` had this address, until `until_ms`. The last name that was asked for wins.
 */
void name_cache_put(struct name_cache *cache, const struct address *address, const char *name,
                    uint64_t until_ms);
/* NULL if unknown or too old; valid until the next put or find. The port does not matter. */
const char *name_cache_find(const struct name_cache *cache, const struct address *address,
                            uint64_t now_ms);
size_t name_cache_count(const struct name_cache *cache); /* of our own */

#endif
