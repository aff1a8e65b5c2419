#define LOG_MODULE "door"
#include "proxy/door.h"

#include "base/err.h"
#include "base/log.h"
#include "proxy/door_client.h"
#include "proxy/door_http.h"
#include "proxy/socket_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_PER_WAKE = 64, ACCEPT_RETRY_MS = 100 };

/* ---- listeners ---- */

static void watch_listeners(struct door *door, int events)
{
    for (size_t i = 0; i < door->listener_count; i++)
        watch_set(door->listeners[i].watch, events);
}

static void on_retry(void *owner)
{
    watch_listeners(owner, WATCH_READ);
}

/* The connection waits in the kernel's queue; asking again at once would only burn the CPU. */
static void pause_accepting(struct door *door, int err)
{
    log_warning("cannot accept clients for now err=\"%s\"", err_text(err));
    if (timer_start(&door->retry, ACCEPT_RETRY_MS) == 0)
        watch_listeners(door, 0);
}

static bool is_unspecified(const struct address *address)
{
    static const uint8_t zero[sizeof(address->ip)];
    return memcmp(address->ip, zero, sizeof(zero)) == 0;
}

/* The address that a client came in by: the listener's, unless that takes all of the host's. */
static struct address local_address(const struct door_listener *listener,
                                    const struct stream *client)
{
    struct address address = address_unmapped(&listener->address);
    if (is_unspecified(&address))
        (void)socket_stream_local_address(client, &address);
    return address;
}

static void take_client(struct door_listener *listener, int fd, const struct sockaddr *from)
{
    struct door *door = listener->door;
    struct address address, local;
    struct stream *inner;
    bool is_full = door->stats.clients >= door->options.clients_max;
    if (is_full || address_from_sockaddr(from, &address) < 0 ||
        socket_stream_new(door->loop, fd, door->options.buffer_bytes, &inner) < 0) {
        door->stats.refused_at_limit++;
        close(fd);
        return;
    }
    address = address_unmapped(&address);
    local = local_address(listener, inner);
    if (door_client_new(door, inner, &address, &local) == 0)
        door->stats.accepted++;
}

static bool is_lack_of_something(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

static void on_knock(void *owner, int events, int err)
{
    struct door_listener *listener = owner;
    (void)events;
    if (err < 0) {
        log_error("listener broke err=\"%s\"", err_text(err));
        watch_set(listener->watch, 0);
        return;
    }
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        struct sockaddr_storage name;
        struct sockaddr *from = (struct sockaddr *)&name;
        socklen_t size = sizeof(name);
        int fd = accept4(listener->fd, from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_client(listener, fd, from);
        } else if (is_lack_of_something(errno)) {
            pause_accepting(listener->door, -errno);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* others are of one connection that is no more */
    }
}

static int open_listener(struct door *door, struct door_listener *listener)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    listener->door = door;
    if (getsockname(listener->fd, (struct sockaddr *)&name, &size) < 0)
        return -errno;
    int err = address_from_sockaddr((struct sockaddr *)&name, &listener->address);
    if (err == 0)
        err = watch_open(door->loop, listener->fd, on_knock, listener, &listener->watch);
    return err < 0 ? err : watch_set(listener->watch, WATCH_READ);
}

/* ---- is it us? ---- */

static bool is_localhost(const char *name)
{
    size_t size = strlen(name), suffix = sizeof(".localhost") - 1;
    return strcmp(name, "localhost") == 0 ||
           (size > suffix && strcmp(name + size - suffix, ".localhost") == 0); /* RFC 6761 */
}

bool door_is_own_address(const struct door *door, const struct door_client *client,
                         const struct endpoint *target)
{
    struct address address = address_unmapped(&target->address);
    bool is_name = endpoint_is_name(target);
    for (size_t i = 0; i < door->listener_count; i++) {
        const struct address *own = &door->listeners[i].address;
        if (own->port != target->address.port)
            continue;
        if (is_name ? is_localhost(target->name) : address_is_equal(own, &address))
            return true;
        /* A connection to 0.0.0.0 goes to this host; a listener there takes them all. */
        if (!is_name && (is_unspecified(&address) || address_is_equal(&client->local, &address) ||
                         (is_unspecified(own) && address_is_loopback(&address))))
            return true;
    }
    return false;
}

/* ---- life ---- */

static void drop_login(struct door_options *options)
{
    char *texts[] = {(char *)(uintptr_t)options->user, (char *)(uintptr_t)options->password};
    for (int i = 0; i < 2; i++) {
        if (texts[i])
            explicit_bzero(texts[i], strlen(texts[i]));
        free(texts[i]);
    }
    options->user = options->password = NULL;
}

int door_set_options(struct door *door, const struct door_options *options)
{
    struct door_options copy = *options;
    copy.user = options->user ? strdup(options->user) : NULL;
    copy.password = options->password ? strdup(options->password) : NULL;
    if ((options->user && !copy.user) || (options->password && !copy.password)) {
        drop_login(&copy);
        return -ENOMEM;
    }
    drop_login(&door->options);
    door->options = copy;
    return 0;
}

/* Our listeners' part of a door that was perhaps only half opened. */
static void close_listeners(struct door *door)
{
    for (size_t i = 0; i < door->listener_count; i++) {
        watch_close(door->listeners[i].watch);
        close(door->listeners[i].fd);
    }
    free(door->listeners);
}

static void door_free(struct door *door)
{
    timer_stop(&door->retry);
    close_listeners(door);
    drop_login(&door->options);
    free(door);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

int door_open(struct loop *loop, const int *listeners, size_t count,
              const struct door_options *options, const struct door_events *events, void *owner,
              struct door **ret)
{
    struct door *door = calloc(1, sizeof(*door));
    struct door_listener *own = calloc(count ? count : 1, sizeof(*own));
    if (!door || !own) {
        close_all(listeners, count);
        free(door);
        free(own);
        return -ENOMEM;
    }
    door->loop = loop;
    door->events = *events;
    door->owner = owner;
    door->listeners = own;
    door->listener_count = count;
    list_init(&door->clients);
    timer_init(&door->retry, loop, on_retry, door);
    for (size_t i = 0; i < count; i++)
        own[i].fd = listeners[i];
    int err = door_set_options(door, options);
    for (size_t i = 0; i < count && err == 0; i++)
        err = open_listener(door, &own[i]);
    if (err < 0) {
        door_free(door);
        return err;
    }
    *ret = door;
    return 0;
}

struct door_stats door_stats(const struct door *door)
{
    return door->stats;
}

void door_close(struct door *door)
{
    if (!door)
        return;
    list_each(node, &door->clients) {
        struct door_client *client = list_item(node, struct door_client, node);
        if (client->is_given_away) {
            client->door = NULL;
            list_remove(&client->node);
        } else {
            door_client_free(client, false);
        }
    }
    door_free(door);
}
