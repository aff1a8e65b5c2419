#include "service/engine/target_rewrite.h"

#include "adblock/dns_message.h"
#include "base/err.h"
#include "service/engine/special_names.h"

#include <string.h>

/* 0.0.0.0 and loopback, and names of them, would mean this host to a socket of ours, and themselves
 * to an upstream. */
static bool is_denial(const struct address *address)
{
    static const uint8_t zero[16];
    return address_is_loopback(address) || memcmp(address->ip, zero, sizeof(zero)) == 0;
}

static int put_address(const struct address *address, struct endpoint *target)
{
    struct address to = *address;

    if (is_denial(address))
        return ERR_BLOCKED;
    to.port = target->address.port;
    *target = endpoint_from_address(&to);
    return 0;
}

static int put_name(const char *name, struct endpoint *target)
{
    char folded[NAME_MAX_BYTES + 1];
    size_t size = strnlen(name, NAME_MAX_BYTES);

    if (size > 0 && name[size - 1] == '.')
        size--;
    if (size == 0)
        return 0;
    for (size_t i = 0; i < size; i++)
        folded[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
    folded[size] = '\0';
    if (special_name_find(folded) == SPECIAL_LOCALHOST)
        return ERR_BLOCKED;
    memcpy(target->name, folded, size + 1);
    return 0;
}

/* 1: nothing for this type. */
static int rewrite_by(struct decisions *decisions, const struct filter_name *name,
                      struct endpoint *target)
{
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    struct verdict verdict;
    size_t count;

    decisions_ask_name(decisions, name, &verdict);
    if (verdict.action != VERDICT_HOST && verdict.action != VERDICT_REWRITE)
        return 1;
    count = decisions_answers(decisions, name, &verdict, answers, FILTER_ANSWERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (answers[i].kind == FILTER_ANSWER_CNAME)
            return put_name(answers[i].text, target);
        if (answers[i].kind == FILTER_ANSWER_RECORD && answers[i].type == name->qtype &&
            answers[i].address.family != 0)
            return put_address(&answers[i].address, target);
    }
    return 1;
}

int target_rewrite(struct decisions *decisions, const struct address *client,
                   struct endpoint *target)
{
    char host[NAME_MAX_BYTES + 1];
    struct filter_name name = {.host = host, .qtype = DNS_A, .client = client};
    int err;

    if (!endpoint_is_name(target))
        return 0;
    memcpy(host, target->name, sizeof(host));
    err = rewrite_by(decisions, &name, target);
    name.qtype = DNS_AAAA;
    if (err > 0)
        err = rewrite_by(decisions, &name, target);
    return err < 0 ? err : 0;
}
