/* DNS answers, kept by their TTL: whole messages by name, type, class and the flags that change an
 * answer. Bounded by entries and by bytes; the one unused for longest makes room. */
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

struct answer_cache *answer_cache_new(size_t entries_max, size_t bytes_max);
void answer_cache_free(struct answer_cache *cache);
void answer_cache_clear(struct answer_cache *cache);

/* Copy the answer for this question out, with its TTLs aged and the question's id set. Returns its
 * size; -ENOENT; -ENOBUFS. */
ssize_t answer_cache_get(struct answer_cache *cache, const struct dns_question *question,
                         uint64_t now_ms, uint8_t *to, size_t capacity);
/* Keep an answer for `ttl_s` seconds; 0 keeps nothing. */
void answer_cache_put(struct answer_cache *cache, const struct dns_question *question,
                      const uint8_t *answer, size_t size, uint32_t ttl_s, uint64_t now_ms);
struct answer_cache_stats answer_cache_stats(const struct answer_cache *cache);

#endif
