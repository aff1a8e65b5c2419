/* Address -> name, in memory that several workers share: one hears the DNS answer, another gets the
 * connection. A table of fixed size without locks: whoever writes a slot marks it meanwhile, a
 * reader that met a mark has seen nothing, and a slot whose writer died is lost until the table is.
 */
#ifndef SERVICE_ENGINE_SHARED_NAMES_H
#define SERVICE_ENGINE_SHARED_NAMES_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shared_names;

/* `fd`: memory of at least one row of slots, zeroed at first; borrowed until return. 0 or < 0. */
int shared_names_open(int fd, struct shared_names **ret);
void shared_names_close(struct shared_names *names); /* NULL is accepted */

/* As name_cache_put; `address` is unmapped and without a port. The one that ends first makes room.
 */
void shared_names_put(struct shared_names *names, const struct address *address, const char *name,
                      uint64_t until_ms);
/* false: unknown, too old, or just being written. */
bool shared_names_find(const struct shared_names *names, const struct address *address,
                       uint64_t now_ms, char ret_name[NAME_MAX_BYTES + 1]);

#endif
