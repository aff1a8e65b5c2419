/* Whatever the datagrams: a name that is reported can be written in a DNS question. What a datagram
 * holds is sealed, so that random bytes never get that far: the fuzzer's bytes are also taken for
 * the frames of a packet, and sealed here, in pieces of one connection. */
#include "adblock/quic_hello.h"
#include "tests/fake/quic_bytes.h"

#include <assert.h>
#include <string.h>

enum { FRAMES_MAX = 1100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(enum quic_hello_result result, const struct tls_hello *found)
{
    if (result == QUIC_HELLO_NAME)
        assert(found->name[0] && !strpbrk(found->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ/: \n"));
}

static void feed_as_is(const uint8_t *data, size_t size)
{
    struct quic_hello *hello = quic_hello_new();
    struct tls_hello found = {.name = ""};

    check(quic_hello_feed(hello, data, size, &found), &found);
    quic_hello_free(hello);
}

static void feed_sealed(const uint8_t *data, size_t size)
{
    struct quic_hello *hello = quic_hello_new();
    enum quic_hello_result result = QUIC_HELLO_MORE;
    struct tls_hello found = {.name = ""};

    for (uint32_t number = 0; size > 0 && result == QUIC_HELLO_MORE; number++) {
        struct quic_bytes frames = {.size = size < FRAMES_MAX ? size : FRAMES_MAX};
        struct quic_bytes datagram = {.size = 0};
        memcpy(frames.data, data, frames.size);
        quic_bytes_initial(&datagram, QUIC_V1, "fuzz", number, &frames, 0);
        result = quic_hello_feed(hello, datagram.data, datagram.size, &found);
        data += frames.size;
        size -= frames.size;
    }
    check(result, &found);
    quic_hello_free(hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    feed_as_is(data, size);
    feed_sealed(data, size);
    return 0;
}
