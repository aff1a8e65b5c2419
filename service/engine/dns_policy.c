#include "service/engine/dns_policy.h"

#include "service/engine/dns_stand_in.h"
#include "service/engine/special_names.h"

#define LOG_MODULE "dns"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CLASS_IN = 1, TYPE_OPT = 41, TYPE_META_FIRST = 128, TYPE_META_LAST = 254, TYPE_ANY = 255 };

static ssize_t answer_blocked(const struct dns_policy *policy, const struct dns_asked *asked,
                              enum dns_blocking mode, uint8_t *to, size_t capacity)
{
    struct dns_blocking_options options = {
        .mode = mode,
        .address4 = policy->config->blocking_address4,
        .address6 = policy->config->blocking_address6,
        .ttl_s = policy->config->blocking_ttl_s,
    };
    return dns_message_blocked(asked->query, asked->size, &asked->question, &options, to, capacity);
}

static ssize_t answer_as_configured(const struct dns_policy *policy, const struct dns_asked *asked,
                                    uint8_t *to, size_t capacity)
{
    return answer_blocked(policy, asked, (enum dns_blocking)policy->config->blocking, to, capacity);
}

/* --- names that never leave ------------------------------------------------------------------ */

static bool is_at_or_below(const char *name, const char *zone)
{
    size_t size = strlen(name), tail = strlen(zone);

    return size >= tail && strcmp(name + size - tail, zone) == 0 &&
           (size == tail || name[size - tail - 1] == '.');
}

bool dns_policy_is_among(const char *name, char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (is_at_or_below(name, names[i]))
            return true;
    return false;
}

/* A name of a private network that the configured servers know. */
static bool is_private_name(const struct dns_policy *policy, const char *name)
{
    return dns_policy_is_among(name, policy->config->private_names,
                               policy->config->private_names_count);
}

static ssize_t answer_loopback(const struct dns_policy *policy, const struct dns_asked *asked,
                               uint8_t *to, size_t capacity)
{
    static const struct address loopback[] = {
        {.family = 4, .ip = {127, 0, 0, 1}},
        {.family = 6, .ip = {[15] = 1}},
    };
    return dns_message_addresses(asked->query, asked->size, &asked->question, loopback, 2,
                                 policy->config->blocking_ttl_s, to, capacity);
}

/* Zone transfers, and types that are no data; other classes are of no use to anybody here. */
static bool is_answerable(const struct dns_question *question)
{
    bool is_meta = question->qtype >= TYPE_META_FIRST && question->qtype <= TYPE_META_LAST;
    return question->qclass == CLASS_IN && !is_meta && question->qtype != TYPE_OPT &&
           question->qtype != 0;
}

/* --- what the lists say ---------------------------------------------------------------------- */

static const struct address *client_of(const struct dns_asked *asked)
{
    return asked->caller ? &asked->caller->client : NULL;
}

static void note(struct dns_policy *policy, const struct dns_asked *asked, const char *name,
                 const struct verdict *verdict)
{
    policy->stats.blocked++;
    decisions_note(policy->decisions,
                   &(struct decision){.kind = "dns",
                                      .name = name,
                                      .name_size = strlen(name),
                                      .caller = asked->caller,
                                      .qtype = asked->question.qtype},
                   verdict);
}

/* As much as this client takes in one piece; with the rest it comes again over TCP. */
static ssize_t write_records(const struct dns_policy *policy, const struct dns_asked *asked,
                             const struct filter_answer *answers, size_t count, uint8_t *to,
                             size_t capacity)
{
    const struct dns_question *question = &asked->question;
    size_t room = asked->is_stream || question->udp_size > capacity ? capacity : question->udp_size;
    ssize_t size = dns_message_rewritten(asked->query, asked->size, question, answers, count,
                                         policy->config->blocking_ttl_s, to, room);

    if (size != -ENOBUFS)
        return size;
    return dns_message_truncated(asked->query, asked->size, question, to, capacity);
}

/* The records of the type that was asked for; those that cannot be written are as good as none. */
static ssize_t answer_records(const struct dns_policy *policy, const struct dns_asked *asked,
                              const struct filter_answer *answers, size_t count, uint8_t *to,
                              size_t capacity)
{
    struct filter_answer wanted[FILTER_ANSWERS_MAX];
    size_t used = 0;
    ssize_t size;

    for (size_t i = 0; i < count; i++)
        if (answers[i].type == asked->question.qtype || asked->question.qtype == TYPE_ANY)
            wanted[used++] = answers[i];
    size = write_records(policy, asked, wanted, used, to, capacity);
    return size != -EINVAL ? size : write_records(policy, asked, NULL, 0, to, capacity);
}

static ssize_t answer_code(const struct dns_policy *policy, const struct dns_asked *asked,
                           uint16_t rcode, uint8_t *to, size_t capacity)
{
    switch (rcode) {
    case DNS_NOERROR: return answer_records(policy, asked, NULL, 0, to, capacity);
    case DNS_NXDOMAIN: return answer_blocked(policy, asked, DNS_BLOCK_NXDOMAIN, to, capacity);
    case DNS_REFUSED: return answer_blocked(policy, asked, DNS_BLOCK_REFUSED, to, capacity);
    default: return dns_message_error(asked->query, asked->size, rcode, to, capacity);
    }
}

/* As names are written everywhere in here: lower case, no trailing dot. */
static void copy_name(const char *from, char to[NAME_MAX_BYTES + 1])
{
    size_t size = strnlen(from, NAME_MAX_BYTES);

    for (size_t i = 0; i < size; i++)
        to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] | 0x20 : from[i]);
    if (size > 0 && to[size - 1] == '.')
        size--;
    to[size] = '\0';
}

static void answer_otherwise(struct dns_policy *policy, const struct dns_asked *asked,
                             const struct filter_answer *answers, size_t count, uint8_t *to,
                             size_t capacity, struct dns_decision *ret)
{
    policy->stats.rewritten++;
    ret->ruling = DNS_RULING_ANSWERED;
    switch (answers[0].kind) {
    case FILTER_ANSWER_RECORD:
        ret->size = answer_records(policy, asked, answers, count, to, capacity);
        break;
    case FILTER_ANSWER_RCODE:
        ret->size = answer_code(policy, asked, answers[0].rcode, to, capacity);
        break;
    case FILTER_ANSWER_CNAME:
        ret->ruling = DNS_RULING_ALIAS;
        copy_name(answers[0].text, ret->alias);
        break;
    case FILTER_ANSWER_DROP: ret->ruling = DNS_RULING_DROP; break;
    case FILTER_ANSWER_TCP_ONLY:
        ret->ruling = DNS_RULING_ALLOWED;
        if (asked->is_stream)
            break;
        ret->ruling = DNS_RULING_ANSWERED;
        ret->size =
            dns_message_truncated(asked->query, asked->size, &asked->question, to, capacity);
        break;
    }
}

static void decide_by_answers(struct dns_policy *policy, const struct dns_asked *asked,
                              const struct filter_name *name, const struct verdict *verdict,
                              uint8_t *to, size_t capacity, struct dns_decision *ret)
{
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    size_t count = decisions_answers(policy->decisions, name, verdict, answers, FILTER_ANSWERS_MAX);
    bool is_denied = decisions_is_denial(verdict, answers, count);

    if (is_denied)
        note(policy, asked, name->host, verdict);
    if (count == 0 || (verdict->action == VERDICT_HOST && is_denied)) {
        ret->ruling = DNS_RULING_ANSWERED;
        ret->size = answer_as_configured(policy, asked, to, capacity);
        return;
    }
    if (!is_denied)
        decisions_rewritten(policy->decisions,
                            &(struct decision){.kind = "dns",
                                               .name = name->host,
                                               .name_size = strlen(name->host),
                                               .caller = asked->caller,
                                               .qtype = name->qtype},
                            verdict);
    answer_otherwise(policy, asked, answers, count, to, capacity, ret);
}

static void decide_by_lists(struct dns_policy *policy, const struct dns_asked *asked, uint8_t *to,
                            size_t capacity, struct dns_decision *ret)
{
    const struct dns_question *question = &asked->question;
    struct filter_name name = {
        .host = question->name, .qtype = question->qtype, .client = client_of(asked)};
    struct verdict verdict;

    decisions_ask_name(policy->decisions, &name, &verdict);
    switch (verdict.action) {
    case VERDICT_NONE: ret->ruling = DNS_RULING_ASK; break;
    case VERDICT_ALLOW: ret->ruling = DNS_RULING_ALLOWED; break;
    case VERDICT_BLOCK:
        note(policy, asked, question->name, &verdict);
        ret->ruling = DNS_RULING_ANSWERED;
        ret->size = answer_as_configured(policy, asked, to, capacity);
        break;
    case VERDICT_HOST:
    case VERDICT_REWRITE:
        decide_by_answers(policy, asked, &name, &verdict, to, capacity, ret);
        break;
    }
}

void dns_policy_decide(struct dns_policy *policy, const struct dns_asked *asked, bool is_listed,
                       uint8_t *to, size_t capacity, struct dns_decision *ret)
{
    const struct dns_question *question = &asked->question;
    enum special_name special = special_name_find(question->name);

    memset(ret, 0, sizeof(*ret));
    ret->ruling = DNS_RULING_ANSWERED;
    if (!is_answerable(question)) {
        ret->size = dns_message_error(asked->query, asked->size, DNS_REFUSED, to, capacity);
    } else if (special == SPECIAL_LOCALHOST) {
        ret->size = answer_loopback(policy, asked, to, capacity);
    } else {
        ret->ruling = DNS_RULING_ALLOWED;
        if (is_listed)
            decide_by_lists(policy, asked, to, capacity, ret);
        bool is_asked = ret->ruling == DNS_RULING_ASK || ret->ruling == DNS_RULING_ALLOWED;
        if (!is_asked)
            return;
        bool is_public = special == SPECIAL_NONE && !is_private_name(policy, question->name);
        bool is_stood_in =
            is_listed && dns_stand_in_answer(policy, asked, is_public, to, capacity, &ret->size);
        if (!is_stood_in && (special == SPECIAL_NONE || is_private_name(policy, question->name)))
            return;
        ret->ruling = DNS_RULING_ANSWERED;
        if (!is_stood_in)
            ret->size = answer_blocked(policy, asked, DNS_BLOCK_NXDOMAIN, to, capacity);
    }
    policy->stats.local++;
}

/* --- answers of servers ---------------------------------------------------------------------- */

struct trial {
    struct dns_policy *policy;
    const struct dns_asked *asked;
    bool is_listed;
    enum dns_judgement judgement;
};

static bool is_private(const struct address *address)
{
    struct address inner = address_unmapped(address);
    bool is_tunnel = inner.family == 4 && inner.ip[0] == 198 && (inner.ip[1] & 0xfe) == 18;

    return is_tunnel || address_is_private(address);
}

static bool try_name(struct trial *trial, const char *host)
{
    struct filter_name name = {
        .host = host, .qtype = trial->asked->question.qtype, .client = client_of(trial->asked)};
    struct verdict verdict;

    decisions_ask_name(trial->policy->decisions, &name, &verdict);
    if (!decisions_denies(trial->policy->decisions, &name, &verdict))
        return true;
    note(trial->policy, trial->asked, host, &verdict);
    trial->judgement = DNS_JUDGED_BLOCKED;
    return false;
}

static bool try_address(struct trial *trial, const struct address *address)
{
    const char *asked = trial->asked->question.name;
    struct verdict verdict = {.action = VERDICT_NONE};

    if (trial->is_listed)
        decisions_ask_address(trial->policy->decisions, address, &verdict);
    if (verdict_is_block(&verdict)) {
        note(trial->policy, trial->asked, asked, &verdict);
        trial->judgement = DNS_JUDGED_BLOCKED;
        return false;
    }
    if (!trial->policy->config->refuses_private_answers || !is_private(address) ||
        is_private_name(trial->policy, asked))
        return true;
    trial->policy->stats.rebinding++;
    log_debug("private address refused name=%s", asked);
    trial->judgement = DNS_JUDGED_PRIVATE;
    return false;
}

static bool try_lead(void *owner, const char *name, const struct address *address)
{
    struct trial *trial = owner;

    if (address)
        return try_address(trial, address);
    return !trial->is_listed || try_name(trial, name);
}

/* Policy zones speak of name servers under a name that no host has. */
static bool try_server(void *owner, const char *name, const struct address *address)
{
    static const char mark[] = ".rpz-nsdname";
    char server[NAME_MAX_BYTES + 1];

    (void)address;
    if (strlen(name) + sizeof(mark) > sizeof(server))
        return true;
    snprintf(server, sizeof(server), "%s%s", name, mark);
    return try_name(owner, server);
}

enum dns_judgement dns_policy_judge(struct dns_policy *policy, const struct dns_asked *asked,
                                    bool is_listed, const uint8_t *answer, size_t size)
{
    struct trial trial = {policy, asked, is_listed, DNS_JUDGED_GOOD};

    if (dns_message_each_lead(answer, size, try_lead, &trial) < 0)
        return DNS_JUDGED_BROKEN;
    if (trial.judgement == DNS_JUDGED_GOOD && is_listed &&
        dns_message_each_server(answer, size, try_server, &trial) < 0)
        return DNS_JUDGED_BROKEN;
    return trial.judgement;
}

ssize_t dns_policy_refuse(const struct dns_policy *policy, const struct dns_asked *asked,
                          enum dns_judgement judgement, uint8_t *to, size_t capacity)
{
    struct dns_blocking_options no_data = {.mode = DNS_BLOCK_CUSTOM,
                                           .ttl_s = policy->config->blocking_ttl_s};

    if (judgement == DNS_JUDGED_BLOCKED)
        return answer_as_configured(policy, asked, to, capacity);
    if (judgement == DNS_JUDGED_PRIVATE)
        return dns_message_blocked(asked->query, asked->size, &asked->question, &no_data, to,
                                   capacity);
    return dns_message_error(asked->query, asked->size, DNS_SERVFAIL, to, capacity);
}
