/* A client's and a server's bytes, interleaved as the input says: its first byte of each piece is
 * who speaks (top bit) and how much (the rest). Where libhttp-parser is installed it judges what
 * came through to the server: those requests that the filter let pass, and no other. */
#include "adblock/http_gate.h"
#include "base/err.h"
#include "tests/fake/fake_filter.h"
#include "tests/fake/fake_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAS_HTTP_PARSER
#include <http_parser.h>
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct session {
    struct stream *gate;
    struct filter filter;
    size_t decisions, blocks, requests;
    char up[64 * 1024]; /* what came through */
    size_t up_size;
    int end; /* what peek said last */
};

#ifdef HAS_HTTP_PARSER
static int on_message_begin(http_parser *parser)
{
    ((struct session *)parser->data)->requests++;
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t size)
{
    (void)parser;
    assert(!memmem(at, size, "/ad", 3));
    return 0;
}

static void judge(struct session *session)
{
    http_parser_settings settings = {.on_message_begin = on_message_begin, .on_url = on_url};
    http_parser parser;
    if (session->decisions == 0)
        return; /* no HTTP */
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = session;
    http_parser_execute(&parser, &settings, session->up, session->up_size);
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || parser.upgrade)
        return;
    size_t admitted = session->decisions - session->blocks;
    assert(session->requests <= admitted);
    assert(session->requests == admitted || session->end != ERR_EOF); /* broken before it came */
}
#else
static void judge(struct session *session)
{
    (void)session;
}
#endif

static void note(struct session *session, const struct span *span, size_t size)
{
    assert(session->up_size + size <= sizeof(session->up));
    memcpy(session->up + session->up_size, span->data, size);
    session->up_size += size;
}

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
    int count;
    while ((count = stream_peek(session->gate, spans, 4)) > 0) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            size_t part = spans[i].size > 3 ? spans[i].size - 1 : spans[i].size;
            assert(part > 0);
            note(session, &spans[i], part);
            size += part;
            if (part < spans[i].size)
                break;
        }
        stream_consume(session->gate, size);
    }
    session->end = count;
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
    static struct session session;
    session = (struct session){.filter = {.blocked = {"/ad"}, .list = "l", .rule = "r"}};
    if (size == 0 || size > sizeof(session.up))
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
    judge(&session);
    if (options & 64)
        stream_abort(session.gate);
    else
        stream_close(session.gate);
    loop_run(loop);
    fake_stream_free(client);
    loop_free(loop);
    return 0;
}
