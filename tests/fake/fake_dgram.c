#include "tests/fake/fake_dgram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct fake_dgram *fake_of(struct dgram *dgram)
{
    struct fake_dgram *fake = (struct fake_dgram *)dgram;
    assert(!fake->is_closed);
    return fake;
}

static int fake_send(struct dgram *dgram, const struct endpoint *peer, const void *data,
                     size_t size)
{
    struct fake_dgram *fake = fake_of(dgram);
    struct fake_datagram *kept;
    if (fake->send_err < 0)
        return fake->send_err;
    if (fake->sent++ >= FAKE_DGRAM_KEPT)
        return 0;
    kept = &fake->kept[fake->sent - 1];
    kept->peer = *peer;
    kept->size = size;
    memcpy(kept->data, data, size < FAKE_DGRAM_BYTES ? size : FAKE_DGRAM_BYTES);
    return 0;
}

static void fake_refuse(struct dgram *dgram)
{
    struct fake_dgram *fake = fake_of(dgram);
    assert(fake->is_delivering);
    fake->refused++;
}

static void fake_refuse_late(struct dgram *dgram, const struct endpoint *peer, const void *data,
                             size_t size)
{
    struct fake_dgram *fake = fake_of(dgram);
    assert(peer && data && size > 0);
    fake->refused_late++;
}

static void fake_close(struct dgram *dgram)
{
    fake_of(dgram)->is_closed = true;
}

static const struct dgram_ops fake_ops = {
    .send = fake_send, .refuse = fake_refuse, .refuse_late = fake_refuse_late, .close = fake_close};

struct fake_dgram *fake_dgram_new(const char *client)
{
    struct fake_dgram *fake = calloc(1, sizeof(*fake));
    int err;
    assert(fake);
    fake->dgram.ops = &fake_ops;
    err = address_parse(client, &fake->dgram.client);
    assert(err == 0);
    (void)err;
    return fake;
}

void fake_dgram_free(struct fake_dgram *fake)
{
    assert(fake->is_closed);
    free(fake);
}

bool fake_dgram_deliver(struct fake_dgram *fake, const char *peer, const void *data, size_t size)
{
    struct endpoint to;
    int before = fake->refused;
    int err = endpoint_parse(peer, 0, &to);
    assert(err == 0 && !fake->is_closed);
    (void)err;
    fake->is_delivering = true;
    fake->dgram.on_datagram(fake->dgram.owner, &to, data, size);
    fake->is_delivering = false;
    return fake->refused == before;
}

void fake_dgram_end(struct fake_dgram *fake, int err)
{
    assert(!fake->is_closed);
    fake->dgram.on_end(fake->dgram.owner, err);
}
