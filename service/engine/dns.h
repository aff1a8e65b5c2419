/* The resolver that applications see: question -> filter -> cache -> upstream -> answer. Whatever
 * server a question was sent to, it is answered here. Questions that are alike are asked once. */
#ifndef SERVICE_ENGINE_DNS_H
#define SERVICE_ENGINE_DNS_H

#include "adblock/dns_message.h"
#include "service/config.h"
#include "service/engine/answer_cache.h"
#include "service/engine/connect.h"
#include "service/engine/decisions.h"
#include "service/engine/dns_policy.h"
#include "service/engine/name_cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { DNS_WAITS_MAX = 4096 }; /* questions under way, all askers together */

struct dns;
struct dns_wait;

struct dns_stats {
    uint64_t questions, from_cache, stale, forwarded, prefetched, failed, malformed;
    uint64_t refused_at_limit, known_failures;
    struct dns_policy_stats policy;
    struct answer_cache_stats cache;
};

/* `decisions` and `names` are borrowed for as long as it lives, `config` until the next
 * dns_configure. */
struct dns *dns_new(struct connector *connector, const struct config_dns *config,
                    struct decisions *decisions, struct name_cache *names);
void dns_free(struct dns *dns); /* nobody may be waiting any more */
/* Other servers, another cache; 0 or < 0 with everything as it was. */
int dns_configure(struct dns *dns, const struct config_dns *config);
/* From now on names may get stand-ins, if the configuration wants them; borrowed. */
void dns_use_stand_ins(struct dns *dns, struct stand_ins *stand_ins);
struct dns_stats dns_stats(const struct dns *dns);
struct loop *dns_loop(const struct dns *dns);

/* An answer that came later; borrowed until return. Errors are answers too (SERVFAIL). */
typedef void dns_answer_fn(void *owner, const uint8_t *answer, size_t size);

struct dns_asker {
    const struct caller *caller; /* borrowed for the call; NULL if unknown */
    bool is_stream;              /* TCP: answers are never cut short */
    dns_answer_fn *on_answer;
    void *owner;
};

/* Ask. > 0: the answer's size, in `to`, at once. 0: it comes by on_answer, once, from the loop,
 * unless *ret is cancelled before. < 0: say nothing: this is no question, or (-ENOMSG) a rule wants
 * it unanswered. `capacity` is at least
 * DNS_MESSAGE_MAX for streams and DNS_UDP_OURS for datagrams. */
ssize_t dns_ask(struct dns *dns, const void *query, size_t size, const struct dns_asker *asker,
                uint8_t *to, size_t capacity, struct dns_wait **ret);
void dns_wait_cancel(struct dns_wait *wait); /* NULL is accepted */
/* Whom on_answer is told: for askers who need memory only once they have to wait. */
void dns_wait_set_owner(struct dns_wait *wait, void *owner);

/* The same for a question that is not to be filtered: of our own, for what was judged already. */
ssize_t dns_resolve(struct dns *dns, const void *query, size_t size,
                    const struct dns_question *question, const struct dns_asker *asker, uint8_t *to,
                    size_t capacity, struct dns_wait **ret);

#endif
