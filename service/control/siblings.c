#include "service/control/siblings.h"

#define LOG_MODULE "control"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_STEP = 16 * 1024 };

struct wire {
    struct siblings *siblings;
    unsigned number;
    int fd;
    struct watch *watch; /* NULL: there is none */
    char *in;
    size_t in_size, in_capacity;
};

struct siblings {
    struct loop *loop;
    loop_fn *on_counting;
    void *owner;
    struct wire wires[SIBLINGS_MAX];
    struct list questions;
    uint64_t last_id;
};

struct siblings *siblings_new(struct loop *loop, loop_fn *on_counting, void *owner)
{
    struct siblings *siblings = calloc(1, sizeof(*siblings));
    if (!siblings)
        return NULL;
    siblings->loop = loop;
    siblings->on_counting = on_counting;
    siblings->owner = owner;
    list_init(&siblings->questions);
    return siblings;
}

/* Questions */

static void finish(struct siblings_question *question)
{
    list_remove(&question->node);
    timer_stop(&question->due);
    question->siblings = NULL;
    question->on_answered(question->owner);
}

static void on_due(void *owner)
{
    finish(owner);
}

static void stop_waiting(struct siblings_question *question, unsigned number)
{
    uint32_t bit = UINT32_C(1) << number;
    if (!(question->waits_for & bit))
        return;
    question->waits_for &= ~bit;
    if (question->waits_for == 0)
        timer_start(&question->due, 0); /* from the loop: its owner may do anything then */
}

void siblings_cancel(struct siblings_question *question)
{
    if (!question->siblings)
        return;
    list_remove(&question->node);
    timer_stop(&question->due);
    question->siblings = NULL;
    for (unsigned i = 0; i < SIBLINGS_MAX; i++)
        cJSON_Delete(question->results[i]);
}

/* Wires */

static void close_wire(struct wire *wire)
{
    struct siblings *siblings = wire->siblings;
    if (!wire->watch)
        return;
    watch_close(wire->watch);
    close(wire->fd);
    free(wire->in);
    *wire = (struct wire){.siblings = siblings, .number = wire->number, .fd = -1};
    list_each(node, &siblings->questions)
        stop_waiting(list_item(node, struct siblings_question, node), wire->number);
}

void siblings_free(struct siblings *siblings)
{
    if (!siblings)
        return;
    for (unsigned i = 0; i < SIBLINGS_MAX; i++)
        close_wire(&siblings->wires[i]);
    free(siblings);
}

static void take_answer(struct wire *wire, cJSON *answer, uint64_t id)
{
    list_each(node, &wire->siblings->questions) {
        struct siblings_question *question = list_item(node, struct siblings_question, node);
        if (question->id != id || !(question->waits_for & UINT32_C(1) << wire->number))
            continue;
        question->results[wire->number] = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
        stop_waiting(question, wire->number);
    }
}

static void take_line(struct wire *wire, const char *line, size_t size)
{
    cJSON *said = cJSON_ParseWithLength(line, size);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(said, "id");
    if (cJSON_IsNumber(id))
        take_answer(wire, said, (uint64_t)id->valuedouble);
    else if (cJSON_HasObjectItem(said, "counting"))
        wire->siblings->on_counting(wire->siblings->owner);
    cJSON_Delete(said);
}

/* `before`: so much of it had no line's end in it. */
static void take_lines(struct wire *wire, size_t before)
{
    size_t taken = 0;
    char *end;
    while ((end = memchr(wire->in + before, '\n', wire->in_size - before))) {
        take_line(wire, wire->in + taken, (size_t)(end - wire->in) - taken);
        taken = before = (size_t)(end - wire->in) + 1;
    }
    wire->in_size -= taken;
    memmove(wire->in, wire->in + taken, wire->in_size);
}

static int make_room(struct wire *wire)
{
    if (wire->in_capacity - wire->in_size >= READ_STEP)
        return 0;
    size_t capacity = 2 * wire->in_capacity + READ_STEP;
    char *in = capacity > SIBLINGS_ANSWER_MAX ? NULL : realloc(wire->in, capacity);
    if (!in)
        return ERR_LIMIT;
    wire->in = in;
    wire->in_capacity = capacity;
    return 0;
}

static void on_wire(void *owner, int events, int err)
{
    struct wire *wire = owner;
    ssize_t count = -1;
    (void)events;
    if (err == 0)
        err = make_room(wire);
    if (err == 0)
        count = recv(wire->fd, wire->in + wire->in_size, wire->in_capacity - wire->in_size, 0);
    if (count < 0 && err == 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) { /* the supervisor says when there is a new one */
        close_wire(wire);
        return;
    }
    size_t before = wire->in_size;
    wire->in_size += (size_t)count;
    take_lines(wire, before);
}

int siblings_set(struct siblings *siblings, unsigned number, int fd)
{
    if (number >= SIBLINGS_MAX) {
        close(fd);
        return -EINVAL;
    }
    struct wire *wire = &siblings->wires[number];
    wire->siblings = siblings;
    wire->number = number;
    close_wire(wire);
    int err = watch_open(siblings->loop, fd, on_wire, wire, &wire->watch);
    if (err < 0) {
        close(fd);
        return err;
    }
    wire->fd = fd;
    err = watch_set(wire->watch, WATCH_READ);
    if (err < 0)
        close_wire(wire);
    return err;
}

unsigned siblings_count(const struct siblings *siblings)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SIBLINGS_MAX; i++)
        count += siblings->wires[i].watch != NULL;
    return count;
}

/* A question is short and a wire's buffer is not: a wire that takes it in part is broken. */
static void send_to(struct wire *wire, struct siblings_question *question, const char *line)
{
    size_t size = strlen(line);
    ssize_t sent = send(wire->fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)size)
        question->waits_for |= UINT32_C(1) << wire->number;
    else if (sent >= 0 || errno != EAGAIN)
        close_wire(wire);
}

/* With its newline; NULL without memory. */
static char *write_question(const char *method, const cJSON *params, uint64_t id)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "method", method);
    if (params)
        cJSON_AddItemToObject(object, "params", cJSON_Duplicate(params, true));
    cJSON_AddNumberToObject(object, "id", (double)id);
    char *text = cJSON_PrintUnformatted(object), *line = NULL;
    cJSON_Delete(object);
    if (!text || asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    cJSON_free(text);
    return line;
}

void siblings_ask(struct siblings *siblings, struct siblings_question *question, const char *method,
                  const cJSON *params, loop_fn *on_answered, void *owner)
{
    *question = (struct siblings_question){.siblings = siblings,
                                           .id = ++siblings->last_id,
                                           .on_answered = on_answered,
                                           .owner = owner};
    timer_init(&question->due, siblings->loop, on_due, question);
    list_append(&siblings->questions, &question->node);
    char *line = write_question(method, params, question->id);
    for (unsigned i = 0; line && i < SIBLINGS_MAX; i++)
        if (siblings->wires[i].watch)
            send_to(&siblings->wires[i], question, line);
    free(line);
    timer_start(&question->due, question->waits_for ? SIBLINGS_WAIT_MS : 0);
}
