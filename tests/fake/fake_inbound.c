#include "tests/fake/fake_inbound.h"

#include <assert.h>
#include <stdlib.h>

static struct fake_inbound *fake_of(struct inbound *inbound)
{
    struct fake_inbound *fake = (struct fake_inbound *)inbound;
    assert(!fake->is_admitted && !fake->is_refused);
    return fake;
}

static int fake_admit(struct inbound *inbound, struct stream **ret)
{
    struct fake_inbound *fake = fake_of(inbound);
    fake->is_admitted = true;
    if (fake->admit_err < 0) {
        stream_abort(&fake->client->stream);
        return fake->admit_err;
    }
    *ret = &fake->client->stream;
    return 0;
}

static void fake_refuse(struct inbound *inbound, int err)
{
    struct fake_inbound *fake = fake_of(inbound);
    fake->is_refused = true;
    fake->refused_err = err;
    stream_abort(&fake->client->stream);
}

static const struct inbound_ops fake_ops = {.admit = fake_admit, .refuse = fake_refuse};

struct fake_inbound *fake_inbound_new(struct loop *loop, const char *door, const char *target)
{
    struct fake_inbound *fake = calloc(1, sizeof(*fake));
    int err;
    assert(fake);
    fake->inbound.ops = &fake_ops;
    fake->inbound.door = door;
    err = address_parse("192.0.2.9:40000", &fake->inbound.client);
    assert(err == 0);
    err = endpoint_parse(target, 0, &fake->inbound.target);
    assert(err == 0);
    (void)err;
    fake->client = fake_stream_new(loop);
    return fake;
}

void fake_inbound_free(struct fake_inbound *fake)
{
    assert(fake->is_admitted || fake->is_refused);
    assert(fake->client->is_closed || fake->client->is_aborted);
    fake_stream_free(fake->client);
    free(fake);
}

void fake_inbound_leave(struct fake_inbound *fake)
{
    if (fake->inbound.on_gone)
        fake->inbound.on_gone(fake->inbound.owner);
    assert(fake->is_refused);
}
