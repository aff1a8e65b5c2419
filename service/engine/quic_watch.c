#include "service/engine/quic_watch.h"

#include <string.h>

static void drop_hello(struct quic_watch *watch)
{
    quic_hello_free(watch->hello);
    watch->hello = NULL;
}

void quic_watch_done(struct quic_watch *watch)
{
    drop_hello(watch);
}

bool quic_watch_is_waiting(const struct quic_watch *watch)
{
    return watch->hello != NULL;
}

static bool is_behind_hello(const struct quic_watch *watch, const struct endpoint *peer)
{
    return watch->hello && endpoint_is_equal(&watch->peer, peer);
}

static uint64_t filter_now(const struct decisions *decisions)
{
    return filter_serial(decisions->filter(decisions->owner));
}

static enum quic_ruling ruling_of(const struct quic_watch *watch)
{
    return watch->is_blocked ? QUIC_REFUSE : QUIC_PASS;
}

/* A socket may begin one connection after the other, also with the same peer. */
static bool is_known(const struct quic_watch *watch, const struct endpoint *peer,
                     const struct quic_id *id)
{
    return memcmp(&watch->id, id, sizeof(*id)) == 0 && endpoint_is_equal(&watch->peer, peer);
}

bool quic_watch_abandons(const struct quic_watch *watch, const struct endpoint *peer,
                         const void *data, size_t size)
{
    struct quic_id id;

    return watch->hello && quic_hello_is_initial(data, size, &id) && !is_known(watch, peer, &id);
}

static bool begin(struct quic_watch *watch, const struct endpoint *peer, const struct quic_id *id)
{
    drop_hello(watch);
    watch->peer = *peer;
    watch->id = *id;
    watch->host[0] = '\0';
    watch->hello = quic_hello_new();
    return watch->hello != NULL;
}

static void judge(struct quic_watch *watch, struct decisions *decisions,
                  const struct caller *caller, const struct tls_hello *hello)
{
    memcpy(watch->host, hello->name, sizeof(hello->name));
    watch->judged_by = filter_now(decisions);
    watch->is_blocked =
        hello->name[0] && decisions_name_is_blocked(decisions, "quic", hello->name, 0, caller);
    drop_hello(watch);
}

enum quic_ruling quic_watch_judge(struct quic_watch *watch, struct decisions *decisions,
                                  const struct caller *caller, const struct endpoint *peer,
                                  const void *data, size_t size)
{
    struct tls_hello hello = {.name = ""};
    struct quic_id id;

    if (!quic_hello_is_initial(data, size, &id))
        return is_behind_hello(watch, peer) ? QUIC_HOLD : QUIC_PASS;
    if (!is_known(watch, peer, &id) ||
        (!watch->hello && watch->judged_by != filter_now(decisions))) {
        if (!begin(watch, peer, &id))
            return QUIC_REFUSE;
    } else if (!watch->hello) {
        return ruling_of(watch); /* said again */
    }
    if (quic_hello_feed(watch->hello, data, size, &hello) == QUIC_HELLO_MORE)
        return QUIC_HOLD;
    judge(watch, decisions, caller, &hello);
    return ruling_of(watch);
}
