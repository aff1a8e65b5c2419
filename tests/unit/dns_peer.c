#include "dns_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const addresses4[] = {"192.0.2.1"}, *const addresses6[] = {"2001:db8::1"},
                         *const addresses_two[] = {"127.0.0.2", "127.0.0.1"},
                         *const addresses_nowhere[] = {"0.0.0.0"};

static ssize_t give(const uint8_t *query, size_t size, const struct dns_question *question,
                    const char *const *texts, size_t texts_count, size_t count, uint8_t *to,
                    size_t capacity)
{
    struct address addresses[DNS_PEER_BIG] = {0};

    for (size_t i = 0; i < count; i++)
        address_parse_ip(texts[i % texts_count], &addresses[i]);
    return dns_message_addresses(query, size, question, addresses, count, 60, to, capacity);
}

/* Header, question, CNAME to ads.example, whose A is 192.0.2.7. RFC 1035 sec. 3.2.1, 3.3.1. */
static ssize_t give_alias(const uint8_t *query, const struct dns_question *question, uint8_t *to)
{
    static const uint8_t records[] = {
        0xc0, 12,  0,   5,   0,   1,   0,   0,   0,   60,  0,   13,  3, 'a',
        'd',  's', 7,   'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,              /* CNAME */
        3,    'a', 'd', 's', 7,   'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,    /* its name */
        0,    1,   0,   1,   0,   0,   0,   60,  0,   4,   192, 0,   2, 7, /* A */
    };

    memcpy(to, query, question->end);
    to[2] |= 0x80;        /* QR */
    to[3] = 0x80;         /* RA */
    memset(to + 6, 0, 6); /* counts of what follows */
    to[7] = 2;            /* answers */
    memcpy(to + question->end, records, sizeof(records));
    return (ssize_t)(question->end + sizeof(records));
}

static ssize_t make_answer(const struct dns_peer *self, const uint8_t *query, size_t size,
                           uint8_t *to, size_t capacity)
{
    struct dns_question question;

    assert_int_equal(dns_message_parse_question(query, size, &question), 0);
    if (self->rcode)
        return dns_message_error(query, size, self->rcode, to, capacity);
    if (strcmp(question.name, "nothing.example") == 0)
        return dns_message_error(query, size, DNS_NXDOMAIN, to, capacity);
    if (strcmp(question.name, "alias.example") == 0)
        return give_alias(query, &question, to);
    if (strcmp(question.name, "two.example") == 0)
        return give(query, size, &question, addresses_two, 2, question.qtype == DNS_A ? 2 : 0, to,
                    capacity);
    if (strcmp(question.name, "nowhere.example") == 0)
        return give(query, size, &question, addresses_nowhere, 1, question.qtype == DNS_A ? 1 : 0,
                    to, capacity);
    return give(query, size, &question, question.qtype == DNS_A ? addresses4 : addresses6, 1,
                strcmp(question.name, "big.example") == 0 ? DNS_PEER_BIG : 1, to, capacity);
}

static void answer_one(struct loopback_peer *peer, const uint8_t *query, size_t size)
{
    struct dns_peer *self = peer->server->owner;
    uint8_t answer[8192];
    ssize_t length = make_answer(self, query, size, answer + 2, sizeof(answer) - 2);
    size_t cut;

    assert_true(length > 0);
    answer[0] = (uint8_t)(length >> 8);
    answer[1] = (uint8_t)length;
    cut = self->cut_at < (size_t)length ? self->cut_at : 0;
    if (cut > 0)
        loopback_say(peer, answer, cut);
    loopback_say(peer, answer + cut, (size_t)length + 2 - cut);
}

void dns_peer_answer(struct loopback_peer *peer)
{
    struct dns_peer *self = peer->server->owner;

    while (peer->size >= 2) {
        size_t length = (size_t)peer->got[0] << 8 | peer->got[1];
        if (peer->size < length + 2)
            return;
        self->questions++;
        if (!self->is_silent)
            answer_one(peer, peer->got + 2, length);
        loopback_use_up(peer, length + 2);
    }
    if (peer->has_ended)
        loopback_hang_up(peer);
}
