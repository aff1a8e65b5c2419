/* Memory given back to the system. What is freed stays with the allocator, spread over pages that
 * are nearly empty: a morning's peak would be held until the evening. */
#ifndef BASE_TRIM_H
#define BASE_TRIM_H

#include "base/loop.h"

/* At once: after something large was made and dropped what it took. A walk through the heap. */
void trim_now(struct loop *loop);

/* After a rush: embedded in whoever counts the things that come and go. */
struct trim {
    struct timer timer;
    uint32_t live, peak; /* now; the most since memory was given back last */
    uint64_t times;      /* that it was */
    bool is_early;       /* it was, but some of them may still be closing */
};

void trim_init(struct trim *trim, struct loop *loop);
void trim_done(struct trim *trim);
/* There are `live` of them now. Costs nothing until a rush is over. */
void trim_note(struct trim *trim, uint32_t live);

#endif
