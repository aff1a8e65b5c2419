/* What is decided about questions and answers, apart from where answers come from: names that never
 * leave, what the lists say of a name (refuse it, answer something else), and whether what a server
 * answered may be handed out: its aliases, service bindings and addresses are asked about too, and
 * a name of the internet may not lead into a private network (DNS rebinding). */
#ifndef SERVICE_ENGINE_DNS_POLICY_H
#define SERVICE_ENGINE_DNS_POLICY_H

#include "adblock/dns_message.h"
#include "service/config.h"
#include "service/engine/decisions.h"
#include "service/engine/stand_ins.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dns_policy_stats {
    uint64_t blocked, rewritten, local, rebinding;
};

/* All borrowed. */
struct dns_policy {
    const struct config_dns *config;
    struct decisions *decisions;
    struct stand_ins *stand_ins; /* NULL where there never was need of one */
    struct dns_policy_stats stats;
};

/* One question of one client, as it came. */
struct dns_asked {
    const uint8_t *query;
    size_t size;
    struct dns_question question;
    const struct caller *caller; /* NULL if unknown */
    bool is_stream;
};

enum dns_ruling {
    DNS_RULING_ASK,      /* a server, and have the answer judged */
    DNS_RULING_ALLOWED,  /* a server; the lists have nothing to say about the answer */
    DNS_RULING_ALIAS,    /* a server for another name, and put the alias in front */
    DNS_RULING_ANSWERED, /* here and now */
    DNS_RULING_DROP,     /* say nothing */
};

struct dns_decision {
    enum dns_ruling ruling;
    ssize_t size; /* DNS_RULING_ANSWERED: of the answer, or an error */
    char alias[NAME_MAX_BYTES + 1];
};

/* Is the name one of these, or below? */
bool dns_policy_is_among(const char *name, char *const *names, unsigned count);

/* `to` receives an answer where there is one. `is_listed`: the lists have a say. */
void dns_policy_decide(struct dns_policy *policy, const struct dns_asked *asked, bool is_listed,
                       uint8_t *to, size_t capacity, struct dns_decision *ret);

enum dns_judgement {
    DNS_JUDGED_GOOD,
    DNS_JUDGED_BLOCKED, /* by a list */
    DNS_JUDGED_PRIVATE, /* leads into a private network */
    DNS_JUDGED_BROKEN,
};
/* May this answer of a server be handed out? `is_listed`: the lists have a say. */
enum dns_judgement dns_policy_judge(struct dns_policy *policy, const struct dns_asked *asked,
                                    bool is_listed, const uint8_t *answer, size_t size);
/* What is said instead of an answer that was judged; a size or an error. */
ssize_t dns_policy_refuse(const struct dns_policy *policy, const struct dns_asked *asked,
                          enum dns_judgement judgement, uint8_t *to, size_t capacity);

#endif
