/* A DNS answer of our own, being written: the query's header and question with records behind them.
 * Private to adblock/dns_message*.c. */
#ifndef ADBLOCK_DNS_WRITER_H
#define ADBLOCK_DNS_WRITER_H

#include "adblock/dns_message.h"
#include "adblock/dns_wire.h"

#include <stdbool.h>

enum {
    DNS_POINTER_BITS = 0xc000,
    DNS_POINTER_TO_QUESTION = DNS_POINTER_BITS | DNS_HEADER_BYTES,
    DNS_WRITER_TAKE_MAX = 64,
};

/* `failed` (it does not fit) is looked at once, at the end. */
struct dns_writer {
    uint8_t *to;
    size_t size, capacity;
    size_t owner_at; /* where the name stands to which the next answer belongs */
    unsigned answers, authorities, additionals;
    bool failed;
};

void dns_writer_start(struct dns_writer *writer, const void *query, size_t question_end,
                      unsigned rcode);
/* Room for `size` bytes, at most DNS_WRITER_TAKE_MAX. */
uint8_t *dns_writer_take(struct dns_writer *writer, size_t size);
/* An answer; those behind a CNAME belong to its target, which must stand uncompressed in `data`. */
void dns_writer_record(struct dns_writer *writer, uint16_t type, uint32_t ttl_s, const void *data,
                       size_t size);
void dns_writer_address(struct dns_writer *writer, const struct address *address, uint32_t ttl_s);
void dns_writer_soa(struct dns_writer *writer, uint32_t ttl_s);
void dns_writer_opt(struct dns_writer *writer, const struct dns_question *question, unsigned rcode,
                    bool is_blocked);
/* The answer's size or -ENOBUFS. */
ssize_t dns_writer_finish(struct dns_writer *writer);

#endif
