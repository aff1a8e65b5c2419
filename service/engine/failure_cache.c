#include "service/engine/failure_cache.h"

#include "base/map.h"

#include <string.h>

static uint64_t hash_of(const struct dns_question *question)
{
    struct {
        uint16_t qtype, flags;
        char name[NAME_MAX_BYTES + 1];
    } key = {question->qtype,
             (uint16_t)(question->checking_disabled << 1 | question->wants_dnssec),
             {0}};
    size_t size = strlen(question->name);

    memcpy(key.name, question->name, size);
    uint64_t hash = map_hash(&key, sizeof(key) - sizeof(key.name) + size);
    return hash ? hash : 1;
}

static struct failure *place_of(struct failure_cache *cache, uint64_t hash)
{
    return &cache->failures[hash % FAILURE_CACHE_MAX];
}

void failure_cache_put(struct failure_cache *cache, const struct dns_question *question,
                       bool was_reached, uint64_t now_ms)
{
    uint64_t hash = hash_of(question);
    struct failure *failure = place_of(cache, hash);
    uint32_t lasts_ms = was_reached ? FAILURE_FIRST_MS : FAILURE_UNREACHED_MS;

    /* Asked for again soon after, and failed again. */
    if (was_reached && failure->question == hash && failure->lasts_ms >= FAILURE_FIRST_MS &&
        now_ms < failure->until_ms + FAILURE_LONGEST_MS)
        lasts_ms =
            failure->lasts_ms < FAILURE_LONGEST_MS / 2 ? failure->lasts_ms * 2 : FAILURE_LONGEST_MS;
    *failure = (struct failure){hash, now_ms + lasts_ms, lasts_ms};
}

bool failure_cache_has(struct failure_cache *cache, const struct dns_question *question,
                       uint64_t now_ms)
{
    uint64_t hash = hash_of(question);
    const struct failure *failure = place_of(cache, hash);
    bool has = failure->question == hash && now_ms < failure->until_ms;

    cache->hits += has;
    return has;
}

void failure_cache_drop(struct failure_cache *cache, const struct dns_question *question)
{
    uint64_t hash = hash_of(question);
    struct failure *failure = place_of(cache, hash);

    if (failure->question == hash)
        *failure = (struct failure){0};
}
