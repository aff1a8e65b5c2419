/* DNS's wire format, the parts that every reader and writer of messages shares: numbers, names,
 * records (RFC 1035 sec. 3 and 4). Private to adblock/dns_message*.c. */
#ifndef ADBLOCK_DNS_WIRE_H
#define ADBLOCK_DNS_WIRE_H

#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DNS_HEADER_BYTES = 12,
    DNS_LABEL_MAX = 63,
    DNS_WIRE_NAME_MAX = 255,
    DNS_RECORD_FIXED_BYTES = 10, /* type, class, TTL, RDLENGTH */
    DNS_TYPE_OPT = 41,
    DNS_TYPE_ANY = 255,
    DNS_CLASS_IN = 1,
    DNS_EDNS_DO = 0x8000, /* in the low half of an OPT's TTL field */
};

enum dns_flag {
    DNS_QR = 0x8000,
    DNS_OPCODE = 0x7800,
    DNS_AA = 0x0400,
    DNS_TC = 0x0200,
    DNS_RD = 0x0100,
    DNS_RA = 0x0080,
    DNS_AD = 0x0020,
    DNS_CD = 0x0010,
    DNS_RCODE = 0x000f,
};

static inline uint16_t dns_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t dns_get32(const uint8_t *at)
{
    return (uint32_t)dns_get16(at) << 16 | dns_get16(at + 2);
}

static inline uint8_t *dns_put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static inline uint8_t *dns_put32(uint8_t *at, uint32_t value)
{
    return dns_put16(dns_put16(at, value >> 16), value & 0xffff);
}

/* Where the header's fields lie. */
enum {
    DNS_AT_FLAGS = 2,
    DNS_AT_QDCOUNT = 4,
    DNS_AT_ANCOUNT = 6,
    DNS_AT_NSCOUNT = 8,
    DNS_AT_ARCOUNT = 10
};

/* A message being read. */
struct dns_reader {
    const uint8_t *data;
    size_t size, at;
};

/* The name at reader->at as text: lower case, no trailing dot, dots and odd bytes inside labels as
 * \DDD (RFC 1035 sec. 5.1), so that every plain dot separates two labels. Compression pointers are
 * followed if `with_pointers` and must point backwards, which ends every chain. 0 and the reader
 * behind the name, or -EBADMSG, also for a name too long for `ret`, which then holds anything. */
int dns_read_name(struct dns_reader *reader, int with_pointers, char ret[NAME_MAX_BYTES + 1]);
/* The same without the text. */
int dns_skip_name(struct dns_reader *reader);
/* Text to wire; the bytes written with the root label, or -EINVAL, -ENOBUFS. */
int dns_write_name(const char *name, uint8_t *to, size_t capacity);

struct dns_record {
    size_t start; /* of its owner's name */
    uint16_t type, class;
    uint32_t ttl_s; /* RFC 2181 sec. 8: one with the top bit set is 0 */
    size_t ttl_at;  /* where the TTL lies in the message */
    size_t data_at, data_size;
};

/* One record; its owner's name is skipped (read it from `start`). 0 or -EBADMSG. */
int dns_read_record(struct dns_reader *reader, struct dns_record *ret);

#endif
