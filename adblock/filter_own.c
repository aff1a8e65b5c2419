/* A filter with the user's own names in front: it borrows everything else from the one that it was
 * made of, so that a name is allowed or denied at once, whatever the size of the lists. */
#include "adblock/filter_state.h"

#include <errno.h>
#include <stdlib.h>

int filter_with_own(struct filter *base, const struct filter_own *own, size_t count,
                    struct filter **ret)
{
    struct filter *filter = malloc(sizeof(*filter));
    if (!filter)
        return -ENOMEM;
    base = base->base ? base->base : base;
    *filter = *base;
    filter->own = NULL;
    int err = own_names_new(own, count, base->image.seed, &filter->own);
    if (err < 0) {
        free(filter);
        return err;
    }
    atomic_init(&filter->references, 1);
    filter->serial = filter_next_serial();
    filter->base = filter_ref(base);
    *ret = filter;
    return 0;
}
