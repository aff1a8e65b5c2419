#include "adblock/quic_hello.h"

#include "adblock/quic_keys.h"
#include "adblock/sniff.h"

#include <stdlib.h>
#include <string.h>

enum {
    RECORD_HEADER = 5, /* the hello is read as if it came in a record, as over TCP */
    HELLO_MAX = SNIFF_MAX_BYTES - RECORD_HEADER,
    PACKET_MAX = 65535,
    NUMBER_MAX = 4, /* bytes of a packet number */
    PACKETS_MAX = 128,
};

/* RFC 9000 sec. 12.4: what an Initial packet may hold. */
enum frame {
    FRAME_PADDING,
    FRAME_PING,
    FRAME_ACK,
    FRAME_ACK_ECN,
    FRAME_CRYPTO = 6,
};

struct quic_hello {
    bool has_keys;
    struct quic_id to;
    struct quic_keys keys;
    unsigned packets;
    size_t ready; /* bytes of the hello without a gap */
    uint8_t has[HELLO_MAX / 8 + 1];
    uint8_t record[SNIFF_MAX_BYTES]; /* a record's header, then the hello */
};

struct frames {
    const uint8_t *data;
    size_t size, at;
};

struct quic_hello *quic_hello_new(void)
{
    return calloc(1, sizeof(struct quic_hello));
}

void quic_hello_free(struct quic_hello *hello)
{
    free(hello);
}

bool quic_hello_is_initial(const void *data, size_t size, struct quic_id *ret_to)
{
    struct quic_packet packet;

    if (!quic_packet_parse(data, size, &packet) || !packet.is_initial)
        return false;
    *ret_to = packet.to;
    return true;
}

/* --- frames ---------------------------------------------------------------------------------- */

/* What is beyond the limit is not kept; tls_hello reads what it has then. */
static void keep(struct quic_hello *hello, uint64_t offset, const uint8_t *data, uint64_t size)
{
    for (uint64_t i = 0; i < size && offset + i < HELLO_MAX; i++) {
        size_t at = (size_t)(offset + i);
        if (hello->has[at / 8] & 1 << at % 8)
            continue; /* the first to come stays: what comes again has to be the same */
        hello->has[at / 8] = (uint8_t)(hello->has[at / 8] | 1 << at % 8);
        hello->record[RECORD_HEADER + at] = data[i];
    }
    while (hello->ready < HELLO_MAX && hello->has[hello->ready / 8] & 1 << hello->ready % 8)
        hello->ready++;
}

static bool read_number(struct frames *frames, uint64_t *ret)
{
    return quic_read_number(frames->data, frames->size, &frames->at, ret);
}

static bool read_crypto(struct quic_hello *hello, struct frames *frames)
{
    uint64_t offset, size;

    if (!read_number(frames, &offset) || !read_number(frames, &size) ||
        size > frames->size - frames->at)
        return false;
    keep(hello, offset, frames->data + frames->at, size);
    frames->at += (size_t)size;
    return true;
}

static bool skip_numbers(struct frames *frames, uint64_t count)
{
    uint64_t number;

    while (count-- > 0)
        if (!read_number(frames, &number))
            return false;
    return true;
}

/* RFC 9000 sec. 19.3: largest, delay, count of ranges, the first; two numbers for each range; three
 * counts with ECN. */
static bool skip_ack(struct frames *frames, bool has_ecn)
{
    uint64_t ranges;

    if (!skip_numbers(frames, 2) || !read_number(frames, &ranges) || ranges > frames->size)
        return false;
    return skip_numbers(frames, 1 + 2 * ranges + (has_ecn ? 3 : 0));
}

/* False: what no client puts there. */
static bool read_frames(struct quic_hello *hello, const uint8_t *data, size_t size)
{
    struct frames frames = {data, size, 0};

    while (frames.at < size) {
        uint64_t type = data[frames.at++];
        if (type == FRAME_PADDING || type == FRAME_PING)
            continue;
        if (type == FRAME_CRYPTO ? !read_crypto(hello, &frames)
                                 : (type != FRAME_ACK && type != FRAME_ACK_ECN) ||
                                       !skip_ack(&frames, type == FRAME_ACK_ECN))
            return false;
    }
    return true;
}

/* --- packets --------------------------------------------------------------------------------- */

/* False: this is not from a client that begins a connection. */
static bool read_packet(struct quic_hello *hello, const uint8_t *data,
                        const struct quic_packet *packet)
{
    uint8_t header[PACKET_MAX], clear[PACKET_MAX], mask[QUIC_MASK_BYTES];
    size_t number_at = packet->number_at;
    uint64_t number = 0;

    if (packet->size > PACKET_MAX || packet->size - number_at < NUMBER_MAX + QUIC_SAMPLE_BYTES ||
        quic_keys_mask(&hello->keys, data + number_at + NUMBER_MAX, mask) < 0)
        return false;
    memcpy(header, data, number_at + NUMBER_MAX);
    header[0] ^= mask[0] & 0x0f;
    size_t payload_at = number_at + (header[0] & 3) + 1;
    for (size_t i = number_at; i < payload_at; i++) {
        header[i] ^= mask[i - number_at + 1];
        number = number << 8 | header[i]; /* the first ones are written whole */
    }
    if (quic_keys_open(&hello->keys, number, header, payload_at, data + payload_at,
                       packet->size - payload_at, clear) < 0)
        return false;
    return read_frames(hello, clear, packet->size - payload_at - QUIC_TAG_BYTES);
}

static bool is_for_us(struct quic_hello *hello, const struct quic_packet *packet)
{
    if (!packet->is_initial)
        return false;
    if (!hello->has_keys) {
        if (quic_keys_of_client(packet->version, &packet->to, &hello->keys) < 0)
            return false;
        hello->to = packet->to;
        hello->has_keys = true;
    }
    return memcmp(&hello->to, &packet->to, sizeof(packet->to)) == 0;
}

static enum quic_hello_result read_hello(struct quic_hello *hello, struct tls_hello *ret)
{
    uint8_t *record = hello->record;

    record[0] = 22; /* handshake, in the version of all records */
    record[1] = record[2] = 3;
    record[3] = (uint8_t)(hello->ready >> 8);
    record[4] = (uint8_t)hello->ready;
    if (hello->ready == 0)
        return QUIC_HELLO_MORE;
    switch (tls_hello_parse(record, RECORD_HEADER + hello->ready, ret)) {
    case TLS_HELLO_NAME: return QUIC_HELLO_NAME;
    case TLS_HELLO_NO_NAME: return QUIC_HELLO_NO_NAME;
    case TLS_HELLO_NOT_TLS: return QUIC_HELLO_NONE;
    case TLS_HELLO_MORE: break;
    }
    return QUIC_HELLO_MORE;
}

enum quic_hello_result quic_hello_feed(struct quic_hello *hello, const void *data, size_t size,
                                       struct tls_hello *ret)
{
    const uint8_t *at = data, *end = at + size;
    struct quic_packet packet;

    while (at < end && quic_packet_parse(at, (size_t)(end - at), &packet)) {
        if (is_for_us(hello, &packet) &&
            (hello->packets++ >= PACKETS_MAX || !read_packet(hello, at, &packet)))
            return QUIC_HELLO_NONE;
        at += packet.size;
    }
    return hello->has_keys ? read_hello(hello, ret) : QUIC_HELLO_NONE;
}
