/* Against a server in a thread that answers each connection with the next of the given answers, and
 * is its own SOCKS5 proxy where the client speaks that. */
#include "adblock/fetch.h"
#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 4 };

struct fixture {
    struct loop *loop;
    struct fetch *fetch;
    struct fetch_job *job;
    char folder[64], path[128], url[512], proxy[64];
    int listener;
    pthread_t thread;
    const char *answers[ANSWERS_MAX]; /* NULL ends; "" never answers */
    size_t answer_sizes[ANSWERS_MAX]; /* 0: the text's */
    char requests[ANSWERS_MAX][1024], proxied[64];
    int served;
    struct fetch_result result;
    int results;
};

/* --- the server ------------------------------------------------------------------------------ */

static void serve_socks(struct fixture *f, int fd)
{
    char bytes[300];
    if (recv(fd, bytes, 2, MSG_WAITALL) != 2 || recv(fd, bytes, (size_t)bytes[1], MSG_WAITALL) < 1)
        return;
    send(fd, "\5\0", 2, MSG_NOSIGNAL);
    if (recv(fd, bytes, 5, MSG_WAITALL) != 5 || bytes[3] != 3) /* by name, not by address */
        return;
    size_t size = (size_t)bytes[4];
    if (recv(fd, bytes, size + 2, MSG_WAITALL) != (ssize_t)size + 2)
        return;
    snprintf(f->proxied, sizeof(f->proxied), "%.*s", (int)size, bytes);
    send(fd, "\5\0\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL);
}

static void serve_one(struct fixture *f, int fd)
{
    char first, *request = f->requests[f->served];
    size_t size = 0;
    if (recv(fd, &first, 1, MSG_PEEK) == 1 && first == 5)
        serve_socks(f, fd);
    while (size < sizeof(f->requests[0]) - 1 && !strstr(request, "\r\n\r\n")) {
        ssize_t got = recv(fd, request + size, sizeof(f->requests[0]) - 1 - size, 0);
        if (got <= 0)
            return;
        size += (size_t)got;
    }
    const char *answer = f->answers[f->served];
    size_t left = f->answer_sizes[f->served] ? f->answer_sizes[f->served] : strlen(answer);
    f->served++;
    if (!*answer)
        recv(fd, &first, 1, 0); /* until the client gives up */
    while (left > 0) {
        ssize_t sent = send(fd, answer, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        answer += sent;
        left -= (size_t)sent;
    }
}

static void *serve(void *owner)
{
    struct fixture *f = owner;
    while (f->served < ANSWERS_MAX && f->answers[f->served]) {
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0)
            break;
        serve_one(f, fd);
        close(fd);
    }
    return NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    getsockname(f->listener, (struct sockaddr *)&address, &size);
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/list.txt", ntohs(address.sin_port));
    snprintf(f->proxy, sizeof(f->proxy), "socks5h://127.0.0.1:%d", ntohs(address.sin_port));
    strcpy(f->folder, "/tmp/test_fetch.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/list", f->folder);
    f->loop = loop_new();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char from[136];
    fetch_free(f->fetch);
    loop_run(f->loop);
    loop_free(f->loop);
    shutdown(f->listener, SHUT_RDWR); /* ends accept */
    if (f->thread)
        pthread_join(f->thread, NULL);
    close(f->listener);
    snprintf(from, sizeof(from), "%s.from", f->path);
    unlink(from);
    unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0); /* nothing else was left behind */
    free(f);
    return 0;
}

static void on_done(void *owner, const struct fetch_result *result)
{
    struct fixture *f = owner;
    f->result = *result;
    f->results++;
}

static void start(struct fixture *f, const struct fetch_options *options)
{
    if (!f->thread)
        assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    if (!f->fetch)
        f->fetch = fetch_new(f->loop, options);
    assert_non_null(f->fetch);
    assert_int_equal(fetch_list(f->fetch, f->url, f->path, on_done, f, &f->job), 0);
}

static void run(struct fixture *f, const struct fetch_options *options)
{
    int before = f->results;
    start(f, options);
    while (f->results == before)
        loop_run_once(f->loop, 1000);
    assert_int_equal(f->results, before + 1);
}

static const struct fetch_options direct = {0};

static void assert_stored(struct fixture *f, const char *text)
{
    char stored[256] = "";
    FILE *file = fopen(f->path, "r");
    assert_int_equal(file != NULL, text != NULL);
    if (!file)
        return;
    size_t size = fread(stored, 1, sizeof(stored) - 1, file);
    fclose(file);
    stored[size] = '\0';
    assert_string_equal(stored, text);
}

static void assert_failed(struct fixture *f, int err, const char *phrase)
{
    assert_int_equal(f->result.err, err);
    assert_non_null(strstr(f->result.text, f->url));
    assert_non_null(strstr(f->result.text, phrase));
    assert_stored(f, NULL);
}

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

static void test_downloads(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = HEAD "Content-Type: text/plain\r\nContent-Length: 10\r\n\r\na.example\n";
    run(f, &direct);
    assert_int_equal(f->result.err, 0);
    assert_false(f->result.is_unchanged);
    assert_int_equal(f->result.size, 10);
    assert_stored(f, "a.example\n");
    assert_non_null(strstr(f->requests[0], "GET /list.txt HTTP/1.1\r\n"));
    assert_non_null(strstr(f->requests[0], "User-Agent: Atlantic/"));
    assert_null(strstr(f->requests[0], "If-"));
}

static void test_asks_whether_it_changed(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = HEAD "ETag:  \"v1\" \r\nLast-Modified: Mon, 02 Nov 2026 03:04:05 GMT\r\n\r\n"
                         "a.example\n";
    f->answers[1] = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
    f->answers[2] = HEAD "ETag: \"v2\"\r\n\r\nb.example\n";
    run(f, &direct);
    run(f, &direct);
    assert_non_null(strstr(f->requests[1], "If-None-Match: \"v1\"\r\n"));
    assert_non_null(strstr(f->requests[1], "If-Modified-Since: Mon, 02 Nov 2026 03:04:05 GMT\r\n"));
    assert_int_equal(f->result.err, 0);
    assert_true(f->result.is_unchanged);
    assert_stored(f, "a.example\n");
    run(f, &direct);
    assert_false(f->result.is_unchanged);
    assert_stored(f, "b.example\n");
}

static void test_through_a_proxy_by_name(void **state)
{
    struct fixture *f = *state;
    struct fetch_options options = {.proxy = f->proxy};
    strcpy(f->url, "http://lists.example/list.txt");
    f->answers[0] = HEAD "\r\na.example\n";
    run(f, &options);
    assert_int_equal(f->result.err, 0);
    assert_string_equal(f->proxied, "lists.example");
    assert_stored(f, "a.example\n");
}

static void test_no_proxy_no_download(void **state)
{
    struct fixture *f = *state;
    struct fetch_options options = {.proxy = f->proxy};
    shutdown(f->listener, SHUT_RDWR);
    close(f->listener);
    f->listener = -1;
    strcpy(f->url, "http://lists.example/list.txt");
    run(f, &options);
    assert_failed(f, ERR_NO_UPSTREAM, "onnect");
}

static void test_a_long_url_leaves_room_for_the_reason(void **state)
{
    struct fixture *f = *state;
    size_t size = strlen(f->url);
    f->url[size] = '?';
    memset(f->url + size + 1, 'x', 300);
    f->answers[0] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    run(f, &direct);
    assert_int_equal(f->result.err, ERR_PROTOCOL);
    assert_memory_equal(f->result.text, f->url, 140);
    assert_non_null(strstr(f->result.text, "status 404"));
}

static void test_web_pages_are_refused(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = HEAD "Content-Type: text/html; charset=utf-8\r\n\r\na.example\n";
    f->answers[1] = HEAD "Content-Type: text/plain\r\n\r\n<!doctype html><title>x</title>";
    run(f, &direct);
    assert_failed(f, -EBADMSG, "web page");
    run(f, &direct);
    assert_failed(f, -EBADMSG, "web page");
}

static void test_empty_answers_are_refused(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = HEAD "Content-Length: 0\r\n\r\n";
    run(f, &direct);
    assert_failed(f, -ENODATA, "empty");
}

static void test_errors_of_the_server(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\na.example\n";
    f->answers[1] = HEAD "Content-Length: 100\r\n\r\ncut.exam";
    f->answers[2] = "nonsense\r\n\r\n";
    run(f, &direct);
    assert_failed(f, ERR_PROTOCOL, "404");
    run(f, &direct);
    assert_failed(f, ERR_PROTOCOL, "");
    run(f, &direct);
    assert_failed(f, -EINVAL, "HTTP/0.9");
}

static void test_too_large(void **state)
{
    struct fixture *f = *state;
    struct fetch_options options = {.limit_bytes = 8};
    f->answers[0] = HEAD "Content-Length: 10\r\n\r\na.example\n";
    f->answers[1] = HEAD "\r\na.example\n"; /* does not say so before */
    run(f, &options);
    assert_failed(f, -EFBIG, "");
    run(f, &options);
    assert_failed(f, -EFBIG, "larger");
}

/* What counts is what it unpacks to. */
static void test_a_small_answer_that_unpacks_large(void **state)
{
    struct fixture *f = *state;
    /* a hundred lines of a.example */
    static const char answer[] =
        HEAD "Content-Encoding: gzip\r\n\r\n"
             "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\xd4\x4b\xad\x48\xcc\x2d\xc8\x49\xe5"
             "\x4a\x1c\x65\x8d\xb2\x46\x59\xc3\x94\x05\x00\x71\x10\x9f\x96\xe8\x03\x00\x00";
    struct fetch_options options = {.limit_bytes = 100};
    f->answers[0] = answer;
    f->answer_sizes[0] = sizeof(answer) - 1;
    run(f, &options);
    assert_failed(f, -EFBIG, "larger");
}

static void test_timeout(void **state)
{
    struct fixture *f = *state;
    struct fetch_options options = {.timeout_ms = 50};
    f->answers[0] = "";
    run(f, &options);
    assert_failed(f, -ETIMEDOUT, "imed out");
}

static void test_redirects(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = "HTTP/1.1 302 Found\r\nLocation: /moved\r\nETag: \"of the redirect\"\r\n"
                    "Content-Type: text/html\r\nConnection: close\r\n\r\n<html>";
    f->answers[1] = HEAD "\r\na.example\n";
    f->answers[2] = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
    run(f, &direct);
    assert_int_equal(f->result.err, 0);
    assert_stored(f, "a.example\n");
    run(f, &direct);
    assert_null(strstr(f->requests[2], "If-None-Match"));
}

static void test_other_protocols_are_refused(void **state)
{
    struct fixture *f = *state;
    strcpy(f->url, "file:///etc/passwd");
    run(f, &direct);
    assert_failed(f, -EINVAL, "");
}

static void test_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct fetch_job *second;
    f->answers[0] = HEAD "\r\na.example\n";
    start(f, &direct);
    assert_int_equal(fetch_list(f->fetch, f->url, f->path, on_done, f, &second), -EALREADY);
    while (!f->results)
        loop_run_once(f->loop, 1000);
    assert_int_equal(f->result.err, 0);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = "";
    start(f, &direct);
    for (int i = 0; i < 3000 && f->served == 0; i++)
        loop_run_once(f->loop, 10);
    fetch_cancel(f->job);
    loop_run(f->loop);
    assert_int_equal(f->results, 0);
    assert_stored(f, NULL);
}

static void test_freed_with_downloads_under_way(void **state)
{
    struct fixture *f = *state;
    f->answers[0] = "";
    start(f, &direct);
    loop_run_once(f->loop, 10);
    fetch_free(f->fetch);
    f->fetch = NULL;
    loop_run(f->loop);
    assert_int_equal(f->results, 0);
}

#define fetch_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fetch_test(test_downloads),
        fetch_test(test_asks_whether_it_changed),
        fetch_test(test_through_a_proxy_by_name),
        fetch_test(test_no_proxy_no_download),
        fetch_test(test_a_long_url_leaves_room_for_the_reason),
        fetch_test(test_web_pages_are_refused),
        fetch_test(test_empty_answers_are_refused),
        fetch_test(test_errors_of_the_server),
        fetch_test(test_too_large),
        fetch_test(test_a_small_answer_that_unpacks_large),
        fetch_test(test_timeout),
        fetch_test(test_redirects),
        fetch_test(test_other_protocols_are_refused),
        fetch_test(test_one_at_a_time),
        fetch_test(test_cancel),
        fetch_test(test_freed_with_downloads_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
