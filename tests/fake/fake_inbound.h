/* A knock at a door that does not exist: what its owner answers is looked at. Admitting it gives a
 * fake stream. The fake asserts that it is ended exactly once. */
#ifndef TESTS_FAKE_INBOUND_H
#define TESTS_FAKE_INBOUND_H

#include "base/inbound.h"
#include "tests/fake/fake_stream.h"

struct fake_inbound {
    struct inbound inbound;     /* first: what the owner gets */
    struct fake_stream *client; /* made beforehand, so that it can be fed before */
    int admit_err;              /* < 0: admit fails with it */
    bool is_admitted, is_refused;
    int refused_err;
};

struct fake_inbound *fake_inbound_new(struct loop *loop, const char *door, const char *target);
void fake_inbound_free(struct fake_inbound *fake); /* ended, and its stream let go of */
/* The client gives up; the owner is told and must refuse. */
void fake_inbound_leave(struct fake_inbound *fake);

#endif
