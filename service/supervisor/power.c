/* The socket side of the power protocol (power.h). */
#include "service/supervisor/power.h"

#include "base/list.h"
#include "base/loop.h"
#include "service/supervisor/local_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct power {
    struct loop *loop;
    struct power_options options;
    char *path;
    power_fn *on_request;
    void *owner;
    int fd;
    struct watch *watch;
    size_t client_count;
    struct list clients;
};

struct power_client {
    struct power *power;
    struct list node;
    int fd;
    struct watch *watch;
    struct timer silence;
    size_t size;
    char line[POWER_REQUEST_MAX];
};

static void hang_up(struct power_client *client)
{
    timer_stop(&client->silence);
    watch_close(client->watch);
    close(client->fd);
    list_remove(&client->node);
    client->power->client_count--;
    free(client);
}

static void on_silence(void *owner)
{
    hang_up(owner);
}

/* An answer is far smaller than a socket's buffer: who lets it fill is not reading. */
static bool say(struct power_client *client, const struct power_status *status, const char *error)
{
    char *text = power_format(status, error);
    size_t size = text ? strlen(text) : 0;
    bool is_said = text && send(client->fd, text, size, MSG_NOSIGNAL) == (ssize_t)size;
    free(text);
    return is_said;
}

static void say_no(int fd, const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Requests that came in one piece are served one after the other. */
static void serve(struct power_client *client)
{
    char *newline = memchr(client->line, '\n', client->size);
    enum power_request request;
    if (!newline) {
        if (client->size == sizeof(client->line))
            hang_up(client);
        else
            watch_set(client->watch, WATCH_READ);
        return;
    }
    size_t length = (size_t)(newline - client->line);
    int err = power_parse(client->line, length, &request);
    client->size -= length + 1;
    memmove(client->line, newline + 1, client->size);
    if (err < 0) {
        say_no(client->fd, "error=there is no such request\n\n");
        hang_up(client);
        return;
    }
    watch_set(client->watch, 0);
    timer_stop(&client->silence);
    client->power->on_request(client->power->owner, request, client);
}

static void on_readable(void *owner, int events, int err)
{
    struct power_client *client = owner;
    (void)events;
    ssize_t size = err < 0 ? err
                           : recv(client->fd, client->line + client->size,
                                  sizeof(client->line) - client->size, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        hang_up(client);
        return;
    }
    client->size += (size_t)size;
    timer_start(&client->silence, POWER_SILENCE_MS);
    serve(client);
}

/* The worker belongs to the group for other reasons; it must not be able to switch anything. */
static bool may_enter(const struct power *power, int fd)
{
    struct local_peer peer;
    if (local_socket_peer(fd, &peer) < 0)
        return false;
    if (peer.user == 0)
        return true;
    return peer.user != power->options.worker &&
           local_socket_peer_is_member(fd, power->options.group) == 1;
}

static int add_client(struct power *power, int fd)
{
    struct power_client *client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    client->power = power;
    client->fd = fd;
    int err = watch_open(power->loop, fd, on_readable, client, &client->watch);
    if (err < 0) {
        free(client);
        return err;
    }
    timer_init(&client->silence, power->loop, on_silence, client);
    list_init(&client->node);
    list_append(&power->clients, &client->node);
    power->client_count++;
    timer_start(&client->silence, POWER_SILENCE_MS);
    watch_set(client->watch, WATCH_READ);
    return 0;
}

static void refuse(int fd, const char *text)
{
    say_no(fd, text);
    close(fd);
}

static void on_knock(void *owner, int events, int err)
{
    struct power *power = owner;
    (void)events;
    int fd = err < 0 ? -1 : accept4(power->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!may_enter(power, fd))
        refuse(fd, "error=only root and members of the service's group may do this\n\n");
    else if (power->client_count == POWER_CLIENTS_MAX)
        refuse(fd, "error=too many connections to the service at a time\n\n");
    else if (add_client(power, fd) < 0)
        close(fd);
}

int power_open(struct loop *loop, const struct power_options *options, power_fn *on_request,
               void *owner, struct power **ret)
{
    struct power *power = calloc(1, sizeof(*power));
    if (!power)
        return -ENOMEM;
    power->loop = loop;
    power->options = *options;
    power->on_request = on_request;
    power->owner = owner;
    power->fd = -1;
    list_init(&power->clients);
    power->path = strdup(options->path);
    int err =
        power->path ? local_socket_listen(options->path, options->group, &power->fd) : -ENOMEM;
    if (err == 0)
        err = watch_open(loop, power->fd, on_knock, power, &power->watch);
    if (err < 0) {
        power_close(power);
        return err;
    }
    watch_set(power->watch, WATCH_READ);
    *ret = power;
    return 0;
}

void power_answer(struct power_client *client, const struct power_status *status, const char *error)
{
    if (!say(client, status, error)) {
        hang_up(client);
        return;
    }
    timer_start(&client->silence, POWER_SILENCE_MS);
    serve(client);
}

void power_close(struct power *power)
{
    if (!power)
        return;
    list_each(node, &power->clients) {
        struct power_client *client = list_item(node, struct power_client, node);
        hang_up(client);
    }
    watch_close(power->watch);
    if (power->fd >= 0) {
        close(power->fd);
        unlink(power->path);
    }
    free(power->path);
    free(power);
}
