/* TLS 1.2 and 1.3 (RFC 5246, 8446), client side, as a stream over a stream, by mbedTLS. mbedTLS is
 * never told that writing would block: what the inner stream does not take of a record waits in
 * `sealed`, and no further record is made until it is empty. */
#include "base/buf.h"
#include "base/err.h"
#include "proxy/dialer.h"
#include "proxy/keep_bytes.h"
#include "proxy/tls_trust.h"

#define LOG_MODULE "tls"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char system_ca_file[] = "/etc/ssl/certs/ca-certificates.crt";

enum {
    UNREAD_BYTES = 128 * 1024, /* of plain text, read ahead of the owner */
    SEALED_BYTES = 64 * 1024,  /* a handshake's flight or one record */
    RECORD_BYTES = 16 * 1024,  /* of plain text, RFC 8446 sec. 5.1 */
    NO_CHUNK_RETRY_MS = 5,
    FLUSH_MS = 5000, /* after close */
    ALPN_MAX = 32,
};

enum tls_state { TLS_HANDSHAKE, TLS_OPEN, TLS_BROKEN };

struct tls_stream {
    struct stream stream;
    struct stream *inner;
    struct tls_trust *trust;
    mbedtls_ssl_config config;
    mbedtls_ssl_context session;
    char alpn[ALPN_MAX];
    const char *alpn_list[2];
    enum tls_state state;
    int broken_err;          /* why, when it is */
    int read_err;            /* what peek says after the unread bytes; 0 while open */
    int inner_err;           /* why the inner stream broke */
    bool is_finished;        /* the owner wants no more writes */
    bool has_notified;       /* close_notify is made (RFC 8446 sec. 6.1) */
    bool is_fin_sent;        /* and the inner stream finished */
    struct buf unread;       /* plain text */
    struct buf sealed;       /* records that the inner stream has not taken yet */
    struct loop_guest guest; /* after close */
    struct timer timer; /* no chunk to read into: try again; after close: the end of patience */
};

static struct tls_stream *tls_of(struct stream *stream)
{
    return (struct tls_stream *)stream;
}

static void tls_free(struct tls_stream *tls)
{
    list_remove(&tls->guest.node);
    timer_stop(&tls->timer);
    mbedtls_ssl_free(&tls->session);
    mbedtls_ssl_config_free(&tls->config);
    tls_trust_unref(tls->trust);
    buf_done(&tls->unread);
    buf_done(&tls->sealed);
    free(tls);
}

/* Offer the inner stream what it had no room for. */
static void flush_sealed(struct tls_stream *tls)
{
    struct span spans[STREAM_SPANS];
    int count;
    while (!tls->inner_err && (count = buf_peek(&tls->sealed, spans, STREAM_SPANS)) > 0) {
        ssize_t taken = stream_write(tls->inner, spans, count);
        if (taken < 0)
            tls->inner_err = (int)taken;
        if (taken <= 0)
            return;
        buf_consume(&tls->sealed, (size_t)taken);
    }
}

/* For mbedTLS: takes everything, or the connection is broken. */
static int on_seal(void *owner, const unsigned char *data, size_t size)
{
    struct tls_stream *tls = owner;
    ssize_t taken = 0;
    if (tls->inner_err)
        return MBEDTLS_ERR_NET_SEND_FAILED;
    if (buf_size(&tls->sealed) == 0)
        taken = stream_write_bytes(tls->inner, data, size);
    if (taken < 0) {
        tls->inner_err = (int)taken;
        return MBEDTLS_ERR_NET_SEND_FAILED;
    }
    size_t left = size - (size_t)taken;
    if (left > 0 && buf_put(&tls->sealed, data + taken, left) != (ssize_t)left)
        return MBEDTLS_ERR_NET_SEND_FAILED;
    return (int)size;
}

/* For mbedTLS: the inner stream's unread bytes. 0 is their end. */
static int on_unseal(void *owner, unsigned char *to, size_t capacity)
{
    struct tls_stream *tls = owner;
    ssize_t size = stream_gather(tls->inner, to, capacity);
    if (size == ERR_EOF)
        return 0;
    if (size < 0) {
        tls->inner_err = (int)size;
        return MBEDTLS_ERR_NET_RECV_FAILED;
    }
    stream_consume(tls->inner, (size_t)size);
    return size > 0 ? (int)size : MBEDTLS_ERR_SSL_WANT_READ;
}

static void log_reason(const struct tls_stream *tls, int failed)
{
    char reason[128], verdict[256] = "";
    uint32_t flags = mbedtls_ssl_get_verify_result(&tls->session);
    mbedtls_strerror(failed, reason, sizeof(reason));
    if (flags != 0 && flags != UINT32_MAX)
        mbedtls_x509_crt_verify_info(verdict, sizeof(verdict), "", flags);
    verdict[strcspn(verdict, "\n")] = '\0';
    log_debug("connection failed reason=\"%s\" certificate=\"%s\"", reason, verdict);
}

static int fail(struct tls_stream *tls, int failed)
{
    if (!tls->inner_err)
        log_reason(tls, failed);
    tls->state = TLS_BROKEN;
    tls->broken_err = tls->inner_err ? tls->inner_err : ERR_TLS;
    if (!tls->read_err)
        tls->read_err = tls->broken_err;
    return tls->broken_err;
}

/* RFC 8446 sec. 6.1: close_notify ends our direction alone; then the inner stream's may end. */
static void finish_inner(struct tls_stream *tls)
{
    if (!tls->has_notified) {
        tls->has_notified = true;
        int failed = mbedtls_ssl_close_notify(&tls->session);
        if (failed)
            fail(tls, failed);
    }
    if (!tls->is_fin_sent && tls->state == TLS_OPEN && buf_size(&tls->sealed) == 0) {
        tls->is_fin_sent = true;
        stream_finish(tls->inner);
    }
}

/* What a read that brought no bytes means. */
static void end_reading(struct tls_stream *tls, int result)
{
    if (result == 0 || result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
        result == MBEDTLS_ERR_SSL_CONN_EOF) /* many never say close_notify */
        tls->read_err = ERR_EOF;
    else if (result != MBEDTLS_ERR_SSL_WANT_READ)
        fail(tls, result);
}

static void on_retry(void *owner)
{
    stream_signal(&((struct tls_stream *)owner)->stream);
}

static void read_text(struct tls_stream *tls)
{
    struct chunk *chunk = chunk_new(tls->unread.pool, CHUNK_LARGE_BYTES);
    size_t size = 0;
    int result = 1;
    if (!chunk) {
        if (buf_size(&tls->unread) == 0 && !timer_is_active(&tls->timer))
            timer_start(&tls->timer, NO_CHUNK_RETRY_MS);
        return;
    }
    while (chunk->capacity - size >= RECORD_BYTES &&
           (result > 0 || result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)) {
        result = mbedtls_ssl_read(&tls->session, chunk->data + size, chunk->capacity - size);
        size += result > 0 ? (size_t)result : 0;
    }
    if (size == 0)
        chunk_unref(chunk);
    else if (keep_bytes(&tls->unread, chunk, size, buf_size(&tls->unread) > 0) < 0)
        tls->read_err = -ENOMEM;
    if (result <= 0)
        end_reading(tls, result);
    else
        stream_signal(&tls->stream); /* there is more, and nothing else will say so */
}

/* What this layer has to do by itself, whoever owns it. */
static void move_on(struct tls_stream *tls)
{
    flush_sealed(tls);
    if (tls->state == TLS_HANDSHAKE) {
        int failed = mbedtls_ssl_handshake(&tls->session);
        if (failed == 0)
            tls->state = TLS_OPEN;
        else if (failed != MBEDTLS_ERR_SSL_WANT_READ)
            fail(tls, failed);
    }
    /* Not only text comes in records: an alert or a request for new keys does not wait for the
     * owner to look. */
    if (tls->state == TLS_OPEN && !tls->read_err && buf_size(&tls->unread) == 0)
        read_text(tls);
    if (tls->state == TLS_OPEN && tls->is_finished)
        finish_inner(tls);
}

static void on_inner_wake(void *owner)
{
    struct tls_stream *tls = owner;
    move_on(tls);
    stream_signal(&tls->stream);
}

static int tls_peek(struct stream *stream, struct span *ret, int max)
{
    struct tls_stream *tls = tls_of(stream);
    if (tls->state == TLS_OPEN && !tls->read_err && buf_room(&tls->unread) >= CHUNK_LARGE_BYTES)
        read_text(tls);
    int count = buf_peek(&tls->unread, ret, max);
    return count > 0 ? count : tls->read_err;
}

static void tls_consume(struct stream *stream, size_t size)
{
    buf_consume(&tls_of(stream)->unread, size);
}

/* Seal until the inner stream has no more room. */
static ssize_t write_span(struct tls_stream *tls, const struct span *span)
{
    size_t taken = 0;
    while (taken < span->size && buf_size(&tls->sealed) == 0) {
        int result = mbedtls_ssl_write(&tls->session, span->data + taken, span->size - taken);
        if (result <= 0)
            return fail(tls, result);
        taken += (size_t)result;
    }
    return (ssize_t)taken;
}

static ssize_t tls_write(struct stream *stream, const struct span *spans, int count)
{
    struct tls_stream *tls = tls_of(stream);
    ssize_t total = 0;
    if (tls->is_finished)
        return -EPIPE;
    if (tls->state == TLS_BROKEN)
        return tls->broken_err;
    if (tls->state == TLS_HANDSHAKE)
        return 0; /* woken when it is over */
    flush_sealed(tls);
    if (tls->inner_err)
        return tls->inner_err;
    for (int i = 0; i < count; i++) {
        ssize_t taken = write_span(tls, &spans[i]);
        if (taken < 0)
            return taken;
        total += taken;
        if ((size_t)taken < spans[i].size)
            break;
    }
    return total;
}

static int tls_finish(struct stream *stream)
{
    struct tls_stream *tls = tls_of(stream);
    if (tls->state == TLS_BROKEN)
        return tls->broken_err;
    tls->is_finished = true;
    move_on(tls);
    return 0;
}

static void tls_abort(struct stream *stream)
{
    struct tls_stream *tls = tls_of(stream);
    stream_done(stream);
    stream_abort(tls->inner);
    tls_free(tls);
}

static void on_impatient(void *owner)
{
    tls_abort(owner);
}

/* Closed by the owner, but not all of it is in the inner stream yet. */
static void on_flushing(void *owner)
{
    struct tls_stream *tls = owner;
    move_on(tls);
    if (!tls->is_fin_sent && tls->state == TLS_OPEN && !tls->inner_err)
        return;
    stream_close(tls->inner);
    tls_free(tls);
}

static void tls_close(struct stream *stream)
{
    struct tls_stream *tls = tls_of(stream);
    struct loop *loop = tls->timer.loop;
    stream_done(stream);
    timer_stop(&tls->timer);
    timer_init(&tls->timer, loop, on_impatient, tls);
    tls->is_finished = true;
    if (tls->state != TLS_OPEN || timer_start(&tls->timer, FLUSH_MS) < 0) {
        stream_close(tls->inner);
        tls_free(tls);
        return;
    }
    loop_add_guest(loop, &tls->guest, on_impatient, tls);
    stream_set_owner(tls->inner, on_flushing, tls);
    on_flushing(tls);
}

static const struct stream_ops tls_ops = {
    .peek = tls_peek,
    .consume = tls_consume,
    .write = tls_write,
    .finish = tls_finish,
    .close = tls_close,
    .abort = tls_abort,
};

static int set_up_session(struct tls_stream *tls, const struct tls_options *options)
{
    mbedtls_ssl_config *config = &tls->config;
    int failed = mbedtls_ssl_config_defaults(
        config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_rng(config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_authmode(config, options->is_insecure ? MBEDTLS_SSL_VERIFY_NONE
                                                           : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (tls->trust)
        mbedtls_ssl_conf_ca_chain(config, tls_trust_certificates(tls->trust), NULL);
    if (!failed && tls->alpn[0])
        failed = mbedtls_ssl_conf_alpn_protocols(config, tls->alpn_list);
    if (!failed)
        failed = mbedtls_ssl_setup(&tls->session, config);
    if (!failed)
        failed = mbedtls_ssl_set_hostname(&tls->session, options->name);
    mbedtls_ssl_set_bio(&tls->session, tls, on_seal, on_unseal, NULL);
    return failed ? ERR_TLS : 0;
}

static bool start_crypto(void)
{
    static bool is_started;
    is_started = is_started || psa_crypto_init() == PSA_SUCCESS;
    return is_started;
}

static int check_options(const struct tls_options *options)
{
    if ((!options->name && !options->is_insecure) ||
        (options->alpn && strlen(options->alpn) >= ALPN_MAX))
        return -EINVAL;
    return start_crypto() ? 0 : ERR_TLS;
}

static struct tls_stream *tls_alloc(struct loop *loop, struct stream *inner, const char *alpn)
{
    struct tls_stream *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return NULL;
    tls->inner = inner;
    snprintf(tls->alpn, sizeof(tls->alpn), "%s", alpn ? alpn : "");
    tls->alpn_list[0] = tls->alpn;
    mbedtls_ssl_init(&tls->session);
    mbedtls_ssl_config_init(&tls->config);
    buf_init(&tls->unread, loop_chunks(loop), UNREAD_BYTES);
    buf_init(&tls->sealed, loop_chunks(loop), SEALED_BYTES);
    timer_init(&tls->timer, loop, on_retry, tls);
    list_init(&tls->guest.node);
    return tls;
}

int tls_stream_new(struct loop *loop, struct stream *inner, const struct tls_options *options,
                   struct stream **ret)
{
    int err = check_options(options);
    struct tls_stream *tls = err < 0 ? NULL : tls_alloc(loop, inner, options->alpn);
    if (err == 0 && !tls)
        err = -ENOMEM;
    if (err == 0 && !options->is_insecure)
        err = tls_trust_get(options->ca_file ? options->ca_file : system_ca_file, &tls->trust);
    if (err == 0)
        err = set_up_session(tls, options);
    if (err < 0) {
        if (tls)
            tls_free(tls);
        stream_abort(inner);
        return err;
    }
    stream_init(&tls->stream, loop, &tls_ops);
    stream_set_owner(inner, on_inner_wake, tls); /* its first wake starts the handshake */
    *ret = &tls->stream;
    return 0;
}
