/* The server: who may speak, one line at a time, bounded in number, size and time. A client gets
 * its next line read only when it has taken the answer to the last one. */
#include "service/control/control.h"

#include "base/list.h"
#include "service/control/control_method.h"
#include "service/control/siblings.h"

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
    uid_t uid; /* at the other end */
    bool is_admin;
    bool is_ending;  /* close it when the answer is out */
    bool is_sibling; /* a worker of ours: it may be silent for as long as it likes */
    bool is_waiting; /* for the others' answers to its question */
    struct control_reply reply;
    struct siblings_question question;
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
    struct siblings *siblings;
    struct query_log *query_log;
    struct consent *consent;
    gid_t group;
    struct list clients;
    struct client *sibling; /* NULL: none has been handed over, or it is gone */
    struct control_stats stats;
};

static void drop_reply(struct client *client)
{
    cJSON_Delete(client->reply.answer);
    cJSON_Delete(client->reply.params);
    client->reply = (struct control_reply){.answer = NULL};
}

static void client_free(struct client *client)
{
    list_remove(&client->node);
    if (client->control->sibling == client)
        client->control->sibling = NULL;
    siblings_cancel(&client->question);
    drop_reply(client);
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
    if (client->is_sibling)
        return true;
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

static void proceed(struct client *client);

static void add_siblings(struct client *client)
{
    cJSON *result = cJSON_GetObjectItemCaseSensitive(client->reply.answer, "result");
    for (unsigned i = 0; i < SIBLINGS_MAX; i++) {
        if (client->question.results[i])
            client->reply.merge(result, client->question.results[i], i);
        cJSON_Delete(client->question.results[i]);
    }
    control_merge_end(result, client->reply.params);
}

static void give_reply(struct client *client)
{
    begin_answer(client, client->reply.answer);
    client->reply.answer = NULL;
    drop_reply(client);
}

static void on_siblings_answered(void *owner)
{
    struct client *client = owner;
    client->is_waiting = false;
    add_siblings(client);
    give_reply(client);
    proceed(client);
}

/* At once, or when the other workers have had their say. */
static void reply_to(struct client *client)
{
    struct siblings *siblings = client->control->siblings;
    if (!client->reply.merge || !siblings || siblings_count(siblings) == 0) {
        give_reply(client);
        return;
    }
    client->is_waiting = true;
    siblings_ask(siblings, &client->question, client->reply.method, client->reply.params,
                 on_siblings_answered, client);
}

static void answer_line(struct client *client, size_t size)
{
    const struct control_context context = {
        .source = &client->control->source,
        .usage = client->control->usage,
        .query_log = client->control->query_log,
        .consent = client->control->consent,
        .is_admin = client->is_admin,
        .uid = client->uid,
    };
    client->control->stats.requests++;
    client->reply = control_answer(&context, client->in, size);
    client->control->stats.errors += client->reply.has_failed;
    reply_to(client);
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
        if (client->is_waiting) {
            watch_set(client->watch, 0);
            return;
        }
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
    if (!may_ask(control, fd, ret_uid)) {
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

/* Takes the descriptor; NULL without memory. */
static struct client *client_new(struct control *control, int fd)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client || watch_open(control->loop, fd, on_client, client, &client->watch) < 0) {
        free(client);
        close(fd);
        return NULL;
    }
    client->control = control;
    client->fd = fd;
    timer_init(&client->deadline, control->loop, on_deadline, client);
    list_append(&control->clients, &client->node);
    control->stats.clients++;
    return client;
}

/* Takes the descriptor. */
static void serve(struct control *control, int fd)
{
    /* Those that are only being told no are bounded too. */
    if (control->stats.clients >= 2 * CONTROL_CLIENTS_MAX) {
        close(fd);
        return;
    }
    struct client *client = client_new(control, fd);
    if (!client)
        return;
    client->uid = (uid_t)-1; /* nobody's, until the socket says whose */
    cJSON *why = refusal(control, fd, &client->uid);
    client->is_admin = client->uid == 0;
    if (why) {
        begin_answer(client, why);
        client->is_ending = true;
    } else {
        control->stats.accepted++;
    }
    proceed(client);
}

int control_serve(struct control *control, int fd)
{
    struct client *client = client_new(control, fd);
    if (!client)
        return -ENOMEM;
    if (control->sibling)
        client_free(control->sibling);
    control->sibling = client;
    client->is_sibling = client->is_admin = true;
    proceed(client);
    return 0;
}

void control_note_counting(struct control *control)
{
    static const char line[] = "{\"counting\":true}\n";
    /* Not into the middle of an answer; whoever asks so much looks anyway. */
    if (control->sibling && !control->sibling->out)
        (void)!send(control->sibling->fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
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
        result =
            watch_open(control->loop, control->listener, on_listener, control, &control->watch);
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
        .loop = loop,
        .listener = listener,
        .source = *options->source,
        .usage = options->usage,
        .siblings = options->siblings,
        .query_log = options->query_log,
        .consent = options->consent,
        .group = options->group,
    };
    list_init(&control->clients);
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
    if (control->listener >= 0)
        close(control->listener);
    free(control);
}
