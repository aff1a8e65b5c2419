#include "service/engine/decisions.h"

#include "adblock/dns_message.h"

#define LOG_MODULE "filter"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t unix_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The host of a URL; a plain name is its own. */
static const char *host_of(const char *name, char to[NAME_MAX_BYTES + 1])
{
    const char *scheme = strstr(name, "://");
    const char *host = scheme ? scheme + 3 : name;
    size_t size = scheme ? strcspn(host, "/:?#") : strlen(host);

    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    memcpy(to, host, size);
    to[size] = '\0';
    return to;
}

/* All three came from outside: a client's words, and a list's. */
static void log_refusal(const struct refusal *refusal)
{
    char name[2 * NAME_MAX_BYTES], list[2 * DECISION_LIST_MAX], rule[2 * DECISION_RULE_MAX];

    log_line(LOG_INFO, LOG_MODULE, "blocked kind=%s name=%s list=%s rule=%s", refusal->kind,
             log_quote(name, sizeof(name), refusal->name),
             log_quote(list, sizeof(list), refusal->list),
             log_quote(rule, sizeof(rule), refusal->rule));
}

static void tell(struct decisions *decisions, const struct decision *decision, const char *verdict,
                 const char *list, const char *rule)
{
    struct decision told = *decision;

    decisions->told++;
    if (!decisions->on_decision)
        return;
    told.verdict = verdict;
    told.list = list;
    told.rule = rule;
    decisions->on_decision(decisions->log_owner, &told);
}

void decisions_note(struct decisions *decisions, const struct decision *decision,
                    const struct verdict *verdict)
{
    struct refusal *refusal = &decisions->kept[decisions->kept_count++ % DECISIONS_KEPT];
    size_t size = decision->name_size;
    char host[NAME_MAX_BYTES + 1];

    *refusal = (struct refusal){.at_unix_ms = unix_now_ms(), .kind = decision->kind};
    if (decision->caller)
        refusal->client = decision->caller->client;
    if (size > NAME_MAX_BYTES)
        size = NAME_MAX_BYTES;
    memcpy(refusal->name, decision->name, size);
    filter_describe(decisions->filter(decisions->owner), verdict, host_of(refusal->name, host),
                    refusal->list, sizeof(refusal->list), refusal->rule, sizeof(refusal->rule));
    decisions->blocked++;
    decisions->on_blocked(decisions->owner);
    tell(decisions, decision, "block", refusal->list, refusal->rule);
    if (log_has_names() || log_is_on(LOG_DEBUG))
        log_refusal(refusal);
}

/* The rule and its list in words, and tell that. */
static void describe(struct decisions *decisions, const struct decision *decision, const char *word,
                     const struct verdict *verdict)
{
    char list[DECISION_LIST_MAX] = "", rule[DECISION_RULE_MAX] = "", name[NAME_MAX_BYTES + 1];
    char host[NAME_MAX_BYTES + 1];
    const struct filter *filter = decisions->filter(decisions->owner);

    snprintf(name, sizeof(name), "%.*s",
             (int)(decision->name_size < NAME_MAX_BYTES ? decision->name_size : NAME_MAX_BYTES),
             decision->name);
    if (filter)
        filter_describe(filter, verdict, host_of(name, host), list, sizeof(list), rule,
                        sizeof(rule));
    tell(decisions, decision, word, list, rule);
}

void decisions_rewritten(struct decisions *decisions, const struct decision *decision,
                         const struct verdict *verdict)
{
    if (decisions->wants_passes)
        describe(decisions, decision, "rewrite", verdict);
    else
        decisions->told++;
}

static const struct address *client_of(const struct caller *caller)
{
    return caller ? &caller->client : NULL;
}

/* An exception is worth telling by name: what decided is asked for again, nothing kept it. */
void decisions_passed(struct decisions *decisions, const struct decision *decision)
{
    const struct filter *filter = decisions->filter(decisions->owner);
    struct verdict verdict = {.action = VERDICT_NONE};
    char host[NAME_MAX_BYTES + 1];

    if (!decisions->wants_passes)
        return;
    if (filter && decision->request) {
        filter_ask_request(filter, decision->request, &verdict);
    } else if (filter && decision->name_size <= NAME_MAX_BYTES) {
        memcpy(host, decision->name, decision->name_size);
        host[decision->name_size] = '\0';
        filter_ask_name(filter,
                        &(struct filter_name){.host = host,
                                              .qtype = decision->qtype,
                                              .client = client_of(decision->caller)},
                        &verdict);
    }
    if (verdict.action == VERDICT_ALLOW)
        describe(decisions, decision, "allow", &verdict);
    else
        tell(decisions, decision, "pass", NULL, NULL);
}

void decisions_expect(const struct decisions *decisions, const struct caller *caller)
{
    if (decisions->wants_passes && decisions->on_caller && caller)
        decisions->on_caller(decisions->log_owner, caller);
}

void decisions_ask_name(struct decisions *decisions, const struct filter_name *name,
                        struct verdict *ret)
{
    const struct filter *filter = decisions->filter(decisions->owner);

    decisions->asked++;
    *ret = (struct verdict){.action = VERDICT_NONE};
    if (filter)
        filter_ask_name(filter, name, ret);
}

void decisions_ask_address(struct decisions *decisions, const struct address *address,
                           struct verdict *ret)
{
    const struct filter *filter = decisions->filter(decisions->owner);

    *ret = (struct verdict){.action = VERDICT_NONE};
    if (filter)
        filter_ask_address(filter, address, ret);
}

size_t decisions_answers(const struct decisions *decisions, const struct filter_name *name,
                         const struct verdict *verdict, struct filter_answer *ret, size_t max)
{
    const struct filter *filter = decisions->filter(decisions->owner);
    return filter ? filter_answers(filter, name, verdict, ret, max) : 0;
}

static bool is_loopback_or_null(const struct filter_answer *answer)
{
    static const uint8_t zero[16];

    return answer->kind == FILTER_ANSWER_RECORD && answer->address.family != 0 &&
           (address_is_loopback(&answer->address) ||
            memcmp(answer->address.ip, zero, sizeof(zero)) == 0);
}

bool decisions_is_denial(const struct verdict *verdict, const struct filter_answer *answers,
                         size_t count)
{
    if (count == 0)
        return true;
    if (verdict->action == VERDICT_HOST)
        return is_loopback_or_null(&answers[0]);
    return answers[0].kind == FILTER_ANSWER_RCODE || answers[0].kind == FILTER_ANSWER_DROP;
}

static bool denies_type(const struct decisions *decisions, const struct filter_name *asked,
                        uint16_t qtype, const struct verdict *verdict)
{
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    struct filter_name name = *asked;
    size_t count;

    name.qtype = qtype;
    count = decisions_answers(decisions, &name, verdict, answers, FILTER_ANSWERS_MAX);
    return decisions_is_denial(verdict, answers, count);
}

bool decisions_denies(const struct decisions *decisions, const struct filter_name *name,
                      const struct verdict *verdict)
{
    if (verdict->action != VERDICT_HOST && verdict->action != VERDICT_REWRITE)
        return verdict->action == VERDICT_BLOCK;
    if (name->qtype != 0)
        return denies_type(decisions, name, name->qtype, verdict);
    return denies_type(decisions, name, DNS_A, verdict) &&
           denies_type(decisions, name, DNS_AAAA, verdict);
}

bool decisions_name_is_blocked(struct decisions *decisions, const char *kind, const char *host,
                               uint16_t qtype, const struct caller *caller)
{
    struct filter_name name = {.host = host, .qtype = qtype, .client = client_of(caller)};
    struct verdict verdict;

    decisions_ask_name(decisions, &name, &verdict);
    if (!decisions_denies(decisions, &name, &verdict))
        return false;
    decisions_note(decisions,
                   &(struct decision){.kind = kind,
                                      .name = host,
                                      .name_size = strlen(host),
                                      .caller = caller,
                                      .qtype = qtype},
                   &verdict);
    return true;
}

size_t decisions_last(const struct decisions *decisions, const struct refusal **ret, size_t max)
{
    size_t count = decisions->kept_count < DECISIONS_KEPT ? decisions->kept_count : DECISIONS_KEPT;

    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++)
        ret[i] = &decisions->kept[(decisions->kept_count - 1 - i) % DECISIONS_KEPT];
    return count;
}
