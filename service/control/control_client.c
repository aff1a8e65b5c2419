#include "service/control/control_client.h"

#include "service/control/control_method.h"
#include "service/control/siblings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct control_client {
    struct list node;
    struct control_clients *clients;
    int fd;
    struct watch *watch;
    struct timer deadline;
    struct control_peer peer;
    bool is_ending;  /* close it when the answer is out */
    bool is_waiting; /* for the others' answers to its question */
    struct control_reply reply;
    struct siblings_question question;
    char in[CONTROL_REQUEST_MAX];
    size_t in_size;
    char *out; /* the answer and its newline */
    size_t out_size, out_sent;
};

static void drop_reply(struct control_client *client)
{
    cJSON_Delete(client->reply.answer);
    cJSON_Delete(client->reply.params);
    client->reply = (struct control_reply){.answer = NULL};
}

void control_client_free(struct control_client *client)
{
    list_remove(&client->node);
    if (client->clients->sibling == client)
        client->clients->sibling = NULL;
    siblings_cancel(&client->question);
    drop_reply(client);
    client->clients->stats.clients--;
    watch_close(client->watch);
    timer_stop(&client->deadline);
    close(client->fd);
    cJSON_free(client->out);
    free(client);
}

static void on_deadline(void *owner)
{
    control_client_free(owner);
}

/* false: the client is gone. */
static bool set_deadline(struct control_client *client, uint64_t delay_ms)
{
    if (client->peer.is_sibling)
        return true;
    if (timer_start(&client->deadline, delay_ms) == 0)
        return true;
    control_client_free(client);
    return false;
}

/* --- answers --------------------------------------------------------------------------------- */

/* Takes the answer; NULL is no memory for one. */
static void begin_answer(struct control_client *client, cJSON *answer)
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
static int flush(struct control_client *client)
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

static void proceed(struct control_client *client);

/* --- the other workers' part ------------------------------------------------------------------ */

static void add_siblings(struct control_client *client)
{
    cJSON *result = cJSON_GetObjectItemCaseSensitive(client->reply.answer, "result");
    for (unsigned i = 0; i < SIBLINGS_MAX; i++) {
        if (client->question.results[i])
            client->reply.merge(result, client->question.results[i], i);
        cJSON_Delete(client->question.results[i]);
    }
    control_merge_end(result, client->reply.params);
}

static void give_reply(struct control_client *client)
{
    begin_answer(client, client->reply.answer);
    client->reply.answer = NULL;
    drop_reply(client);
}

static void on_siblings_answered(void *owner)
{
    struct control_client *client = owner;
    client->is_waiting = false;
    add_siblings(client);
    give_reply(client);
    proceed(client);
}

/* At once, or when the other workers have had their say. */
static void reply_to(struct control_client *client)
{
    struct siblings *siblings = client->clients->siblings;
    if (!client->reply.merge || !siblings || siblings_count(siblings) == 0) {
        give_reply(client);
        return;
    }
    client->is_waiting = true;
    siblings_ask(siblings, &client->question, client->reply.method, client->reply.params,
                 on_siblings_answered, client);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void answer_line(struct control_client *client, size_t size)
{
    struct control_clients *clients = client->clients;
    const struct control_context context = {
        .source = &clients->source,
        .usage = clients->usage,
        .query_log = clients->query_log,
        .consent = clients->consent,
        .is_admin = client->peer.is_admin,
        .uid = client->peer.uid,
    };
    clients->stats.requests++;
    client->reply = control_answer(&context, client->in, size);
    clients->stats.errors += client->reply.has_failed;
    reply_to(client);
    client->in_size -= size + 1;
    memmove(client->in, client->in + size + 1, client->in_size);
}

/* Answers the next line that is complete; false if there is none. */
static bool next_line(struct control_client *client)
{
    const char *end = memchr(client->in, '\n', client->in_size);
    if (end) {
        answer_line(client, (size_t)(end - client->in));
        return true;
    }
    if (client->in_size < sizeof(client->in))
        return false;
    client->clients->stats.errors++;
    begin_answer(client, control_error("bad_request", "the line is too long",
                                       "a request has at most 8 KiB"));
    client->is_ending = true;
    return true;
}

/* Answers and lines in turn, until one of them has to wait. */
static void proceed(struct control_client *client)
{
    for (;;) {
        int result = flush(client);
        if (result < 0 || (result > 0 && client->is_ending)) {
            control_client_free(client);
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
    struct control_client *client = owner;
    if (err < 0) {
        control_client_free(client);
        return;
    }
    if (events & WATCH_READ && !client->out) {
        ssize_t count =
            recv(client->fd, client->in + client->in_size, sizeof(client->in) - client->in_size, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            control_client_free(client);
            return;
        }
        client->in_size += count > 0 ? (size_t)count : 0;
    }
    proceed(client);
}

/* --- life ------------------------------------------------------------------------------------ */

struct control_client *control_client_new(struct control_clients *clients, int fd,
                                          const struct control_peer *peer)
{
    struct control_client *client = calloc(1, sizeof(*client));
    if (!client || watch_open(clients->loop, fd, on_client, client, &client->watch) < 0) {
        free(client);
        close(fd);
        return NULL;
    }
    client->clients = clients;
    client->fd = fd;
    client->peer = *peer;
    timer_init(&client->deadline, clients->loop, on_deadline, client);
    list_append(&clients->all, &client->node);
    clients->stats.clients++;
    return client;
}

void control_client_serve(struct control_client *client)
{
    proceed(client);
}

void control_client_refuse(struct control_client *client, cJSON *take_why)
{
    begin_answer(client, take_why);
    client->is_ending = true;
    proceed(client);
}

void control_client_tell(struct control_client *client, const char *line, size_t size)
{
    if (!client->out)
        (void)!send(client->fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void control_clients_done(struct control_clients *clients)
{
    list_each(node, &clients->all)
        control_client_free(list_item(node, struct control_client, node));
}
