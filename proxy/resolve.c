/* c-ares on our loop: its sockets are watched, its earliest timeout is one timer of ours. Answers
 * are handed over by a deferred call, because c-ares may have them at once (an address,
 * /etc/hosts). */
#include "proxy/resolve.h"

#include "base/err.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
    LOOKUPS_MAX = 64,
    ADDRESSES_MAX = 16,
    SERVERS_TEXT_MAX = 1024,
    TRY_MS = 2000, /* for one server, doubling with each round */
    TRIES = 3,
    DNS_PORT = 53,
};

struct resolve {
    struct loop *loop;
    ares_channel channel;
    struct timer timeout;
    struct list sockets;
    struct list lookups;
    unsigned lookup_count;
    bool is_ending;
};

/* A socket of c-ares's; it opens and closes the descriptor. */
struct socket_watch {
    struct list node;
    struct resolve *resolve;
    struct watch *watch;
    ares_socket_t fd;
};

struct lookup {
    struct list node;
    struct resolve *resolve;
    struct deferred answer;
    resolve_done_fn *on_done;
    void *owner;
    bool is_answered;
    int err;
    uint32_t ttl_s;
    size_t count;
    struct address addresses[ADDRESSES_MAX];
};

static void process(struct resolve *resolve, ares_socket_t readable, ares_socket_t writable)
{
    struct timeval wait;
    ares_process_fd(resolve->channel, readable, writable);
    timer_stop(&resolve->timeout);
    if (ares_timeout(resolve->channel, NULL, &wait))
        timer_start(&resolve->timeout,
                    (uint64_t)wait.tv_sec * 1000 + ((uint64_t)wait.tv_usec + 999) / 1000);
}

static void on_timeout(void *owner)
{
    process(owner, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_ready(void *owner, int events, int err)
{
    const struct socket_watch *socket = owner;
    bool is_broken = err < 0;
    process(socket->resolve, is_broken || events & WATCH_READ ? socket->fd : ARES_SOCKET_BAD,
            is_broken || events & WATCH_WRITE ? socket->fd : ARES_SOCKET_BAD);
}

static struct socket_watch *find_socket(struct resolve *resolve, ares_socket_t fd)
{
    list_each(node, &resolve->sockets) {
        struct socket_watch *socket = list_item(node, struct socket_watch, node);
        if (socket->fd == fd)
            return socket;
    }
    return NULL;
}

static void drop_socket(struct socket_watch *socket)
{
    list_remove(&socket->node);
    watch_close(socket->watch);
    free(socket);
}

static struct socket_watch *add_socket(struct resolve *resolve, ares_socket_t fd)
{
    struct socket_watch *socket = calloc(1, sizeof(*socket));
    if (!socket)
        return NULL;
    socket->resolve = resolve;
    socket->fd = fd;
    if (watch_open(resolve->loop, fd, on_ready, socket, &socket->watch) < 0) {
        free(socket);
        return NULL;
    }
    list_append(&resolve->sockets, &socket->node);
    return socket;
}

/* c-ares tells what it waits for; neither: the descriptor is about to be closed. Where a watch
 * cannot be had, the look-up runs into its timeout. */
static void on_socket_state(void *owner, ares_socket_t fd, int wants_read, int wants_write)
{
    struct resolve *resolve = owner;
    struct socket_watch *socket = find_socket(resolve, fd);
    if (!wants_read && !wants_write) {
        if (socket)
            drop_socket(socket);
        return;
    }
    if (!socket)
        socket = add_socket(resolve, fd);
    if (socket)
        watch_set(socket->watch, (wants_read ? WATCH_READ : 0) | (wants_write ? WATCH_WRITE : 0));
}

static int err_of_ares(int status)
{
    switch (status) {
    case ARES_SUCCESS: return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME: return ERR_NAME;
    case ARES_ETIMEOUT: return -ETIMEDOUT;
    case ARES_ECONNREFUSED: return -ECONNREFUSED;
    case ARES_ENOMEM: return -ENOMEM;
    default: return -EIO; /* the resolver answered, but with no answer */
    }
}

static int set_servers(struct resolve *resolve, const struct address *servers, size_t count)
{
    char text[SERVERS_TEXT_MAX] = "", one[ADDRESS_TEXT_MAX];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        struct address server = servers[i];
        if (server.port == 0)
            server.port = DNS_PORT;
        address_format(&server, one);
        if (size + strlen(one) + 2 > sizeof(text))
            return -E2BIG;
        if (size)
            text[size++] = ',';
        size = (size_t)(stpcpy(text + size, one) - text);
    }
    return count ? err_of_ares(ares_set_servers_ports_csv(resolve->channel, text)) : 0;
}

int resolve_new(struct loop *loop, const struct address *servers, size_t count,
                struct resolve **ret)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));
    if (!resolve)
        return -ENOMEM;
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = TRY_MS,
        .tries = TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolve,
    };
    resolve->loop = loop;
    list_init(&resolve->sockets);
    list_init(&resolve->lookups);
    timer_init(&resolve->timeout, loop, on_timeout, resolve);
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE /* whoever asks again wants to know what is true now */
    options.qcache_max_ttl = 0;
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    int err = err_of_ares(ares_library_init(ARES_LIB_INIT_ALL));
    if (err == 0)
        err = err_of_ares(ares_init_options(&resolve->channel, &options, mask));
    if (err == 0)
        err = set_servers(resolve, servers, count);
    if (err < 0) {
        resolve_free(resolve);
        return err;
    }
    *ret = resolve;
    return 0;
}

static void lookup_free(struct lookup *lookup)
{
    deferred_cancel(&lookup->answer);
    list_remove(&lookup->node);
    lookup->resolve->lookup_count--;
    free(lookup);
}

void resolve_free(struct resolve *resolve)
{
    if (!resolve)
        return;
    timer_stop(&resolve->timeout);
    list_each(node, &resolve->lookups) {
        struct lookup *lookup = list_item(node, struct lookup, node);
        if (lookup->is_answered)
            lookup_free(lookup);
    }
    resolve->is_ending = true;
    if (resolve->channel)
        ares_destroy(resolve->channel); /* ends the others, see on_answer */
    free(resolve);
}

static void on_deliver(void *owner)
{
    struct lookup *lookup = owner, answer = *lookup;
    lookup_free(lookup);
    answer.on_done(answer.owner, answer.err, answer.err ? NULL : answer.addresses, answer.count,
                   answer.ttl_s);
}

static void answer_soon(struct lookup *lookup)
{
    lookup->is_answered = true;
    deferred_schedule(&lookup->answer);
}

static void take_family(struct lookup *lookup, const struct ares_addrinfo *info, int family)
{
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        if (node->ai_family != family || lookup->count == ADDRESSES_MAX)
            continue;
        struct address *address = &lookup->addresses[lookup->count];
        if (address_from_sockaddr(node->ai_addr, address) < 0)
            continue;
        address->port = 0;
        uint32_t ttl_s = node->ai_ttl > 0 ? (uint32_t)node->ai_ttl : 0;
        if (lookup->count == 0 || ttl_s < lookup->ttl_s)
            lookup->ttl_s = ttl_s;
        lookup->count++;
    }
}

static void on_answer(void *owner, int status, int timeouts, struct ares_addrinfo *info)
{
    struct lookup *lookup = owner;
    (void)timeouts;
    if (lookup->resolve->is_ending) {
        ares_freeaddrinfo(info);
        lookup_free(lookup);
        return;
    }
    lookup->err = err_of_ares(status);
    if (info) {
        take_family(lookup, info, AF_INET);
        take_family(lookup, info, AF_INET6);
        ares_freeaddrinfo(info);
    }
    if (lookup->err == 0 && lookup->count == 0)
        lookup->err = ERR_NAME;
    answer_soon(lookup);
}

static void ask(struct lookup *lookup, const char *name)
{
    /* The order is ours, and c-ares would open sockets to find its own. */
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
    struct resolve *resolve = lookup->resolve;
    ares_getaddrinfo(resolve->channel, name, NULL, &hints, on_answer, lookup);
    process(resolve, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

int resolve_start(struct resolve *resolve, const char *name, resolve_done_fn *on_done, void *owner)
{
    if (resolve->lookup_count >= LOOKUPS_MAX)
        return ERR_LIMIT;
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (!lookup)
        return -ENOMEM;
    lookup->resolve = resolve;
    lookup->on_done = on_done;
    lookup->owner = owner;
    deferred_init(&lookup->answer, resolve->loop, on_deliver, lookup);
    list_append(&resolve->lookups, &lookup->node);
    resolve->lookup_count++;
    if (address_parse_ip(name, &lookup->addresses[0]) == 0) {
        lookup->count = 1;
        answer_soon(lookup);
    } else {
        ask(lookup, name);
    }
    return 0;
}
