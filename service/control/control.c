/* The server: who may speak, one line at a time, bounded in number, size and time. A client gets
 * its next line read only when it has taken the answer to the last one. */
#include "service/control/control.h"

#include "base/list.h"
#include "service/control/control_method.h"

#define LOG_MODULE "control"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GROUPS_MAX = 256,
    ACCEPTS_PER_TURN = 16,
    ACCEPT_PAUSE_MS = 1000, /* when there are no descriptors left */
};

struct client {
    struct list node;
    struct control *control;
    int fd;
    struct watch *watch;
    struct timer deadline;
    bool is_admin;
    bool is_ending; /* close it when the answer is out */
    char in[CONTROL_REQUEST_MAX];
    size_t in_size;
    char *out; /* the answer and its newline */
    size_t out_size, out_sent;
};

struct control {
    struct loop *loop;
    int listener;
    struct watch *watch;
    struct timer pause;
    struct control_source source;
    struct usage *usage;
    gid_t group;
    struct list clients;
    struct control_stats stats;
};

static void client_free(struct client *client)
{
    list_remove(&client->node);
    client->control->stats.clients--;
    watch_close(client->watch);
    timer_stop(&client->deadline);
    close(client->fd);
    cJSON_free(client->out);
    free(client);
}

static void on_deadline(void *owner)
{
    client_free(owner);
}

/* false: the client is gone. */
static bool set_deadline(struct client *client, uint64_t delay_ms)
{
    if (timer_start(&client->deadline, delay_ms) == 0)
        return true;
    client_free(client);
    return false;
}

/* Takes the answer; NULL is no memory for one. */
static void begin_answer(struct client *client, cJSON *answer)
{
    char *text = answer ? cJSON_PrintUnformatted(answer) : NULL;
    cJSON_Delete(answer);
    if (!text) {
        client->is_ending = true;
        return;
    }
    client->out = text;
    client->out_size = strlen(text) + 1;
    client->out_sent = 0;
    text[client->out_size - 1] = '\n'; /* instead of the terminator */
}

/* Sends what it can. 1: all is out, 0: later, < 0: broken. */
static int flush(struct client *client)
{
    while (client->out) {
        ssize_t count = send(client->fd, client->out + client->out_sent,
                             client->out_size - client->out_sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN ? 0 : -errno;
        client->out_sent += (size_t)count;
        if (client->out_sent < client->out_size)
            continue;
        cJSON_free(client->out);
        client->out = NULL;
    }
    return 1;
}

static void answer_line(struct client *client, size_t size)
{
    const struct control_context context = {
        .source = &client->control->source,
        .usage = client->control->usage,
        .is_admin = client->is_admin,
    };
    bool failed;
    client->control->stats.requests++;
    begin_answer(client, control_answer(&context, client->in, size, &failed));
    client->control->stats.errors += failed;
    client->in_size -= size + 1;
    memmove(client->in, client->in + size + 1, client->in_size);
}

/* Answers the next line that is complete; false if there is none. */
static bool next_line(struct client *client)
{
    const char *end = memchr(client->in, '\n', client->in_size);
    if (end) {
        answer_line(client, (size_t)(end - client->in));
        return true;
    }
    if (client->in_size < sizeof(client->in))
        return false;
    client->control->stats.errors++;
    begin_answer(client, control_error("bad_request", "the line is too long",
                                       "a request has at most 8 KiB"));
    client->is_ending = true;
    return true;
}

/* Answers and lines in turn, until one of them has to wait. */
static void proceed(struct client *client)
{
    for (;;) {
        int result = flush(client);
        if (result < 0 || (result > 0 && client->is_ending)) {
            client_free(client);
            return;
        }
        if (result == 0) {
            if (set_deadline(client, CONTROL_STALL_MS))
                watch_set(client->watch, WATCH_WRITE);
            return;
        }
        if (!next_line(client))
            break;
    }
    if (set_deadline(client, CONTROL_SILENCE_MS))
        watch_set(client->watch, WATCH_READ);
}

static void on_client(void *owner, int events, int err)
{
    struct client *client = owner;
    if (err < 0) {
        client_free(client);
        return;
    }
    if (events & WATCH_READ && !client->out) {
        ssize_t count =
            recv(client->fd, client->in + client->in_size, sizeof(client->in) - client->in_size, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            client_free(client);
            return;
        }
        client->in_size += count > 0 ? (size_t)count : 0;
    }
    proceed(client);
}

static bool is_in_group(int fd, const struct ucred *peer, gid_t group)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof(groups);
    if (peer->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof(groups[0]); i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

static bool may_ask(const struct control *control, int fd, bool *ret_admin)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    *ret_admin = peer.uid == 0;
    return peer.uid == 0 || peer.uid == geteuid() || is_in_group(fd, &peer, control->group);
}

/* Why this client is not served; NULL if it is. */
static cJSON *refusal(struct control *control, int fd, bool *ret_admin)
{
    if (!may_ask(control, fd, ret_admin)) {
        control->stats.refused_peers++;
        return control_error("permission", "you are not in the group of this socket",
                             "add yourself to the group atlantic, or use sudo");
    }
    if (control->stats.clients > CONTROL_CLIENTS_MAX) {
        control->stats.refused_at_limit++;
        return control_error("limit", "too many clients", "try again when one has left");
    }
    return NULL;
}

/* Takes the descriptor. */
static void serve(struct control *control, int fd)
{
    /* Those that are only being told no are bounded too. */
    bool is_crowded = control->stats.clients >= 2 * CONTROL_CLIENTS_MAX;
    struct client *client = is_crowded ? NULL : calloc(1, sizeof(*client));
    if (!client || watch_open(control->loop, fd, on_client, client, &client->watch) < 0) {
        free(client);
        close(fd);
        return;
    }
    client->control = control;
    client->fd = fd;
    timer_init(&client->deadline, control->loop, on_deadline, client);
    list_append(&control->clients, &client->node);
    control->stats.clients++;
    cJSON *why = refusal(control, fd, &client->is_admin);
    if (why) {
        begin_answer(client, why);
        client->is_ending = true;
    } else {
        control->stats.accepted++;
    }
    proceed(client);
}

static void on_pause_over(void *owner)
{
    struct control *control = owner;
    watch_set(control->watch, WATCH_READ);
}

static void on_listener(void *owner, int events, int err)
{
    struct control *control = owner;
    (void)events;
    if (err < 0) {
        log_error("the control socket broke: %s", err_text(err));
        watch_set(control->watch, 0);
        return;
    }
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            serve(control, fd);
            continue;
        }
        if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
            return;
        log_warning("cannot accept: %s", err_text(-errno));
        if (timer_start(&control->pause, ACCEPT_PAUSE_MS) == 0)
            watch_set(control->watch, 0);
        return;
    }
}

int control_open(struct loop *loop, int listener, const struct control_options *options,
                 struct control **ret)
{
    struct control *control = calloc(1, sizeof(*control));
    if (!control) {
        close(listener);
        return -ENOMEM;
    }
    *control = (struct control){
        .loop = loop,
        .listener = listener,
        .source = *options->source,
        .usage = options->usage,
        .group = options->group,
    };
    list_init(&control->clients);
    timer_init(&control->pause, loop, on_pause_over, control);
    /* It came from another process, however that made it. */
    int result = fcntl(listener, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (result == 0)
        result = watch_open(loop, listener, on_listener, control, &control->watch);
    if (result == 0)
        result = watch_set(control->watch, WATCH_READ);
    if (result < 0) {
        control_close(control);
        return result;
    }
    *ret = control;
    return 0;
}

struct control_stats control_stats(const struct control *control)
{
    return control->stats;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    list_each(node, &control->clients)
        client_free(list_item(node, struct client, node));
    timer_stop(&control->pause);
    watch_close(control->watch);
    close(control->listener);
    free(control);
}
