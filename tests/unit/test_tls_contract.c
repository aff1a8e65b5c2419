/* TLS under the rules of base/stream.h, in both versions. */
#include "base/err.h"
#include "proxy/dialer.h"
#include "proxy/socket_stream.h"
#include "tcp_pair.h"
#include "tests/unit/stream_contract.h"
#include "tls_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static ssize_t remote_send(void *owner, const void *data, size_t size)
{
    return tls_peer_send(owner, data, size);
}

static ssize_t remote_receive(void *owner, void *to, size_t capacity)
{
    return tls_peer_receive(owner, to, capacity);
}

static void remote_finish(void *owner)
{
    tls_peer_finish(owner);
}

static void remote_reset(void *owner)
{
    tls_peer_reset(owner);
}

static void remote_free(void *owner)
{
    tls_peer_free(owner);
}

/* With the handshake done: until then nothing is written, which the suite takes for a full stream.
 */
static int open_contract_pair(void *owner, struct loop *loop, struct contract_pair *ret)
{
    const struct tls_options options = {.name = "a.example", .ca_file = tls_peer_ca_file()};
    const struct tls_peer_options peer_options = {.name = "a.example", .is_tls12 = owner != NULL};
    struct stream *inner;
    char got;
    int fd, peer_fd;
    tcp_pair(&fd, &peer_fd);
    assert_int_equal(socket_stream_new(loop, fd, 65536, &inner), 0);
    assert_int_equal(tls_stream_new(loop, inner, &options, &ret->stream), 0);
    struct tls_peer *peer = tls_peer_new(peer_fd, &peer_options);
    for (int i = 0; i < 1000 && !tls_peer_send(peer, "!", 1); i++)
        loop_run_once(loop, 1);
    for (int i = 0; i < 1000 && stream_gather(ret->stream, &got, 1) == 0; i++)
        loop_run_once(loop, 1);
    stream_consume(ret->stream, 1);
    ret->remote = (struct contract_remote){
        .send = remote_send,
        .receive = remote_receive,
        .finish = remote_finish,
        .reset = remote_reset,
        .free = remote_free,
        .owner = peer,
    };
    return 0;
}

int main(void)
{
    static bool is_tls12 = true;
    static const struct stream_contract tls13 = {.name = "tls 1.3", .open = open_contract_pair};
    static const struct stream_contract tls12 = {
        .name = "tls 1.2", .open = open_contract_pair, .owner = &is_tls12};
    return stream_contract_run(&tls13) + stream_contract_run(&tls12);
}
