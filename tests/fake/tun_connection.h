/* One TCP connection through a tun_rig: the client is the test, the stream is admitted. For cmocka
 * fixtures. */
#ifndef TESTS_FAKE_TUN_CONNECTION_H
#define TESTS_FAKE_TUN_CONNECTION_H

#include "tests/fake/tun_rig.h"

enum { PATTERN_BYTES = 200000 };
extern uint8_t pattern[PATTERN_BYTES]; /* filled by set_up; no piece is like another */

struct tun_connection {
    struct tun_rig rig;
    struct rig_client client;
    struct stream *stream; /* NULL when the test has let it go */
};

int tun_connection_set_up(void **state);
int tun_connection_set_up_v6(void **state);
int tun_connection_tear_down(void **state);

/* Exactly these bytes are readable. */
void tun_connection_expect(struct tun_connection *connection, const void *data, size_t size);
/* What the netstack sends from here on, put together; acknowledges each packet. */
size_t tun_connection_receive(struct tun_connection *connection, uint8_t *to, size_t capacity,
                              bool *ret_fin);
/* lwIP believes a smaller window only if it comes with a later sequence number. */
void tun_connection_shrink_window(struct tun_connection *connection, uint16_t window);

#endif
