/* DNS answers, kept by their TTL: whole messages by name, type, class and the flags that change an
 * answer. Bounded by entries and by bytes; the one unused for longest makes room. What is older
 * than its TTL is kept for a while, for the time when no server answers (RFC 8767). */
#ifndef SERVICE_ENGINE_ANSWER_CACHE_H
#define SERVICE_ENGINE_ANSWER_CACHE_H

#include "adblock/dns_message.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct answer_cache;

struct answer_cache_stats {
    size_t entries, bytes;
    uint64_t hits, misses, evictions;
};

enum {
    ANSWER_STALE_TTL_S = 30, /* RFC 8767 sec. 4 */
    ANSWER_POPULAR_USES = 2  /* since it was kept */
};

enum answer_state {
    ANSWER_FRESH,
    ANSWER_FRESH_DUE,  /* popular and near its end; said once */
    ANSWER_STALE,      /* beyond its time */
    ANSWER_STALE_HELD, /* the same, and asking again now is of no use */
};

/* `stale_s`: how long beyond its TTL an answer is of use; 0: not at all. */
struct answer_cache *answer_cache_new(size_t entries_max, size_t bytes_max, uint32_t stale_s);
void answer_cache_free(struct answer_cache *cache);
void answer_cache_clear(struct answer_cache *cache);

/* Copy the answer for this question out, with its TTLs aged (stale: ANSWER_STALE_TTL_S) and the
 * question's id set. Returns its size; -ENOENT; -ENOBUFS. */
ssize_t answer_cache_get(struct answer_cache *cache, const struct dns_question *question,
                         uint64_t now_ms, uint8_t *to, size_t capacity,
                         enum answer_state *ret_state);
/* It could not be refreshed: there is no point in trying before `until_ms`. */
void answer_cache_hold(struct answer_cache *cache, const struct dns_question *question,
                       uint64_t until_ms);
/* Keep an answer for `ttl_s` seconds; 0 keeps nothing. */
void answer_cache_put(struct answer_cache *cache, const struct dns_question *question,
                      const uint8_t *answer, size_t size, uint32_t ttl_s, uint64_t now_ms);
struct answer_cache_stats answer_cache_stats(const struct answer_cache *cache);

#endif
