/* DNS messages: read a question, write an answer of our own, read an answer's addresses and TTL.
 * By hand and without allocation, because every conversation starts here; ldns reads only what
 * rules give as text (dns_message_rewritten), and is the judge in the tests.
 *
 * Names are text, lower case, no trailing dot. A dot or an odd byte inside a label is written \DDD
 * (RFC 1035 sec. 5.1), so that a plain dot always separates two labels. */
#ifndef ADBLOCK_DNS_MESSAGE_H
#define ADBLOCK_DNS_MESSAGE_H

#include "adblock/filter.h"
#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_AAAA = 28,
    DNS_SVCB = 64,
    DNS_HTTPS = 65
};
enum {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5
};
enum { DNS_MESSAGE_MAX = 65535, DNS_UDP_DEFAULT = 512, DNS_UDP_OURS = 1232 };

struct dns_question {
    uint16_t id, qtype, qclass;
    char name[NAME_MAX_BYTES + 1]; /* lower case, no trailing dot; "" for the root */
    size_t end;                    /* of header and question, in bytes */
    uint16_t udp_size;             /* EDNS (RFC 6891); DNS_UDP_DEFAULT without */
    bool has_edns, wants_dnssec, recursion_desired, checking_disabled;
};

/* 0; -EBADMSG not a query (drop it); otherwise a positive RCODE to answer with
 * (dns_message_error works then); 16, BADVERS, is one of them. */
int dns_message_parse_question(const void *data, size_t size, struct dns_question *ret);

enum dns_blocking { DNS_BLOCK_NULL, DNS_BLOCK_NXDOMAIN, DNS_BLOCK_REFUSED, DNS_BLOCK_CUSTOM };

struct dns_blocking_options {
    enum dns_blocking mode;
    struct address address4, address6; /* custom */
    uint32_t ttl_s;
};

/* Answers built from the query's own bytes. Return the answer's size, or -ENOBUFS. A blocked answer
 * carries extended error 15 "Blocked" (RFC 8914) where the query has EDNS. */
ssize_t dns_message_blocked(const void *query, size_t size, const struct dns_question *question,
                            const struct dns_blocking_options *options, uint8_t *to,
                            size_t capacity);
ssize_t dns_message_error(const void *query, size_t size, int rcode, uint8_t *to, size_t capacity);
ssize_t dns_message_addresses(const void *query, size_t size, const struct dns_question *question,
                              const struct address *addresses, size_t count, uint32_t ttl_s,
                              uint8_t *to, size_t capacity);
/* What a rule gives instead (filter_answers): records, an RCODE alone, or an alias with
 * its target's records behind it, which the caller looked up. No answers: "no data". The size,
 * -EINVAL for one that cannot be written (drop the rule's answer), or -ENOBUFS. */
ssize_t dns_message_rewritten(const void *query, size_t size, const struct dns_question *question,
                              const struct filter_answer *answers, size_t count, uint32_t ttl_s,
                              uint8_t *to, size_t capacity);
/* Header and question with TC set: "ask again over TCP". */
ssize_t dns_message_truncated(const void *query, size_t size, const struct dns_question *question,
                              uint8_t *to, size_t capacity);

/* A recursive query of our own for `name`, with EDNS. The size, -EINVAL for a name that cannot be
 * asked for, or -ENOBUFS. */
ssize_t dns_message_query(uint16_t id, const char *name, uint16_t qtype, uint8_t *to,
                          size_t capacity);

/* What a server is asked on behalf of a client: name, type, DO and CD. Nothing else of the client's
 * message goes out: no cookie, no client subnet, no odd flags. The class is IN. */
ssize_t dns_message_forward(const struct dns_question *question, uint8_t *to, size_t capacity);

enum { DNS_ANSWER_ADDRESSES = 32, DNS_ANSWER_ALIASES = 16 };

struct dns_answer {
    int rcode;
    bool is_truncated;
    uint32_t ttl_s; /* how long it may be kept: least TTL; negative: RFC 2308 sec. 5; 0: not */
    size_t address_count;
    struct address addresses[DNS_ANSWER_ADDRESSES];
    size_t alias_count;
    char aliases[DNS_ANSWER_ALIASES][NAME_MAX_BYTES + 1]; /* CNAME targets in order */
};

/* 0 or -EBADMSG. Also checks that the answer is for `question` (id aside). */
int dns_message_parse_answer(const void *data, size_t size, const struct dns_question *question,
                             struct dns_answer *ret);
/* Where an answer leads, in all of its records: the targets of CNAME, SVCB and HTTPS (`name`) and
 * the addresses of A, AAAA and of the hints of SVCB and HTTPS (`address`); the other is NULL. False
 * ends it. Returns 0, or 1 if it was ended, or -EBADMSG. */
typedef bool dns_lead_fn(void *owner, const char *name, const struct address *address);
int dns_message_each_lead(const uint8_t *data, size_t size, dns_lead_fn *fn, void *owner);
/* The name servers that an answer names (NS), in all of its records; the same otherwise. Resolvers
 * that are asked for recursion mostly name none. */
int dns_message_each_server(const uint8_t *data, size_t size, dns_lead_fn *fn, void *owner);
/* Take the keys of Encrypted Client Hello from SVCB and HTTPS records, in place. The message keeps
 * its size. Returns how many, or -EBADMSG. */
int dns_message_hide_ech(uint8_t *data, size_t size);
/* Lower every TTL by `age_s`, in place; OPT is left alone. 0 or -EBADMSG (never for a message that
 * dns_message_parse_answer took; otherwise some TTLs may have been lowered). */
int dns_message_age(uint8_t *data, size_t size, uint32_t age_s);
/* Every TTL becomes this, in place; OPT is left alone. */
int dns_message_set_ttl(uint8_t *data, size_t size, uint32_t ttl_s);
void dns_message_set_id(uint8_t *data, uint16_t id);
/* Turn an answer to one query for a name into the answer to another, in place: id, RD and CD, and
 * the question's bytes as this client spelled them; no OPT for a client without EDNS; header and
 * question with TC where it is larger than `limit` (question->udp_size, or DNS_MESSAGE_MAX over
 * TCP). `question` was read from `query`. Returns the new size or -EBADMSG. */
ssize_t dns_message_fit(uint8_t *data, size_t size, const void *query, size_t query_size,
                        const struct dns_question *question, size_t limit);
/* An alias that we made ourselves: what a server said of `target`, with "question's name CNAME
 * target" in front. Not yet fitted to a client. The size, -EBADMSG or -ENOBUFS. */
ssize_t dns_message_alias(const struct dns_question *question, const char *target, uint32_t ttl_s,
                          const uint8_t *answer, size_t size, uint8_t *to, size_t capacity);

#endif
