#include "service/engine/dns_lookup.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUP_TYPES = 2 };
static const uint16_t lookup_types[LOOKUP_TYPES] = {DNS_A, DNS_AAAA};

struct lookup_part {
    struct dns_lookup *lookup;
    struct dns_question question;
    struct dns_wait *wait;
};

struct dns_lookup {
    struct dns *dns;
    struct lookup_part parts[LOOKUP_TYPES];
    size_t open;          /* parts without an answer */
    struct deferred done; /* both answers may be there at once */
    struct address addresses[DNS_ANSWER_ADDRESSES];
    size_t count;
    dns_lookup_fn *on_done;
    void *owner;
};

void dns_lookup_cancel(struct dns_lookup *lookup)
{
    if (!lookup)
        return;
    deferred_cancel(&lookup->done);
    for (size_t i = 0; i < LOOKUP_TYPES; i++)
        dns_wait_cancel(lookup->parts[i].wait);
    free(lookup);
}

static void on_lookup_done(void *owner)
{
    struct dns_lookup *lookup = owner;

    lookup->on_done(lookup->owner, lookup->count ? 0 : ERR_NAME, lookup->addresses, lookup->count);
    dns_lookup_cancel(lookup);
}

/* 0.0.0.0 and :: are what blocking resolvers answer; to us they would mean this very host. */
static bool is_unspecified(const struct address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->ip, zero, sizeof(zero)) == 0;
}

/* IPv4 addresses go in front of those that are there. */
static void add_addresses(struct dns_lookup *lookup, const struct dns_answer *answer, bool in_front)
{
    size_t at = in_front ? 0 : lookup->count;

    for (size_t i = 0; i < answer->address_count && lookup->count < DNS_ANSWER_ADDRESSES; i++) {
        if (is_unspecified(&answer->addresses[i]))
            continue;
        memmove(lookup->addresses + at + 1, lookup->addresses + at,
                (lookup->count - at) * sizeof(*lookup->addresses));
        lookup->addresses[at++] = answer->addresses[i];
        lookup->count++;
    }
}

static void on_lookup_answer(void *owner, const uint8_t *bytes, size_t size)
{
    struct lookup_part *part = owner;
    struct dns_lookup *lookup = part->lookup;
    struct dns_answer answer;

    part->wait = NULL;
    if (dns_message_parse_answer(bytes, size, &part->question, &answer) == 0)
        add_addresses(lookup, &answer, part->question.qtype == DNS_A);
    if (--lookup->open == 0)
        deferred_schedule(&lookup->done);
}

static int start_part(struct dns_lookup *lookup, size_t i, const char *name)
{
    struct lookup_part *part = &lookup->parts[i];
    struct dns_asker asker = {.is_stream = true, .on_answer = on_lookup_answer, .owner = part};
    uint8_t query[512], answer[DNS_MESSAGE_MAX];
    ssize_t size = dns_message_query(0, name, lookup_types[i], query, sizeof(query));

    part->lookup = lookup;
    if (size < 0)
        return (int)size;
    if (dns_message_parse_question(query, (size_t)size, &part->question) != 0)
        return -EINVAL;
    lookup->open++;
    size = dns_resolve(lookup->dns, query, (size_t)size, &part->question, &asker, answer,
                       sizeof(answer), &part->wait);
    if (size > 0)
        on_lookup_answer(part, answer, (size_t)size);
    return 0;
}

int dns_lookup_start(struct dns *dns, const char *name, dns_lookup_fn *on_done, void *owner,
                     struct dns_lookup **ret)
{
    struct dns_lookup *lookup = calloc(1, sizeof(*lookup));
    int err = 0;

    if (!lookup)
        return -ENOMEM;
    lookup->dns = dns;
    lookup->on_done = on_done;
    lookup->owner = owner;
    deferred_init(&lookup->done, dns_loop(dns), on_lookup_done, lookup);
    for (size_t i = 0; i < LOOKUP_TYPES && err == 0; i++)
        err = start_part(lookup, i, name);
    if (err < 0) {
        dns_lookup_cancel(lookup);
        return err;
    }
    *ret = lookup;
    return 0;
}
