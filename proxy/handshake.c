#include "proxy/handshake.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert((int)HTTP_CONNECT_REQUEST_MAX >= 4 + 2 * SOCKS5_MESSAGE_MAX,
              "greeting, login and request fit");

/* What a step returns besides an error. */
enum { NEEDS_MORE = 0, GOES_ON = 1, IS_THROUGH = 2 };
/* The head of a reply to CONNECT; what a proxy has to say fits well into it. */
enum { HTTP_REPLY_MAX = 16 * 1024 };

/* As the codecs' parse_, for the message that is due; `ret` is its result. */
typedef ssize_t parse_fn(const uint8_t *data, size_t size, void *ret);

/* Take the server's next message out of the stream, no byte more. 1 it is in `ret`; 0 it is not all
 * there yet; < 0 malformed, ended or broken. */
static int take_message(struct handshake *handshake, parse_fn *parse, void *ret)
{
    size_t before = handshake->begun_size;
    ssize_t more =
        stream_gather(handshake->stream, handshake->begun + before, handshake->begun_max - before);
    if (more <= 0)
        return (int)more;
    size_t size = before + (size_t)more;
    ssize_t used = parse(handshake->begun, size, ret);
    if (used < 0)
        return (int)used;
    if (used == 0 && size == handshake->begun_max)
        return ERR_PROTOCOL;
    /* An incomplete message has all the bytes there are, and a complete one ends in the new ones.
     */
    stream_consume(handshake->stream, (used ? (size_t)used : size) - before);
    handshake->begun_size = used ? 0 : size;
    return used > 0;
}

static int append_login(struct handshake *handshake)
{
    const struct upstream *upstream = handshake->upstream;
    ssize_t size = socks5_build_login(handshake->bytes + handshake->size, upstream->user,
                                      upstream->password ? upstream->password : "");
    if (size < 0)
        return ERR_AUTH;
    handshake->size += (size_t)size;
    return 0;
}

static void append_request(struct handshake *handshake)
{
    handshake->size += socks5_build_request(handshake->bytes + handshake->size, handshake->command,
                                            handshake->target);
}

struct socks5_reply {
    uint8_t code;
    struct address bound;
};

static ssize_t parse_socks5_reply(const uint8_t *data, size_t size, void *ret)
{
    struct socks5_reply *reply = ret;
    return socks5_parse_reply(data, size, &reply->code, &reply->bound);
}

static int step_socks5_reply(struct handshake *handshake)
{
    struct socks5_reply reply;
    int result = take_message(handshake, parse_socks5_reply, &reply);
    if (result <= 0)
        return result;
    handshake->bound = reply.bound;
    return reply.code == SOCKS5_SUCCEEDED ? IS_THROUGH : socks5_code_to_err(reply.code);
}

static ssize_t parse_socks5_login_reply(const uint8_t *data, size_t size, void *ret)
{
    return socks5_parse_login_reply(data, size, ret);
}

static int step_socks5_login(struct handshake *handshake)
{
    bool is_accepted;
    int result = take_message(handshake, parse_socks5_login_reply, &is_accepted);
    if (result <= 0)
        return result;
    if (!is_accepted)
        return ERR_AUTH;
    handshake->step = step_socks5_reply;
    if (!handshake->upstream->is_pipelined)
        append_request(handshake);
    return GOES_ON;
}

static ssize_t parse_socks5_choice(const uint8_t *data, size_t size, void *ret)
{
    return socks5_parse_choice(data, size, ret);
}

static int step_socks5_choice(struct handshake *handshake)
{
    const struct upstream *upstream = handshake->upstream;
    uint8_t method;
    int result = take_message(handshake, parse_socks5_choice, &method);
    if (result <= 0)
        return result;
    if (method == SOCKS5_LOGIN && upstream->user) {
        handshake->step = step_socks5_login;
        return upstream->is_pipelined || append_login(handshake) == 0 ? GOES_ON : ERR_AUTH;
    }
    if (method == SOCKS5_NO_METHOD)
        return ERR_AUTH;
    /* Pipelined, a login is the only method that was offered. */
    if (method != SOCKS5_NO_LOGIN || (upstream->user && upstream->is_pipelined))
        return ERR_PROTOCOL;
    handshake->step = step_socks5_reply;
    if (!upstream->is_pipelined)
        append_request(handshake);
    return GOES_ON;
}

static int begin_socks5(struct handshake *handshake)
{
    const struct upstream *upstream = handshake->upstream;
    bool has_login = upstream->user != NULL;
    int err = 0;
    handshake->step = step_socks5_choice;
    handshake->size =
        socks5_build_greeting(handshake->bytes, !has_login || !upstream->is_pipelined, has_login);
    if (!upstream->is_pipelined)
        return 0;
    if (has_login)
        err = append_login(handshake);
    append_request(handshake);
    return err;
}

static ssize_t parse_http_reply(const uint8_t *data, size_t size, void *ret)
{
    return http_connect_parse_reply((const char *)data, size, ret);
}

static int step_http_reply(struct handshake *handshake)
{
    int status;
    int result = take_message(handshake, parse_http_reply, &status);
    if (result <= 0)
        return result;
    if (status < 200) /* RFC 9110 sec. 15.2: an interim one */
        return GOES_ON;
    int err = http_connect_status_to_err(status);
    return err < 0 ? err : IS_THROUGH;
}

static int begin_http(struct handshake *handshake)
{
    if (handshake->command != SOCKS5_CONNECT)
        return ERR_UNSUPPORTED;
    ssize_t size =
        http_connect_build_request((char *)handshake->bytes, handshake->target,
                                   handshake->upstream->user, handshake->upstream->password);
    if (size < 0)
        return ERR_AUTH;
    handshake->step = step_http_reply;
    handshake->size = (size_t)size;
    return 0;
}

/* A failed write is not the end: the server may have said why before it closed, and reading ends
 * with the error. */
static void send_our_part(struct handshake *handshake)
{
    ssize_t taken = stream_write_bytes(handshake->stream, handshake->bytes + handshake->sent,
                                       handshake->size - handshake->sent);
    if (taken > 0)
        handshake->sent += (size_t)taken;
}

static void on_wake(void *owner)
{
    struct handshake *handshake = owner;
    int result;
    do {
        send_our_part(handshake);
        result = handshake->step(handshake);
    } while (result == GOES_ON);
    if (result == NEEDS_MORE)
        return;
    handshake_stop(handshake);
    handshake->on_done(handshake->owner, result == IS_THROUGH ? 0 : result);
}

int handshake_start(struct handshake *handshake, struct stream *stream,
                    const struct upstream *upstream, enum socks5_command command,
                    const struct endpoint *target, handshake_done_fn *on_done, void *owner)
{
    memset(handshake, 0, sizeof(*handshake));
    handshake->upstream = upstream;
    handshake->target = target;
    handshake->command = command;
    handshake->on_done = on_done;
    handshake->owner = owner;
    handshake->begun_max = upstream->kind == UPSTREAM_SOCKS5 ? SOCKS5_MESSAGE_MAX : HTTP_REPLY_MAX;
    int err = ERR_UNSUPPORTED;
    if (upstream->kind == UPSTREAM_SOCKS5)
        err = begin_socks5(handshake);
    else if (upstream->kind == UPSTREAM_HTTP || upstream->kind == UPSTREAM_HTTPS)
        err = begin_http(handshake);
    if (err == 0) {
        handshake->begun = malloc(handshake->begun_max);
        err = handshake->begun ? 0 : -ENOMEM;
    }
    if (err < 0)
        return err;
    handshake->stream = stream;
    stream_set_owner(stream, on_wake, handshake); /* schedules the first wake */
    return 0;
}

void handshake_stop(struct handshake *handshake)
{
    if (!handshake->stream)
        return;
    stream_set_owner(handshake->stream, NULL, NULL);
    handshake->stream = NULL;
    free(handshake->begun);
    explicit_bzero(handshake->bytes, handshake->size);
}
