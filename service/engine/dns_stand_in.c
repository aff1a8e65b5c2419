#include "service/engine/dns_stand_in.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_PTR = 12 };

static bool is_stood_in(const struct dns_policy *policy, const char *name)
{
    const struct config_dns *config = policy->config;
    return strchr(name, '.') &&
           !dns_policy_is_among(name, config->stand_in_except, config->stand_in_except_count);
}

static ssize_t answer(const struct dns_asked *asked, const struct address *addresses, size_t count,
                      uint8_t *to, size_t capacity)
{
    return dns_message_addresses(asked->query, asked->size, &asked->question, addresses, count,
                                 DNS_STAND_IN_TTL_S, to, capacity);
}

static bool answer_address(const struct dns_policy *policy, const struct dns_asked *asked,
                           uint8_t *to, size_t capacity, ssize_t *ret_size)
{
    uint8_t family = asked->question.qtype == DNS_A ? 4 : 6;
    struct address address;

    if (stand_ins_give(policy->stand_ins, asked->question.name, family, stand_ins_now_s(),
                       &address) < 0)
        return false; /* no place: its own addresses do as well */
    *ret_size = answer(asked, &address, 1, to, capacity);
    return true;
}

/* --- what stands for whom -------------------------------------------------------------------- */

/* The address of a name below in-addr.arpa, or of a whole one below ip6.arpa. */
static bool read_reverse(const char *name, struct address *ret)
{
    struct address address = {.family = 4};
    unsigned bytes[4];
    int end = 0;

    if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &bytes[3], &bytes[2], &bytes[1], &bytes[0],
               &end) == 4 &&
        end > 0 && !name[end]) {
        for (size_t i = 0; i < 4; i++)
            address.ip[i] = (uint8_t)bytes[i];
        *ret = address;
        return true;
    }
    if (strlen(name) != 64 + strlen("ip6.arpa") || strcmp(name + 64, "ip6.arpa") != 0)
        return false;
    address.family = 6;
    for (size_t i = 0; i < 32; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, name[2 * i]);
        if (!digit || name[2 * i + 1] != '.')
            return false;
        address.ip[15 - i / 2] |= (uint8_t)((digit - digits) << (i % 2 ? 4 : 0));
    }
    *ret = address;
    return true;
}

static bool answer_reverse(const struct dns_policy *policy, const struct dns_asked *asked,
                           uint8_t *to, size_t capacity, ssize_t *ret_size)
{
    struct filter_answer record = {.kind = FILTER_ANSWER_RECORD, .type = TYPE_PTR};
    struct address address;
    const char *name;

    if (!read_reverse(asked->question.name, &address))
        return false;
    name = stand_ins_find(policy->stand_ins, &address, stand_ins_now_s());
    if (!name ||
        (size_t)snprintf(record.text, sizeof(record.text), "%s.", name) >= sizeof(record.text))
        return false;
    *ret_size = dns_message_rewritten(asked->query, asked->size, &asked->question, &record, 1,
                                      DNS_STAND_IN_TTL_S, to, capacity);
    return *ret_size > 0;
}

bool dns_stand_in_answer(const struct dns_policy *policy, const struct dns_asked *asked,
                         bool is_public, uint8_t *to, size_t capacity, ssize_t *ret_size)
{
    uint16_t qtype = asked->question.qtype;

    if (!policy->stand_ins)
        return false;
    if (qtype == TYPE_PTR) /* also after the mode was changed: addresses are remembered */
        return answer_reverse(policy, asked, to, capacity, ret_size);
    if (policy->config->mode != CONFIG_DNS_STAND_IN || !is_public ||
        !is_stood_in(policy, asked->question.name))
        return false;
    if (qtype == DNS_A || qtype == DNS_AAAA)
        return answer_address(policy, asked, to, capacity, ret_size);
    if (qtype != DNS_HTTPS && qtype != DNS_SVCB)
        return false;
    /* Hints would lead past the stand-in, and keys of ECH need a name that we can see. */
    *ret_size = answer(asked, NULL, 0, to, capacity);
    return true;
}
