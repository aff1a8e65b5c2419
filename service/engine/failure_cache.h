/* Questions that no server could answer, kept for a while so that they are not asked again at once,
 * however often applications ask (RFC 9520). A table of fixed size; two questions that meet in a
 * place take it from each other, which costs a question. */
#ifndef SERVICE_ENGINE_FAILURE_CACHE_H
#define SERVICE_ENGINE_FAILURE_CACHE_H

#include "adblock/dns_message.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FAILURE_CACHE_MAX = 1024,
    /* RFC 9520 sec. 3.2: at least one second, at most five minutes. Servers that cannot be reached
     * may be there again any moment; a name that they cannot resolve takes longer each time. */
    FAILURE_UNREACHED_MS = 1000,
    FAILURE_FIRST_MS = 5000,
    FAILURE_LONGEST_MS = 300000,
};

struct failure_cache {
    struct failure {
        uint64_t question; /* its hash; 0: free */
        uint64_t until_ms;
        uint32_t lasts_ms;
    } failures[FAILURE_CACHE_MAX];
    uint64_t hits;
};

/* `was_reached`: a server answered that it could not; otherwise none did. */
void failure_cache_put(struct failure_cache *cache, const struct dns_question *question,
                       bool was_reached, uint64_t now_ms);
bool failure_cache_has(struct failure_cache *cache, const struct dns_question *question,
                       uint64_t now_ms);
/* It was answered. */
void failure_cache_drop(struct failure_cache *cache, const struct dns_question *question);

#endif
