/* A client of the local door says anything, to servers that answer anything. The input: flags, how
 * the client's bytes are cut, their number (2 bytes), the client's bytes, the server's.
 *
 * Beside the sanitizers' eyes: what the door passes on of an absolute-URI request is exactly one
 * request, told by the strict parser, and no client is left over. */
#include "base/err.h"
#include "base/http_body.h"
#include "proxy/door_client.h"
#include "tests/fake/fake_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum flags {
    HAS_LOGIN = 1,
    REFUSES = 2,
    ADMITS_LATE = 4,
    LENDS = 8,
    IS_NARROW = 16,
    ABORTS = 32,
    CLOSES_EARLY = 64,
    ENDS_EARLY = 128,
};

enum { ORIGINS_MAX = 64, UP_MAX = 256 * 1024, PIECES_MAX = 64, TURNS_MAX = 3000 };

/* One conversation that the door handed out. */
struct origin {
    struct inbound *inbound;
    struct stream *stream;
    bool is_forward; /* it is told by the door's silence when it is admitted */
    bool is_answered;
    char *up;
    size_t up_size;
};

static struct loop *loop;
static struct fake_stream *client;
static struct origin origins[ORIGINS_MAX];
static int origin_count;
static uint8_t flags;
static const uint8_t *answer;
static size_t answer_size;

static void admit(struct origin *origin)
{
    struct inbound *inbound = origin->inbound;
    size_t before = client->written;
    origin->inbound = NULL;
    if (flags & REFUSES)
        inbound_refuse(inbound, ERR_TARGET_REFUSED);
    else if (inbound_admit(inbound, &origin->stream) < 0)
        origin->stream = NULL;
    origin->is_forward = client->written == before && client->credit > 0;
}

static void on_gone(void *owner)
{
    struct origin *origin = owner;
    struct inbound *inbound = origin->inbound;
    origin->inbound = NULL;
    inbound_refuse(inbound, ERR_EOF);
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    (void)owner;
    if (origin_count == ORIGINS_MAX) {
        inbound_refuse(inbound, ERR_LIMIT);
        return;
    }
    struct origin *origin = &origins[origin_count++];
    *origin = (struct origin){.inbound = inbound};
    inbound->on_gone = on_gone;
    inbound->owner = origin;
    if (!(flags & ADMITS_LATE))
        admit(origin);
}

/* Not one byte more than one request. */
static void check_up(const struct origin *origin)
{
    struct http_head head;
    struct http_body body;
    const char *why = "";
    /* After a "101" it is a tunnel. */
    bool is_tunnel = origin->is_answered && memmem(answer, answer_size, " 101", 4);
    if (!origin->is_forward || origin->up_size == 0 || is_tunnel)
        return;
    ssize_t size = http_head_parse_request(origin->up, origin->up_size, &head, &why);
    assert(size > 0);
    assert(head.target.data[0] == '/' || head.target.data[0] == '*');
    assert(http_head_find(&head, "host"));
    assert(!http_head_find(&head, "proxy-authorization"));
    assert(http_body_of_request(&head, &body) == 0);
    size_t rest = origin->up_size - (size_t)size;
    assert(http_body_feed(&body, origin->up + size, rest) == (ssize_t)rest);
}

static void read_up(struct origin *origin)
{
    struct span spans[STREAM_SPANS];
    int count;
    while ((count = stream_peek(origin->stream, spans, STREAM_SPANS)) > 0) {
        size_t size = 0;
        for (int i = 0; i < count; i++)
            size += spans[i].size;
        if (origin->is_forward && origin->up_size + size <= UP_MAX) {
            origin->up = realloc(origin->up, origin->up_size + size);
            for (int i = 0; i < count; i++) {
                memcpy(origin->up + origin->up_size, spans[i].data, spans[i].size);
                origin->up_size += spans[i].size;
            }
            check_up(origin);
        }
        stream_consume(origin->stream, size);
    }
}

static void let_go(struct origin *origin)
{
    if (!origin->stream)
        return;
    if (flags & ABORTS) {
        stream_abort(origin->stream);
    } else {
        stream_finish(origin->stream);
        stream_close(origin->stream);
    }
    origin->stream = NULL;
    free(origin->up);
    origin->up = NULL;
}

static void drive(struct origin *origin)
{
    if (origin->inbound)
        admit(origin);
    if (!origin->stream)
        return;
    if (flags & CLOSES_EARLY) {
        let_go(origin);
        return;
    }
    read_up(origin);
    if (origin->is_answered)
        return;
    origin->is_answered = true;
    /* In two pieces, so that heads are cut too. */
    size_t half = answer_size / 2;
    ssize_t taken = stream_write_bytes(origin->stream, answer, half);
    if (taken == (ssize_t)half)
        taken = stream_write_bytes(origin->stream, answer + half, answer_size - half);
    if (taken < 0 || flags & ENDS_EARLY)
        let_go(origin);
}

static void turn(void)
{
    loop_run_once(loop, 0);
    for (int i = 0; i < origin_count; i++)
        drive(&origins[i]);
    if (client->credit != SIZE_MAX)
        fake_stream_grant(client, 7);
    loop_run_once(loop, 0);
}

static void say(const uint8_t *data, size_t size, size_t piece)
{
    if (piece < size / PIECES_MAX)
        piece = size / PIECES_MAX + 1;
    while (size > 0) {
        size_t part = piece < size ? piece : size;
        fake_stream_feed(client, data, part);
        data += part;
        size -= part;
        turn();
    }
}

/* The client ends; what it said before is still served, one request a turn; then all timers run
 * out. */
static void finish(struct door *door, uint64_t *now_ms)
{
    fake_stream_end(client, ERR_EOF);
    for (int i = 0; i < TURNS_MAX && door_stats(door).clients > 0; i++) {
        turn();
        for (int k = 0; k < origin_count; k++)
            if (origins[k].is_answered)
                let_go(&origins[k]);
    }
    for (int i = 0; i < 4 && door_stats(door).clients > 0; i++) {
        loop_fake_clock(loop, *now_ms += 61000);
        turn();
    }
    for (int i = 0; i < origin_count; i++)
        let_go(&origins[i]);
    loop_run_once(loop, 0);
    assert(door_stats(door).clients == 0);
}

static struct door *open_door(bool has_login)
{
    static const struct door_events events = {.on_inbound = on_inbound};
    struct door *door;
    struct door_options options = {
        .user = has_login ? "ada" : NULL,
        .password = has_login ? "secret" : NULL,
        .clients_max = 4,
        .buffer_bytes = 256 * 1024,
        .handshake_timeout_ms = 5000,
    };
    assert(door_open(loop, NULL, 0, &options, &events, NULL, &door) == 0);
    return door;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct address here = {.family = 4, .port = 1080, .ip = {127, 0, 0, 1}};
    static struct door *doors[2];
    static uint64_t now_ms = 1000;
    if (size < 4)
        return 0;
    if (!loop) {
        loop = loop_new();
        doors[0] = open_door(false);
        doors[1] = open_door(true);
    }
    flags = data[0];
    size_t piece = data[1], up_size = (size_t)data[2] << 8 | data[3];
    data += 4;
    size -= 4;
    if (up_size > size)
        up_size = size;
    answer = data + up_size;
    answer_size = size - up_size;
    origin_count = 0;
    client = fake_stream_new(loop);
    client->lends = flags & LENDS;
    client->span_bytes_max = piece % 16;
    client->credit = flags & IS_NARROW ? 300 : SIZE_MAX;
    struct door *door = doors[flags & HAS_LOGIN];
    loop_fake_clock(loop, now_ms);
    assert(door_client_new(door, &client->stream, &here, &here) == 0);
    say(data, up_size, piece + 1);
    finish(door, &now_ms);
    fake_stream_free(client);
    return 0;
}
