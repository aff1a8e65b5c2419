#include "proxy/pool.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    TRIP_FAILURES = 3,
    TRIP_REFUSALS = 10, /* of a server that works and says no */
    WINDOW_MS = 10000,
    WINDOW_DIALS_MIN = 10,
    REST_BASE_MS = 1000,
    REST_CAP_MS = 60000,
    REST_CAP_ALONE_MS = 5000, /* nobody takes over from the only member */
    REST_LEAST_MS = 50,
    REST_LOGIN_MS = 60000,
    /* A trial whose outcome is never reported (its conversation was given up) ends after this. */
    TRIAL_MS = 10000,
    CLOSING_SUCCESSES = 2,
};

enum breaker { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct member {
    struct upstream *upstream;
    enum breaker breaker;
    uint64_t retry_at_ms;   /* OPEN: end of the rest; HALF_OPEN: when the next trial may start */
    unsigned trips;         /* since it was last CLOSED */
    unsigned successes;     /* of trials, in a row */
    unsigned failures;      /* in a row, hard and soft */
    unsigned hard_failures; /* in a row; a soft one does not end the row */
    uint64_t window_from_ms;
    unsigned window_dials, window_failures;
    bool has_worked;
    int last_err;
    uint64_t all_dials, all_failures;
};

struct pool {
    struct member *members;
    size_t count;
    size_t next; /* where the round goes on */
    uint64_t random;
};

struct pool *pool_new(void)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = (uint64_t)(uintptr_t)pool;
    pool_set_seed(pool, seed);
    return pool;
}

void pool_set_seed(struct pool *pool, uint64_t seed)
{
    pool->random = seed ? seed : 1;
}

/* xorshift64: only spreads retries in time, nobody gains by guessing it. */
static uint64_t draw_below(struct pool *pool, uint64_t limit)
{
    pool->random ^= pool->random << 13;
    pool->random ^= pool->random >> 7;
    pool->random ^= pool->random << 17;
    return pool->random % limit;
}

static void free_members(struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        upstream_unref(members[i].upstream);
    free(members);
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    free_members(pool->members, pool->count);
    free(pool);
}

static const struct member *find_same(const struct pool *pool,
                                      const struct upstream_options *options)
{
    for (size_t i = 0; i < pool->count; i++)
        if (upstream_is_same(pool->members[i].upstream, options))
            return &pool->members[i];
    return NULL;
}

static int fill_member(const struct pool *pool, const struct upstream_options *options,
                       struct member *ret)
{
    const struct member *same = find_same(pool, options);
    if (!same)
        return upstream_new(options, &ret->upstream);
    *ret = *same;
    upstream_ref(ret->upstream);
    return 0;
}

static bool has_twins(const struct upstream_options *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t n = i + 1; n < count; n++)
            if (list[i].name && list[n].name && strcmp(list[i].name, list[n].name) == 0)
                return true;
    return false;
}

int pool_set(struct pool *pool, const struct upstream_options *list, size_t count)
{
    if (has_twins(list, count))
        return -EINVAL;
    struct member *members = calloc(count ? count : 1, sizeof(*members));
    if (!members)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int err = fill_member(pool, &list[i], &members[i]);
        if (err < 0) {
            free_members(members, i);
            return err;
        }
    }
    free_members(pool->members, pool->count);
    pool->members = members;
    pool->count = count;
    pool->next = 0;
    return 0;
}

static bool can_do(const struct member *member, bool needs_udp)
{
    const struct upstream *upstream = member->upstream;
    if (!needs_udp)
        return true;
    switch (upstream->kind) {
    case UPSTREAM_DIRECT:
    case UPSTREAM_BLOCK: return true; /* block: refuses datagrams as it refuses all */
    case UPSTREAM_SOCKS5: return upstream->has_udp;
    case UPSTREAM_HTTP:
    case UPSTREAM_HTTPS: return false;
    }
    return false;
}

static bool was_tried(const struct member *member, struct upstream *const *tried, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tried[i] == member->upstream)
            return true;
    return false;
}

/* An upstream whose server has no address yet cannot be dialed, and that is not its fault. */
static bool is_ready(const struct member *member, uint64_t now_ms)
{
    return upstream_is_dialable(member->upstream) &&
           (member->breaker == BREAKER_CLOSED || now_ms >= member->retry_at_ms);
}

static void start_trial(struct member *member, uint64_t now_ms)
{
    member->breaker = BREAKER_HALF_OPEN;
    member->retry_at_ms = now_ms + TRIAL_MS;
}

int pool_pick(struct pool *pool, bool needs_udp, struct upstream *const *tried, size_t n,
              uint64_t now_ms, struct upstream **ret)
{
    bool is_any = false;
    for (size_t i = 0; i < pool->count; i++) {
        size_t at = (pool->next + i) % pool->count;
        struct member *member = &pool->members[at];
        if (!can_do(member, needs_udp) || was_tried(member, tried, n))
            continue;
        is_any = true;
        if (!is_ready(member, now_ms))
            continue;
        if (member->breaker != BREAKER_CLOSED)
            start_trial(member, now_ms);
        pool->next = (at + 1) % pool->count;
        *ret = upstream_ref(member->upstream);
        return 0;
    }
    return is_any ? -EAGAIN : -ENOENT;
}

static void rest(struct member *member, uint64_t rest_ms, uint64_t now_ms)
{
    member->breaker = BREAKER_OPEN;
    member->retry_at_ms = now_ms + rest_ms;
    member->successes = 0;
}

static void trip(struct pool *pool, struct member *member, uint64_t now_ms)
{
    uint64_t cap_ms = pool->count > 1 ? REST_CAP_MS : REST_CAP_ALONE_MS;
    uint64_t most_ms = (uint64_t)REST_BASE_MS << (member->trips < 6 ? member->trips : 6);
    if (most_ms > cap_ms)
        most_ms = cap_ms;
    member->trips++;
    rest(member, REST_LEAST_MS + draw_below(pool, most_ms - REST_LEAST_MS), now_ms);
}

static void count_in_window(struct member *member, bool is_failure, uint64_t now_ms)
{
    if (now_ms - member->window_from_ms >= WINDOW_MS) {
        member->window_from_ms = now_ms;
        member->window_dials = member->window_failures = 0;
    }
    member->window_dials++;
    member->window_failures += is_failure;
}

static void on_success(struct member *member, uint64_t now_ms)
{
    member->has_worked = true;
    member->failures = member->hard_failures = 0;
    member->last_err = 0;
    if (member->breaker == BREAKER_CLOSED)
        return;
    member->breaker = BREAKER_HALF_OPEN;
    member->retry_at_ms = now_ms; /* the next trial need not wait */
    if (++member->successes < CLOSING_SUCCESSES)
        return;
    member->breaker = BREAKER_CLOSED;
    member->successes = member->trips = 0;
    member->window_from_ms = now_ms;
    member->window_dials = member->window_failures = 0;
}

/* The server works and says no, to this target or to what we asked of it. */
static bool is_soft(int err)
{
    return err == ERR_REFUSED_BY_PROXY || err == ERR_UNSUPPORTED;
}

/* Nobody listens there, or there is no way there: trying twice more would not tell more. */
static bool is_certain(int err)
{
    return err == -ECONNREFUSED || err == -EHOSTUNREACH || err == -ENETUNREACH;
}

/* A shortage of our own or a verdict says nothing about the server. */
static bool is_ours(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -ENFILE || err == -ENOBUFS ||
           err == -ECANCELED || err == ERR_LIMIT || err == ERR_BLOCKED || err == -EINVAL;
}

static bool must_trip(const struct member *member, int err)
{
    if (is_certain(err) || (member->breaker == BREAKER_HALF_OPEN && !is_soft(err)))
        return true;
    return member->hard_failures >= TRIP_FAILURES || member->failures >= TRIP_REFUSALS ||
           (member->window_dials >= WINDOW_DIALS_MIN &&
            member->window_failures * 2 >= member->window_dials);
}

static void on_failure(struct pool *pool, struct member *member, int err, uint64_t now_ms)
{
    member->all_failures++;
    member->last_err = err;
    member->failures++;
    member->hard_failures += !is_soft(err);
    if (err == ERR_AUTH)
        rest(member, REST_LOGIN_MS, now_ms);
    /* Late news of dials that were under way when it tripped changes nothing. */
    else if (member->breaker != BREAKER_OPEN && must_trip(member, err))
        trip(pool, member, now_ms);
    else if (member->breaker == BREAKER_HALF_OPEN) /* it answers: the next trial may tell more */
        member->retry_at_ms = now_ms;
}

void pool_forgive(struct pool *pool, uint64_t now_ms)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->members[i].breaker != BREAKER_CLOSED && pool->members[i].last_err != ERR_AUTH)
            pool->members[i].retry_at_ms = now_ms;
}

void pool_report(struct pool *pool, const struct upstream *upstream, int err, uint64_t now_ms)
{
    struct member *member = NULL;
    for (size_t i = 0; i < pool->count; i++)
        if (pool->members[i].upstream == upstream)
            member = &pool->members[i];
    if (!member) /* a reload has taken it out meanwhile */
        return;
    member->all_dials++;
    if (is_ours(err)) {
        if (member->breaker == BREAKER_HALF_OPEN)
            member->retry_at_ms = now_ms;
        return;
    }
    bool is_failure = err != 0 && !err_is_target(err);
    count_in_window(member, is_failure && !is_soft(err), now_ms);
    if (is_failure)
        on_failure(pool, member, err, now_ms);
    else
        on_success(member, now_ms);
}

static struct pool_member describe(const struct member *member)
{
    enum pool_health health = member->has_worked ? POOL_HEALTHY : POOL_UNTRIED;
    bool is_resting = member->breaker != BREAKER_CLOSED;
    return (struct pool_member){
        .upstream = member->upstream,
        .health = is_resting ? POOL_RESTING : health,
        .retry_at_ms = is_resting ? member->retry_at_ms : 0,
        .failures_in_a_row = member->failures,
        .last_err = member->last_err,
        .dials = member->all_dials,
        .failures = member->all_failures,
    };
}

size_t pool_members(const struct pool *pool, struct pool_member *ret, size_t max)
{
    size_t count = 0;
    for (; count < pool->count && count < max; count++)
        ret[count] = describe(&pool->members[count]);
    return count;
}

bool pool_is_available(const struct pool *pool, uint64_t now_ms)
{
    for (size_t i = 0; i < pool->count; i++)
        if (is_ready(&pool->members[i], now_ms))
            return true;
    return false;
}

uint64_t pool_retry_at_ms(const struct pool *pool)
{
    uint64_t soonest = UINT64_MAX;
    for (size_t i = 0; i < pool->count; i++)
        if (pool->members[i].breaker != BREAKER_CLOSED && pool->members[i].retry_at_ms < soonest)
            soonest = pool->members[i].retry_at_ms;
    return soonest;
}
