#include "proxy/handshake.h"

#include "base/err.h"

#include <assert.h>
#include <string.h>

static_assert((int)HTTP_CONNECT_REQUEST_MAX >= 4 + 2 * SOCKS5_MESSAGE_MAX,
              "greeting, login and request fit");

/* What a step returns besides an error. */
enum { NEEDS_MORE = 0, GOES_ON = 1, IS_THROUGH = 2 };
/* The head of a reply to CONNECT; what a proxy has to say fits well into it. */
enum { HTTP_REPLY_MAX = 16 * 1024 };

/* The first bytes of what the server has sent, in one piece: < 0 ended or broken. */
static ssize_t look(struct handshake *handshake, void *to, size_t capacity)
{
    return stream_gather(handshake->stream, to, capacity);
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

static int step_socks5_reply(struct handshake *handshake)
{
    uint8_t data[SOCKS5_MESSAGE_MAX], code;
    ssize_t size = look(handshake, data, sizeof(data));
    if (size > 0)
        size = socks5_parse_reply(data, (size_t)size, &code, &handshake->bound);
    if (size <= 0)
        return (int)size;
    if (code != SOCKS5_SUCCEEDED)
        return socks5_code_to_err(code);
    stream_consume(handshake->stream, (size_t)size);
    return IS_THROUGH;
}

static int step_socks5_login(struct handshake *handshake)
{
    uint8_t data[2];
    bool is_accepted;
    ssize_t size = look(handshake, data, sizeof(data));
    if (size > 0)
        size = socks5_parse_login_reply(data, (size_t)size, &is_accepted);
    if (size <= 0)
        return (int)size;
    if (!is_accepted)
        return ERR_AUTH;
    stream_consume(handshake->stream, (size_t)size);
    handshake->step = step_socks5_reply;
    if (!handshake->upstream->is_pipelined)
        append_request(handshake);
    return GOES_ON;
}

static int step_socks5_choice(struct handshake *handshake)
{
    const struct upstream *upstream = handshake->upstream;
    uint8_t data[2], method;
    ssize_t size = look(handshake, data, sizeof(data));
    if (size > 0)
        size = socks5_parse_choice(data, (size_t)size, &method);
    if (size <= 0)
        return (int)size;
    stream_consume(handshake->stream, (size_t)size);
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

static int step_http_reply(struct handshake *handshake)
{
    char data[HTTP_REPLY_MAX];
    int status;
    ssize_t had = look(handshake, data, sizeof(data)), size = had;
    if (had > 0)
        size = http_connect_parse_reply(data, (size_t)had, &status);
    if (size == 0 && had == sizeof(data))
        return ERR_PROTOCOL;
    if (size <= 0)
        return (int)size;
    if (status >= 200) {
        int err = http_connect_status_to_err(status);
        if (err < 0)
            return err;
    }
    stream_consume(handshake->stream, (size_t)size);
    return status >= 200 ? IS_THROUGH : GOES_ON;
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
    int err = ERR_UNSUPPORTED;
    if (upstream->kind == UPSTREAM_SOCKS5)
        err = begin_socks5(handshake);
    else if (upstream->kind == UPSTREAM_HTTP || upstream->kind == UPSTREAM_HTTPS)
        err = begin_http(handshake);
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
    explicit_bzero(handshake->bytes, handshake->size);
}
