/* An application's UDP socket that is the test: its datagrams are delivered, what it is sent is
 * kept and looked at. */
#ifndef TESTS_FAKE_DGRAM_H
#define TESTS_FAKE_DGRAM_H

#include "base/dgram.h"

#include <stdbool.h>

enum { FAKE_DGRAM_KEPT = 64, FAKE_DGRAM_BYTES = 2048 };

struct fake_datagram {
    struct endpoint peer;
    size_t size; /* of which FAKE_DGRAM_BYTES are kept */
    uint8_t data[FAKE_DGRAM_BYTES];
};

struct fake_dgram {
    struct dgram dgram; /* first: what the owner gets */
    int send_err;       /* < 0: sending fails with it */
    int sent;
    struct fake_datagram kept[FAKE_DGRAM_KEPT]; /* the first that were sent */
    int refused, refused_late;
    bool is_closed;
    bool is_delivering;
};

struct fake_dgram *fake_dgram_new(const char *client);
void fake_dgram_free(struct fake_dgram *fake); /* closed by its owner */
/* To `peer`, "name:port" or "address:port". False: it was refused. */
bool fake_dgram_deliver(struct fake_dgram *fake, const char *peer, const void *data, size_t size);
void fake_dgram_end(struct fake_dgram *fake, int err);

#endif
