#include "base/err.h"
#include "proxy/attempt.h"

int associate_start(struct dialer *dialer, struct upstream *upstream, associate_done_fn *on_done,
                    void *owner, struct associate **ret)
{
    (void)dialer;
    (void)upstream;
    (void)on_done;
    (void)owner;
    (void)ret;
    return ERR_UNSUPPORTED; /* follows */
}

void associate_cancel(struct associate *associate)
{
    (void)associate;
}
