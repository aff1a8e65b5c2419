#define LOG_MODULE "door"
#include "proxy/door_http.h"

#include "base/cleanup.h"
#include "base/err.h"
#include "base/http_body.h"
#include "base/log.h"
#include "proxy/door_page.h"
#include "proxy/http_connect.h"
#include "proxy/http_forward.h"

#include <errno.h>
#include <string.h>

enum { KEEP_ALIVE_MS = 60 * 1000 };

/* ---- answers of our own ---- */

static void wait_for_request(struct door_client *client)
{
    client->is_reading = false;
    client->is_given_away = false;
    door_client_set_timeout(client, KEEP_ALIVE_MS);
    door_client_set_step(client, door_http_step);
}

static void send_answer(struct door_client *client, const char *data, size_t size)
{
    if (door_client_say(client, data, size) < 0)
        door_client_free(client, true);
    else if (client->keeps_alive && client->door)
        wait_for_request(client);
    else
        door_client_linger(client);
}

static void answer(struct door_client *client, int status, const char *why,
                   const struct endpoint *target)
{
    char text[DOOR_PAGE_MAX_BYTES];
    struct door_page page = {
        .status = status,
        .why = why,
        .keeps_alive = client->keeps_alive && client->door,
        .is_to_head = client->is_to_head,
    };
    if (target)
        page.target = *target;
    send_answer(client, text, door_page_build(text, &page));
}

static void answer_own_page(struct door_client *client, bool is_pac)
{
    char text[DOOR_PAGE_MAX_BYTES];
    if (!is_pac) {
        answer(client, 400,
               "This is a proxy (SOCKS5 and HTTP), not a web site. Enter its address in your "
               "program's proxy settings, or /proxy.pac as automatic configuration",
               NULL);
        return;
    }
    size_t size = door_page_build_pac(text, &client->local, client->keeps_alive && client->door,
                                      client->is_to_head);
    send_answer(client, text, size);
}

/* The request cannot be told from what follows it: nothing more is read. */
static void reject(struct door_client *client, int status, const char *why)
{
    client->door->stats.bad_requests++;
    log_debug("bad http request status=%d why=\"%s\"", status, why);
    client->keeps_alive = false;
    answer(client, status, why, NULL);
}

/* ---- CONNECT ---- */

static int say_yes(struct door_client *client)
{
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    return door_client_say(client, established, sizeof(established) - 1);
}

static void say_no(struct door_client *client, int err)
{
    answer(client, door_page_status_of(err), err_text(err), &client->inbound.target);
}

static const struct door_protocol protocol = {"http", say_yes, say_no};

/* ---- absolute URI ---- */

/* In an answer's place, so the words are about the server. */
static const char *why_silent(int err)
{
    switch (err) {
    case ERR_EOF: return "the server closed the connection without an answer";
    case ERR_PROTOCOL: return "the server's answer is not valid HTTP";
    case -ECONNRESET: return "the connection to the server failed or was reset";
    case -EBADMSG: return "the request's body is malformed";
    default: return err_text(err);
    }
}

static void on_forwarded(void *owner, enum http_forward_end end, int err, bool is_read)
{
    struct door_client *client = owner;
    switch (end) {
    case HTTP_FORWARD_KEEPS:
        if (client->door)
            wait_for_request(client);
        else
            door_client_free(client, false);
        break;
    case HTTP_FORWARD_LAST: door_client_linger(client); break;
    case HTTP_FORWARD_SILENT:
        client->keeps_alive = client->keeps_alive && is_read;
        answer(client, door_page_status_of(err), why_silent(err), &client->inbound.target);
        break;
    case HTTP_FORWARD_BROKEN: door_client_free(client, true); break;
    }
}

static void forward(struct door_client *client, const struct http_head *head, size_t size,
                    const struct http_target *target)
{
    struct door *door = client->door;
    struct inbound *inbound;
    client->keeps_alive = http_head_keeps_alive(head);
    client->inbound.target = target->endpoint;
    int err = http_forward_new(client->loop, client->inner, head, size, target, on_forwarded,
                               client, &inbound);
    if (err < 0) {
        reject(client, door_page_status_of(err), "This request cannot be passed on");
        return;
    }
    client->is_given_away = true;
    door_client_set_timeout(client, 0);
    inbound->client = client->address;
    inbound->local = client->local;
    door->events.on_inbound(door->owner, inbound);
}

/* ---- requests ---- */

static bool has_login(const struct door *door, const struct http_head *head)
{
    const char *password = door->options.password ? door->options.password : "";
    return !door->options.user || http_connect_has_login(head, door->options.user, password);
}

/* A request that we answer ourselves; its head goes, a body of it ends the connection. */
static void take_head(struct door_client *client, const struct http_head *head, size_t size,
                      bool has_body)
{
    client->keeps_alive = http_head_keeps_alive(head) && !has_body;
    stream_consume(client->inner, size);
}

static void serve_target(struct door_client *client, const struct http_head *head, size_t size,
                         bool has_body, const struct http_target *target)
{
    struct door *door = client->door;
    bool is_pac = target->path.size == 10 && memcmp(target->path.data, "/proxy.pac", 10) == 0;
    if (target->form == HTTP_TARGET_OWN) {
        take_head(client, head, size, has_body);
        answer_own_page(client, is_pac);
    } else if (!has_login(door, head)) {
        door->stats.bad_logins++;
        take_head(client, head, size, has_body);
        answer(client, 407, "A user name and password are needed", NULL);
    } else if (door_is_own_address(door, client, &target->endpoint)) {
        take_head(client, head, size, has_body);
        answer(client, 403, "This is the proxy itself", &target->endpoint);
    } else if (target->form == HTTP_TARGET_ABSOLUTE) {
        forward(client, head, size, target);
    } else {
        take_head(client, head, size, has_body);
        door_client_knock(client, &protocol, &target->endpoint);
    }
}

static void serve(struct door_client *client, const struct http_head *head, size_t size)
{
    struct http_target target;
    struct http_body body;
    client->is_to_head = head->method.size == 4 && memcmp(head->method.data, "HEAD", 4) == 0;
    if (http_body_of_request(head, &body) < 0) {
        reject(client, 400, "The length of the request's body is not clear");
        return;
    }
    int err = http_target_parse(head, &target);
    if (err == ERR_UNSUPPORTED)
        reject(client, 501, "Only http: addresses are fetched; others come by CONNECT");
    else if (err < 0)
        reject(client, 400, "The request's target is malformed");
    else
        serve_target(client, head, size, !http_body_is_done(&body), &target);
}

static void parse_and_serve(struct door_client *client, const char *data, size_t size)
{
    struct http_head head;
    const char *why = "";
    ssize_t used = http_head_parse_request(data, size, &head, &why);
    bool is_full = size >= HTTP_HEAD_MAX_BYTES || size >= client->door->options.buffer_bytes;
    if (used > 0)
        serve(client, &head, (size_t)used);
    else if (used == -E2BIG || (used == 0 && is_full))
        reject(client, 431, "The request's head is too large");
    else if (used < 0)
        reject(client, 400, why);
}

/* A request begins; one empty line before it is left over from a body's end (RFC 9112 sec. 2.2).
 * Returns as a step. */
static int begin_request(struct door_client *client)
{
    char start[2];
    ssize_t size = stream_gather(client->inner, start, sizeof(start));
    if (size <= 0 || (size == 1 && start[0] == '\r'))
        return size < 0 ? (int)size : 0;
    client->is_reading = true;
    door_client_set_timeout(client, client->door->options.handshake_timeout_ms);
    if (size == 2 && memcmp(start, "\r\n", 2) == 0)
        stream_consume(client->inner, 2);
    return 1;
}

int door_http_step(struct door_client *client)
{
    struct span span[2];
    if (!client->is_reading)
        return begin_request(client);
    int count = stream_peek(client->inner, span, 2);
    if (count <= 0)
        return count;
    if (count == 1) { /* in one piece, as heads mostly are: parsed where it lies */
        parse_and_serve(client, (const char *)span[0].data, span[0].size);
        return 0;
    }
    _free_ char *copy = malloc(HTTP_HEAD_MAX_BYTES);
    if (!copy)
        return -ENOMEM;
    ssize_t size = stream_gather(client->inner, copy, HTTP_HEAD_MAX_BYTES);
    if (size <= 0)
        return (int)size;
    parse_and_serve(client, copy, (size_t)size);
    return 0;
}
