#include "service/engine/dns_trace.h"

#include "adblock/record_type.h"

#include <stdio.h>
#include <string.h>

enum { RCODE_AT = 3, RCODE_MASK = 15 };

struct text {
    char data[NAME_MAX_BYTES + 1]; /* an address is shorter */
};

/* The first address; without one the last alias. */
static bool take_lead(void *owner, const char *name, const struct address *address)
{
    struct text *text = owner;

    if (address)
        address_format_ip(address, text->data);
    else
        snprintf(text->data, sizeof(text->data), "%s", name);
    return !address;
}

static const char *describe(const uint8_t *answer, size_t size, struct text *text)
{
    unsigned rcode = size > RCODE_AT ? answer[RCODE_AT] & RCODE_MASK : DNS_SERVFAIL;
    const char *name = rcode_name(rcode);

    text->data[0] = '\0';
    if (rcode == DNS_NOERROR)
        dns_message_each_lead(answer, size, take_lead, text);
    return text->data[0] ? text->data : name ? name : "";
}

void dns_trace(struct decisions *decisions, const struct dns_asked *asked, uint64_t told_before,
               const uint8_t *answer, size_t size, uint64_t took_ms, const struct endpoint *server)
{
    struct decision decision = {.kind = "dns",
                                .name = asked->question.name,
                                .name_size = strlen(asked->question.name),
                                .caller = asked->caller,
                                .qtype = asked->question.qtype,
                                .took_ms = took_ms};
    char from[ENDPOINT_TEXT_MAX];
    struct text text;

    if (!decisions->wants_passes || decisions->told != told_before)
        return;
    decision.answer = describe(answer, size, &text);
    decision.upstream = server ? endpoint_format(server, from) : NULL;
    decisions_passed(decisions, &decision);
}
