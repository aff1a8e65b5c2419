#include "service/engine/list_keeper.h"

#include "base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 16, /* libcurl opens four at most */
    BUFFER_BYTES = 256 * 1024,
    HANDSHAKE_MS = 10 * 1000,
    SECRET_BYTES = 16,
    USER_SIZE = 5, /* "list:" */
};

struct list_keeper {
    struct loop *loop;
    int folder;
    struct door_events events;
    void *owner;
    struct door *door;
    char proxy[48], credentials[USER_SIZE + 2 * SECRET_BYTES + 1];
    char *ca_file;
    struct list_updates *updates;
};

static int make_credentials(struct list_keeper *keeper)
{
    uint8_t secret[SECRET_BYTES];
    char *at = keeper->credentials + USER_SIZE;
    if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
        return -EIO;
    memcpy(keeper->credentials, "list:", USER_SIZE);
    for (size_t i = 0; i < sizeof(secret); i++, at += 2)
        snprintf(at, 3, "%02x", secret[i]);
    return 0;
}

static int listen_anywhere(int *ret_fd, uint16_t *ret_port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(any);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, size) < 0 || listen(fd, CLIENTS_MAX) < 0 ||
        getsockname(fd, (struct sockaddr *)&any, &size) < 0) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_port = ntohs(any.sin_port);
    return 0;
}

static int open_door(struct list_keeper *keeper)
{
    struct door_options options = {
        .user = "list",
        .password = keeper->credentials + USER_SIZE,
        .clients_max = CLIENTS_MAX,
        .buffer_bytes = BUFFER_BYTES,
        .handshake_timeout_ms = HANDSHAKE_MS,
    };
    uint16_t port = 0;
    int fd = -1, err = make_credentials(keeper);
    if (err == 0)
        err = listen_anywhere(&fd, &port);
    if (err == 0)
        err = door_open(keeper->loop, &fd, 1, &options, &keeper->events, keeper->owner,
                        &keeper->door);
    if (err == 0)
        snprintf(keeper->proxy, sizeof(keeper->proxy), "socks5h://127.0.0.1:%u", port);
    return err;
}

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int open_updates(struct list_keeper *keeper, const char *ca_file)
{
    char *copy = ca_file ? strdup(ca_file) : NULL;
    struct fetch_options options = {
        .proxy = keeper->proxy, .credentials = keeper->credentials, .ca_file = ca_file};
    struct list_updates *updates = list_updates_new(keeper->loop, keeper->folder, &options);
    if (!updates || (ca_file && !copy)) {
        list_updates_free(updates);
        free(copy);
        return -ENOMEM;
    }
    list_updates_free(keeper->updates);
    free(keeper->ca_file);
    keeper->updates = updates;
    keeper->ca_file = copy;
    return 0;
}

int list_keeper_set(struct list_keeper *keeper, const struct config_filter *config)
{
    const char *urls[CONFIG_LISTS_MAX];
    struct list_updates_wish wish = {.urls = urls, .every_s = config->update_every_s};
    int err = 0;
    for (unsigned i = 0; i < config->lists_count && config->enabled; i++)
        if (config->lists[i].enabled && config->lists[i].url)
            urls[wish.count++] = config->lists[i].url;
    if (wish.count == 0 && !keeper->updates)
        return 0;
    if (!keeper->door)
        err = open_door(keeper);
    if (err == 0 && (!keeper->updates || !is_same_text(keeper->ca_file, config->ca_file)))
        err = open_updates(keeper, config->ca_file);
    return err < 0 ? err : list_updates_set(keeper->updates, &wish);
}

int list_keeper_start(struct list_keeper *keeper, const char *url)
{
    return keeper && keeper->updates ? list_updates_start(keeper->updates, url) : -ENOENT;
}

void list_keeper_hurry(struct list_keeper *keeper)
{
    if (keeper && keeper->updates)
        list_updates_hurry(keeper->updates);
}

int list_keeper_status(const struct list_keeper *keeper, const char *url,
                       struct list_update_status *ret)
{
    return keeper && keeper->updates ? list_updates_status(keeper->updates, url, ret) : -ENOENT;
}

struct list_keeper *list_keeper_new(struct loop *loop, int folder,
                                    void (*on_inbound)(void *owner, struct inbound *inbound),
                                    void *owner)
{
    struct list_keeper *keeper = calloc(1, sizeof(*keeper));
    if (!keeper)
        return NULL;
    keeper->loop = loop;
    keeper->folder = folder;
    keeper->events.on_inbound = on_inbound;
    keeper->owner = owner;
    return keeper;
}

void list_keeper_free(struct list_keeper *keeper)
{
    if (!keeper)
        return;
    list_updates_free(keeper->updates);
    door_close(keeper->door);
    explicit_bzero(keeper->credentials, sizeof(keeper->credentials));
    free(keeper->ca_file);
    free(keeper);
}
