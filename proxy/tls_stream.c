#include "base/err.h"
#include "proxy/dialer.h"

int tls_stream_new(struct loop *loop, struct stream *inner, const struct tls_options *options,
                   struct stream **ret)
{
    (void)loop;
    (void)options;
    (void)ret;
    stream_abort(inner);
    return ERR_UNSUPPORTED; /* follows */
}
