#include "service/worker/askers.h"

#include "base/rate.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct askers {
    struct loop *loop;
    struct wire *wire;
    askers_fn *on_done;
    void *owner;
    struct asker slots[ASKERS_SLOTS];
    struct list waiting; /* oldest first */
    unsigned waiting_count;
    struct timer patience; /* of the oldest */
    uint32_t last_number;
    struct rate rate; /* of questions */
    struct askers_stats stats;
};

static struct asker *slot_of(struct askers *askers, const struct caller *caller)
{
    uint64_t hash = address_hash(&caller->client, (uint64_t)caller->protocol);
    return &askers->slots[hash & (ASKERS_SLOTS - 1)];
}

/* Several sockets of TCP, of several programs perhaps, can have one address as long as they speak
 * to different ones; a socket of UDP may speak to many. */
static bool is_of(const struct asker *asker, const struct caller *caller)
{
    return asker->protocol == caller->protocol &&
           address_is_equal(&asker->client, &caller->client) &&
           (caller->protocol != IPPROTO_TCP || address_is_equal(&asker->server, &caller->server));
}

/* A socket shows both ends. */
static bool is_askable(const struct caller *caller)
{
    return caller->protocol != 0 && caller->client.family != 0 && caller->client.port != 0 &&
           caller->server.family == caller->client.family;
}

/* --- the end of a question ------------------------------------------------------------------- */

static void watch_oldest(struct askers *askers)
{
    uint64_t now_ms = loop_now_ms(askers->loop);
    const struct asker *oldest;

    timer_stop(&askers->patience);
    if (list_is_empty(&askers->waiting))
        return;
    oldest = list_item(askers->waiting.next, struct asker, node);
    timer_start(&askers->patience, oldest->until_ms > now_ms ? oldest->until_ms - now_ms : 0);
}

static void end(struct askers *askers, struct asker *asker)
{
    asker->is_waiting = false;
    asker->until_ms = loop_now_ms(askers->loop) + ASKERS_KNOWN_MS;
    list_remove(&asker->node);
    askers->waiting_count--;
    if (asker->name[0])
        askers->stats.named++;
    else
        askers->stats.unnamed++;
    askers->on_done(askers->owner, asker);
}

static void on_patience(void *owner)
{
    struct askers *askers = owner;

    list_each(node, &askers->waiting) {
        struct asker *asker = list_item(node, struct asker, node);
        if (asker->until_ms > loop_now_ms(askers->loop))
            break;
        end(askers, asker);
    }
    watch_oldest(askers);
}

static struct asker *find_waiting(struct askers *askers, uint32_t number)
{
    list_each(node, &askers->waiting) {
        struct asker *asker = list_item(node, struct asker, node);
        if (asker->number == number)
            return asker;
    }
    return NULL;
}

void askers_take(struct askers *askers, const struct ipc_message *answer)
{
    struct asker *asker = find_waiting(askers, answer->flag);

    if (!asker)
        return; /* too late */
    asker->user = answer->value == -1 ? -1 : (int64_t)(uint32_t)answer->value;
    memcpy(asker->name, answer->name, sizeof(asker->name));
    end(askers, asker);
    watch_oldest(askers);
}

/* --- questions ------------------------------------------------------------------------------- */

static bool may_ask(struct askers *askers)
{
    return askers->waiting_count < ASKERS_WAITING_MAX &&
           rate_take(&askers->rate, loop_now_ms(askers->loop), ASKERS_PER_SECOND);
}

static int ask(struct askers *askers, const struct caller *caller, struct asker *asker)
{
    struct ipc_message question = {
        .kind = IPC_WHOSE,
        .value = caller->protocol,
        .flag = askers->last_number + 1,
        .address = caller->client,
        .peer = caller->server,
    };
    int err = wire_try(askers->wire, &question);

    if (err < 0)
        return err;
    askers->last_number++;
    *asker = (struct asker){
        .client = caller->client,
        .server = caller->server,
        .protocol = caller->protocol,
        .is_waiting = true,
        .until_ms = loop_now_ms(askers->loop) + ASKERS_WAIT_MS,
        .number = question.flag,
        .user = -1,
    };
    list_init(&asker->rows);
    list_append(&askers->waiting, &asker->node);
    askers->waiting_count++;
    askers->stats.asked++;
    if (askers->waiting_count == 1)
        watch_oldest(askers);
    return 0;
}

struct asker *askers_find(struct askers *askers, const struct caller *caller)
{
    struct asker *asker;

    if (!is_askable(caller))
        return NULL;
    asker = slot_of(askers, caller);
    if (is_of(asker, caller) && (asker->is_waiting || loop_now_ms(askers->loop) < asker->until_ms))
        return asker;
    if (!asker->is_waiting && may_ask(askers) && ask(askers, caller, asker) == 0)
        return asker;
    askers->stats.unasked++;
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------ */

struct askers *askers_new(struct loop *loop, struct wire *wire, askers_fn *on_done, void *owner)
{
    struct askers *askers = calloc(1, sizeof(*askers));

    if (!askers)
        return NULL;
    askers->loop = loop;
    askers->wire = wire;
    askers->on_done = on_done;
    askers->owner = owner;
    list_init(&askers->waiting);
    timer_init(&askers->patience, loop, on_patience, askers);
    return askers;
}

void askers_free(struct askers *askers)
{
    if (!askers)
        return;
    list_each(node, &askers->waiting)
        end(askers, list_item(node, struct asker, node));
    timer_stop(&askers->patience);
    free(askers);
}

struct askers_stats askers_stats(const struct askers *askers)
{
    return askers->stats;
}
