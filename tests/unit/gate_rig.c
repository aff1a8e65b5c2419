#include "tests/unit/gate_rig.h"

#include <stdlib.h>
#include <string.h>

static const struct filter *filter_now(void *owner)
{
    struct fixture *f = owner;
    return f->is_paused ? NULL : &f->filter;
}

static void on_request(void *owner, const struct filter_request *request,
                       const struct verdict *verdict)
{
    struct fixture *f = owner;
    assert_true(request->source_url_size == 0 || request->source_url[0] == 'h');
    f->decisions++;
    f->blocks += verdict_is_block(verdict);
}

static const struct http_gate_events events = {.filter = filter_now, .on_request = on_request};

static void read_gate(struct fixture *f)
{
    struct span spans[STREAM_SPANS];
    int count;
    while ((count = stream_peek(f->gate, spans, STREAM_SPANS)) > 0) {
        size_t size = 0;
        for (int i = 0; i < count; i++) {
            assert_true(spans[i].size > 0);
            memcpy(f->up + f->up_size, spans[i].data, spans[i].size);
            f->up_size += spans[i].size;
            size += spans[i].size;
        }
        stream_consume(f->gate, size);
    }
    f->up[f->up_size] = '\0';
    f->end = count;
}

static void on_wake(void *owner)
{
    read_gate(owner);
}

void turn(struct fixture *f)
{
    loop_run(f->loop);
    f->down_size +=
        fake_stream_take(f->client, f->down + f->down_size, TEXT_MAX - 1 - f->down_size);
    f->down[f->down_size] = '\0';
}

int gate_rig_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->loop = loop_new();
    f->client = fake_stream_new(f->loop);
    f->client->lends = true;
    f->filter = (struct filter){.blocked = {"/ad"}, .list = "L", .rule = "R"};
    assert_int_equal(
        http_gate_new(f->loop, &f->client->stream, "fallback.example", false, &events, f, &f->gate),
        0);
    stream_set_owner(f->gate, on_wake, f);
    turn(f);
    *state = f;
    return 0;
}

int gate_rig_setup_in_bytes(void **state)
{
    gate_rig_setup(state);
    ((struct fixture *)*state)->client->span_bytes_max = 1;
    return 0;
}

int gate_rig_teardown(void **state)
{
    struct fixture *f = *state;
    stream_close(f->gate);
    fake_stream_free(f->client);
    loop_run(f->loop);
    loop_free(f->loop);
    free(f);
    return 0;
}

void send_request(struct fixture *f, const char *text)
{
    fake_stream_feed(f->client, text, strlen(text));
    turn(f);
}

void answer(struct fixture *f, const char *text)
{
    for (size_t at = 0; at < strlen(text); at++) /* heads and chunks cut everywhere */
        assert_int_equal(stream_write_bytes(f->gate, text + at, 1), 1);
    turn(f);
}

void forget(struct fixture *f)
{
    f->up_size = f->down_size = 0;
    f->up[0] = f->down[0] = '\0';
}

void assert_starts(const char *text, const char *start)
{
    assert_int_equal(strncmp(text, start, strlen(start)), 0);
}
