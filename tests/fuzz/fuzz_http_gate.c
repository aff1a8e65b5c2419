/* A client's and a server's bytes, interleaved as the input says: its first byte of each piece is
 * who speaks (top bit) and how much (the rest). Whatever comes through to the server consists of
 * whole requests that the filter let pass, unless the gate has stepped aside. */
#include "adblock/http_gate.h"
#include "base/err.h"
#include "tests/fake/fake_filter.h"
#include "tests/fake/fake_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
    struct stream *gate;
    struct filter filter;
    size_t decisions, blocks;
};

static const struct filter *filter_now(void *owner)
{
    return &((struct session *)owner)->filter;
}

static void on_request(void *owner, const struct filter_request *request,
                       const struct verdict *verdict)
{
    struct session *session = owner;
    assert(strlen(request->url) == request->url_size);
    session->decisions++;
    session->blocks += verdict_is_block(verdict);
}

static void on_wake(void *owner)
{
    struct session *session = owner;
    struct span spans[4];
    for (int count; (count = stream_peek(session->gate, spans, 4)) > 0;) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            assert(spans[i].size > 0);
            size += spans[i].size;
        }
        stream_consume(session->gate, size > 3 ? size - 1 : size);
    }
}

static void speak(struct session *session, struct fake_stream *client, struct loop *loop,
                  const uint8_t *data, size_t size, int is_server)
{
    if (is_server)
        stream_write_bytes(session->gate, data, size);
    else
        fake_stream_feed(client, data, size);
    loop_run(loop);
    char nowhere[4096];
    while (fake_stream_take(client, nowhere, sizeof(nowhere)) > 0)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_gate_events events = {.filter = filter_now, .on_request = on_request};
    struct session session = {.filter = {.blocked = {"/ad"}, .list = "l", .rule = "r"}};
    if (size == 0)
        return 0;
    struct loop *loop = loop_new();
    struct fake_stream *client = fake_stream_new(loop);
    unsigned options = *data++;
    size--;
    client->span_bytes_max = options & 7;
    client->lends = true;
    if (options & 8)
        client->credit = 100000;
    http_gate_new(loop, &client->stream, "a.example", options & 16, &events, &session,
                  &session.gate);
    stream_set_owner(session.gate, on_wake, &session);
    while (size > 1) {
        size_t part = (*data & 0x7fU) + 1;
        part = part < size - 1 ? part : size - 1;
        speak(&session, client, loop, data + 1, part, *data & 0x80);
        data += part + 1;
        size -= part + 1;
    }
    fake_stream_end(client, ERR_EOF);
    loop_run(loop);
    if (options & 32)
        stream_finish(session.gate);
    loop_run(loop);
    if (options & 64)
        stream_abort(session.gate);
    else
        stream_close(session.gate);
    loop_run(loop);
    fake_stream_free(client);
    loop_free(loop);
    return 0;
}
