#include "adblock/quic_packet.h"

#include <string.h>

enum { LONG_HEADER = 0x80, FIXED_BIT = 0x40, VERSION_BYTES = 4 };

/* By version; the other types are of no use here, but for their lengths. */
enum { TYPE_INITIAL, TYPE_ZERO_RTT, TYPE_HANDSHAKE, TYPE_RETRY, TYPES };

bool quic_read_number(const uint8_t *data, size_t size, size_t *at, uint64_t *ret)
{
    uint64_t value;
    size_t bytes;

    if (*at >= size)
        return false;
    bytes = (size_t)1 << (data[*at] >> 6);
    if (size - *at < bytes)
        return false;
    value = data[*at] & 0x3f;
    for (size_t i = 1; i < bytes; i++)
        value = value << 8 | data[*at + i];
    *at += bytes;
    *ret = value;
    return true;
}

static bool read_id(const uint8_t *data, size_t size, size_t *at, struct quic_id *ret)
{
    struct quic_id id = {.size = 0};

    if (*at >= size || data[*at] > QUIC_ID_MAX || size - *at - 1 < data[*at])
        return false;
    id.size = data[*at];
    memcpy(id.bytes, data + *at + 1, id.size);
    *at += 1U + id.size;
    *ret = id;
    return true;
}

/* RFC 9369 sec. 3.2: the types are the same, one further. */
static unsigned type_of(uint8_t first, enum quic_version version)
{
    unsigned bits = first >> 4 & 3;
    return version == QUIC_V2 ? (bits + TYPES - 1) % TYPES : bits;
}

static bool skip_token(const uint8_t *data, size_t size, size_t *at)
{
    uint64_t token;

    if (!quic_read_number(data, size, at, &token) || token > size - *at)
        return false;
    *at += token;
    return true;
}

bool quic_packet_parse(const uint8_t *data, size_t size, struct quic_packet *ret)
{
    struct quic_packet packet;
    struct quic_id from;
    size_t at = 1 + VERSION_BYTES;
    uint64_t length;

    if (size < at || (data[0] & (LONG_HEADER | FIXED_BIT)) != (LONG_HEADER | FIXED_BIT))
        return false;
    uint32_t version =
        (uint32_t)data[1] << 24 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 8 | data[4];
    if (version != QUIC_V1 && version != QUIC_V2)
        return false;
    packet.version = (enum quic_version)version;
    unsigned type = type_of(data[0], packet.version);
    packet.is_initial = type == TYPE_INITIAL;
    if (type == TYPE_RETRY || !read_id(data, size, &at, &packet.to) ||
        !read_id(data, size, &at, &from) || (packet.is_initial && !skip_token(data, size, &at)) ||
        !quic_read_number(data, size, &at, &length) || length > size - at)
        return false;
    packet.number_at = at;
    packet.size = at + (size_t)length;
    *ret = packet;
    return true;
}
