#include "proxy/http_answer.h"

#include "base/err.h"
#include "tests/fake/fake_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KEEP  "Connection: keep-alive\r\n\r\n"
#define CLOSE "Connection: close\r\n\r\n"

struct fixture {
    struct loop *loop;
    struct fake_stream *client;
    struct http_body request; /* done: no body */
    struct http_answer answer;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.loop = loop_new()};
    f->client = fake_stream_new(f->loop);
    f->answer = (struct http_answer){
        .chunks = loop_chunks(f->loop),
        .client = &f->client->stream,
        .request = &f->request,
        .keeps_alive = true,
    };
}

static void tear_down(struct fixture *f)
{
    http_answer_done(&f->answer);
    stream_close(&f->client->stream);
    fake_stream_free(f->client);
    loop_free(f->loop);
}

static const char *heard(struct fixture *f)
{
    static char got[4096];
    size_t size = fake_stream_take(f->client, got, sizeof(got) - 1);
    got[size] = '\0';
    return got;
}

/* Offer the text in pieces of `piece` bytes to a client that takes `grant` at a time (0: all). */
static void offer(struct fixture *f, const char *text, size_t piece, size_t grant)
{
    size_t size = strlen(text), at = 0;
    f->client->credit = grant ? grant : SIZE_MAX;
    for (int rounds = 0; rounds < 10000 && (at < size || f->answer.head); rounds++) {
        size_t part = piece < size - at ? piece : size - at;
        struct span span = {.data = (const uint8_t *)text + at, .size = part};
        ssize_t taken = http_answer_write(&f->answer, &span, 1);
        assert_true(taken >= 0 && (size_t)taken <= part);
        at += (size_t)taken;
        if (grant)
            fake_stream_grant(f->client, grant);
        assert_int_equal(http_answer_flush(&f->answer), 0);
    }
    assert_int_equal(at, size);
}

static const struct {
    const char *said, *heard;
    bool keeps_alive;
} whole[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
     "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" KEEP "body", true},
    {"HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 204 No\r\n" KEEP, true},
    {"HTTP/1.1 304 Same\r\nContent-Length: 4\r\n\r\n",
     "HTTP/1.1 304 Same\r\nContent-Length: 4\r\n" KEEP, true},
    {"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n"
     "Transfer-Encoding: chunked\r\n\r\n4;x\r\nbody\r\n0\r\nT: v\r\n\r\n",
     "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n"
     "Transfer-Encoding: chunked\r\n" KEEP "4;x\r\nbody\r\n0\r\nT: v\r\n\r\n",
     true},
    {"HTTP/1.0 200 OK\r\n\r\nbody", "HTTP/1.1 200 OK\r\n" CLOSE "body", false},
};

/* However it is cut and however little the client takes, the client hears the same. */
static void test_any_cut_gives_the_same(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 7, 40, 4096}, grants[] = {0, 1, 5, 100};
    (void)state;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        for (size_t k = 0; k < 24; k++) {
            struct fixture f;
            set_up(&f);
            offer(&f, whole[i].said, sizes[k % 6], grants[k / 6]);
            bool ends_by_itself = f.answer.body.framing != HTTP_UNTIL_CLOSE;
            assert_int_equal(http_answer_is_complete(&f.answer), ends_by_itself);
            f.answer.is_finished = true;
            assert_true(http_answer_is_complete(&f.answer));
            assert_int_equal(f.answer.keeps_alive, whole[i].keeps_alive);
            assert_string_equal(heard(&f), whole[i].heard);
            tear_down(&f);
        }
    }
}

static void test_is_silent_until_a_final_head(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    assert_true(http_answer_is_silent(&f.answer));
    offer(&f, "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200", 4096, 0);
    assert_true(http_answer_is_silent(&f.answer));
    f.client->credit = 3;
    struct span rest = {.data = (const uint8_t *)" OK\r\nContent-Length: 1\r\n\r\n", .size = 26};
    rest.size = strlen((const char *)rest.data);
    assert_int_equal(http_answer_write(&f.answer, &rest, 1), rest.size);
    assert_false(http_answer_is_silent(&f.answer));
    assert_false(http_answer_is_whole(&f.answer));
    tear_down(&f);
}

static void test_takes_nothing_behind_the_end(void **state)
{
    struct fixture f;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n";
    struct span span = {.data = (const uint8_t *)text, .size = sizeof(text) - 1};
    (void)state;
    set_up(&f);
    assert_int_equal(http_answer_write(&f.answer, &span, 1), sizeof(text) - 1 - 17);
    assert_true(http_answer_is_complete(&f.answer));
    assert_string_equal(heard(&f), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" KEEP "ok");
    tear_down(&f);
}

static void test_refuses_what_it_must_not_pass_on(void **state)
{
    static const struct {
        const char *text;
        bool is_to_http10;
    } cases[] = {
        {"SSH-2.0-x\r\n", false},
        {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz", false},
        {"HTTP/1.1 101 Go\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\nok", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct span span = {.data = (const uint8_t *)cases[i].text, .size = strlen(cases[i].text)};
        set_up(&f);
        f.answer.is_to_http10 = cases[i].is_to_http10;
        assert_int_equal(http_answer_write(&f.answer, &span, 1), ERR_PROTOCOL);
        assert_string_equal(heard(&f), "");
        tear_down(&f);
    }
}

static void test_closes_where_the_request_is_unread(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    f.request = (struct http_body){.framing = HTTP_LENGTH, .left = 1};
    offer(&f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 4096, 0);
    assert_false(f.answer.keeps_alive);
    assert_string_equal(heard(&f), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" CLOSE);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut_gives_the_same),
        cmocka_unit_test(test_is_silent_until_a_final_head),
        cmocka_unit_test(test_takes_nothing_behind_the_end),
        cmocka_unit_test(test_refuses_what_it_must_not_pass_on),
        cmocka_unit_test(test_closes_where_the_request_is_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
