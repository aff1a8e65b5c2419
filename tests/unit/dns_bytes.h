/* DNS messages for tests, put together by hand or by ldns. */
#ifndef TESTS_UNIT_DNS_BYTES_H
#define TESTS_UNIT_DNS_BYTES_H

#include "adblock/dns_message.h"

#include <ldns/ldns.h>
#include <string.h>

struct dns_bytes {
    uint8_t data[DNS_MESSAGE_MAX];
    size_t size;
};

static inline void dns_bytes_add(struct dns_bytes *bytes, const void *data, size_t size)
{
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

/* Header with the given flags and counts. */
static inline void dns_bytes_header(struct dns_bytes *bytes, unsigned flags, unsigned qd,
                                    unsigned an, unsigned ns, unsigned ar)
{
    unsigned fields[] = {0x1234, flags, qd, an, ns, ar};
    bytes->size = 0;
    for (size_t i = 0; i < 6; i++) {
        uint8_t field[] = {(uint8_t)(fields[i] >> 8), (uint8_t)fields[i]};
        dns_bytes_add(bytes, field, 2);
    }
}

#define dns_bytes_put(bytes, text) dns_bytes_add(bytes, text, sizeof(text) - 1)

/* "www.Example.com", with the octets of `wire` as they stand. */
#define DNS_WWW_EXAMPLE "\3www\7Example\3com\0"

/* A query as a stub resolver sends it. */
static inline void dns_bytes_query(struct dns_bytes *bytes, uint16_t qtype, int has_edns)
{
    dns_bytes_header(bytes, 0x0100, 1, 0, 0, has_edns ? 1 : 0);
    dns_bytes_put(bytes, DNS_WWW_EXAMPLE);
    uint8_t type[] = {(uint8_t)(qtype >> 8), (uint8_t)qtype, 0, 1};
    dns_bytes_add(bytes, type, 4);
    if (has_edns)
        dns_bytes_put(bytes, "\0\0\x29\x10\0\0\0\x80\0\0\0"); /* 4096 bytes, DO */
}

/* An answer from zone file lines; "" ends a section: answers, then authorities, then additionals.
 */
static inline void dns_bytes_answer(struct dns_bytes *bytes, int rcode, const char *name,
                                    uint16_t qtype, const char *const *lines)
{
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    ldns_pkt *packet =
        ldns_pkt_query_new(owner, (ldns_rr_type)qtype, LDNS_RR_CLASS_IN, LDNS_RD | LDNS_RA);
    ldns_pkt_section section = LDNS_SECTION_ANSWER;
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_id(packet, 0x1234);
    ldns_pkt_set_rcode(packet, (uint8_t)rcode);
    for (; lines && *lines; lines++) {
        ldns_rr *record = NULL;
        if (**lines == '\0') {
            section++;
            continue;
        }
        if (ldns_rr_new_frm_str(&record, *lines, 0, NULL, NULL) != LDNS_STATUS_OK)
            abort();
        ldns_pkt_push_rr(packet, section, record);
    }
    uint8_t *wire = NULL;
    size_t size = 0;
    if (ldns_pkt2wire(&wire, packet, &size) != LDNS_STATUS_OK)
        abort();
    bytes->size = 0;
    dns_bytes_add(bytes, wire, size);
    free(wire);
    ldns_pkt_free(packet);
}

#endif
