/* At most so many in each second of a clock. Two seconds' worth may come at once, at the turn from
 * one to the next: for what must not be asked without end, not for shaping. Embedded; {0} is one
 * that has given nothing yet. */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint64_t second; /* of which `taken` were had */
    uint32_t taken;
};

/* One of this second's; false: they are used up. */
bool rate_take(struct rate *rate, uint64_t now_ms, uint32_t per_second);

#endif
