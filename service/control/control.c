/* The server: who may speak, and how many. */
#include "service/control/control.h"

#include "service/control/control_client.h"
#include "service/control/control_method.h"

#define LOG_MODULE "control"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GROUPS_MAX = 256,
    ACCEPTS_PER_TURN = 16,
    ACCEPT_PAUSE_MS = 1000, /* when there are no descriptors left */
};

struct control {
    int listener;
    struct watch *watch;
    struct timer pause;
    gid_t group;
    struct control_clients clients;
};

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

static bool may_ask(const struct control *control, int fd, uid_t *ret_uid)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    *ret_uid = peer.uid;
    return peer.uid == 0 || peer.uid == geteuid() || is_in_group(fd, &peer, control->group);
}

/* Why this client is not served; NULL if it is. */
static cJSON *refusal(struct control *control, int fd, uid_t *ret_uid)
{
    struct control_stats *stats = &control->clients.stats;
    if (!may_ask(control, fd, ret_uid)) {
        stats->refused_peers++;
        return control_error("permission", "you are not in the group of this socket",
                             "add yourself to the group atlantic, or use sudo");
    }
    if (stats->clients >= CONTROL_CLIENTS_MAX) {
        stats->refused_at_limit++;
        return control_error("limit", "too many clients", "try again when one has left");
    }
    return NULL;
}

/* Takes the descriptor. */
static void serve(struct control *control, int fd)
{
    struct control_peer peer = {.uid = (uid_t)-1}; /* nobody's, until the socket says whose */
    /* Those that are only being told no are bounded too. */
    if (control->clients.stats.clients >= 2 * CONTROL_CLIENTS_MAX) {
        close(fd);
        return;
    }
    cJSON *why = refusal(control, fd, &peer.uid);
    peer.is_admin = peer.uid == 0;
    struct control_client *client = control_client_new(&control->clients, fd, &peer);
    if (!client) {
        cJSON_Delete(why);
    } else if (why) {
        control_client_refuse(client, why);
    } else {
        control->clients.stats.accepted++;
        control_client_serve(client);
    }
}

int control_serve(struct control *control, int fd)
{
    const struct control_peer peer = {.is_admin = true, .is_sibling = true};
    struct control_clients *clients = &control->clients;
    struct control_client *client = control_client_new(clients, fd, &peer);
    if (!client)
        return -ENOMEM;
    if (clients->sibling)
        control_client_free(clients->sibling);
    clients->sibling = client;
    control_client_serve(client);
    return 0;
}

void control_note_counting(struct control *control)
{
    static const char line[] = "{\"counting\":true}\n";
    /* One that asks so much that this is left out looks anyway. */
    if (control->clients.sibling)
        control_client_tell(control->clients.sibling, line, sizeof(line) - 1);
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

static int watch_listener(struct control *control)
{
    /* It came from another process, however that made it. */
    int result = fcntl(control->listener, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    if (result == 0)
        result = watch_open(control->clients.loop, control->listener, on_listener, control,
                            &control->watch);
    return result < 0 ? result : watch_set(control->watch, WATCH_READ);
}

int control_open(struct loop *loop, int listener, const struct control_options *options,
                 struct control **ret)
{
    struct control *control = calloc(1, sizeof(*control));
    if (!control) {
        if (listener >= 0)
            close(listener);
        return -ENOMEM;
    }
    *control = (struct control){
        .listener = listener,
        .group = options->group,
        .clients =
            {
                .loop = loop,
                .source = *options->source,
                .usage = options->usage,
                .siblings = options->siblings,
                .query_log = options->query_log,
                .consent = options->consent,
            },
    };
    list_init(&control->clients.all);
    timer_init(&control->pause, loop, on_pause_over, control);
    int result = listener < 0 ? 0 : watch_listener(control);
    if (result < 0) {
        control_close(control);
        return result;
    }
    *ret = control;
    return 0;
}

struct control_stats control_stats(const struct control *control)
{
    return control->clients.stats;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    control_clients_done(&control->clients);
    timer_stop(&control->pause);
    watch_close(control->watch);
    if (control->listener >= 0)
        close(control->listener);
    free(control);
}
