#include "door_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS = 2000, WAIT_MS = 5 };

static void on_gone(void *owner)
{
    ((struct door_rig *)owner)->gone++;
}

static void on_inbound(void *owner, struct inbound *inbound)
{
    struct door_rig *rig = owner;
    assert_true(rig->inbound_count < RIG_INBOUNDS);
    inbound->on_gone = on_gone;
    inbound->owner = rig;
    rig->inbounds[rig->inbound_count++] = inbound;
    if (rig->refuse_at_once)
        inbound_refuse(inbound, rig->refuse_at_once);
}

static void on_datagram(void *owner, const struct endpoint *peer, const void *data, size_t size)
{
    struct door_rig *rig = owner;
    assert_true(size <= sizeof(rig->datagram));
    rig->peer = *peer;
    memcpy(rig->datagram, data, size);
    rig->datagram_size = size;
    rig->datagrams++;
    if (rig->closes_on_datagram) {
        dgram_close(rig->dgram);
        rig->dgram = NULL;
    }
}

static void on_dgram_end(void *owner, int err)
{
    struct door_rig *rig = owner;
    rig->dgram_end = err;
    dgram_close(rig->dgram);
    rig->dgram = NULL;
}

static void on_associate(void *owner, struct dgram *dgram)
{
    struct door_rig *rig = owner;
    if (rig->refuses_dgrams) {
        dgram_close(dgram);
        return;
    }
    dgram->on_datagram = on_datagram;
    dgram->on_end = on_dgram_end;
    dgram->owner = rig;
    rig->dgram = dgram;
}

static int listen_on(struct address where, struct address *ret)
{
    struct sockaddr_storage name;
    unsigned size = address_to_sockaddr(&where, &name);
    const int off = 0;
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (where.family == 6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(address_from_sockaddr((struct sockaddr *)&name, ret), 0);
    return fd;
}

static int set_up(void **state, const char *where, const struct door_options *options)
{
    struct address address;
    static const struct door_events events = {.on_inbound = on_inbound,
                                              .on_associate = on_associate};
    struct door_rig *rig = calloc(1, sizeof(*rig));
    rig->loop = loop_new();
    assert_int_equal(address_parse_ip(where, &address), 0);
    int listener = listen_on(address, &rig->address);
    assert_int_equal(door_open(rig->loop, &listener, 1, options, &events, rig, &rig->door), 0);
    *state = rig;
    return 0;
}

int door_rig_set_up(void **state)
{
    struct door_options options = {
        .clients_max = 4, .buffer_bytes = 256 * 1024, .handshake_timeout_ms = 5000};
    return set_up(state, "127.0.0.1", &options);
}

int door_rig_set_up_everywhere(void **state)
{
    struct door_options options = {
        .clients_max = 4, .buffer_bytes = 256 * 1024, .handshake_timeout_ms = 5000};
    int err = set_up(state, "::", &options);
    struct door_rig *rig = *state;
    uint16_t port = rig->address.port;
    address_parse_ip("127.0.0.1", &rig->address);
    rig->address.port = port;
    return err;
}

int door_rig_set_up_with_login(void **state)
{
    struct door_options options = {.user = "ada",
                                   .password = "secret",
                                   .clients_max = 4,
                                   .buffer_bytes = 256 * 1024,
                                   .handshake_timeout_ms = 5000};
    return set_up(state, "127.0.0.1", &options);
}

int door_rig_tear_down(void **state)
{
    struct door_rig *rig = *state;
    dgram_close(rig->dgram);
    door_close(rig->door);
    door_rig_settle(rig);
    loop_free(rig->loop);
    free(rig);
    return 0;
}

int door_rig_connect(struct door_rig *rig)
{
    struct sockaddr_storage where;
    unsigned size = address_to_sockaddr(&rig->address, &where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&where, size), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

void door_rig_send(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

void door_rig_send_text(int fd, const char *text)
{
    door_rig_send(fd, text, strlen(text));
}

void door_rig_settle(struct door_rig *rig)
{
    for (int i = 0; i < 30; i++)
        loop_run_once(rig->loop, 0);
}

/* One recv, waited for. */
static ssize_t receive(struct door_rig *rig, int fd, void *to, size_t size)
{
    for (int i = 0; i < TURNS; i++) {
        ssize_t got = recv(fd, to, size, 0);
        if (got >= 0 || errno != EAGAIN)
            return got;
        loop_run_once(rig->loop, WAIT_MS);
    }
    fail_msg("nothing was received");
    return -1;
}

void door_rig_expect(struct door_rig *rig, int fd, const void *data, size_t size)
{
    char got[8192];
    size_t have = 0;
    assert_true(size <= sizeof(got));
    while (have < size) {
        ssize_t part = receive(rig, fd, got + have, size - have);
        assert_true(part > 0);
        have += (size_t)part;
    }
    assert_memory_equal(got, data, size);
}

void door_rig_expect_text(struct door_rig *rig, int fd, const char *text)
{
    door_rig_expect(rig, fd, text, strlen(text));
}

static char text[64 * 1024];

const char *door_rig_read_to_end(struct door_rig *rig, int fd)
{
    size_t have = 0;
    for (;;) {
        ssize_t part = receive(rig, fd, text + have, sizeof(text) - 1 - have);
        assert_true(part >= 0);
        have += (size_t)part;
        if (part == 0)
            break;
    }
    text[have] = '\0';
    return text;
}

const char *door_rig_read_response(struct door_rig *rig, int fd)
{
    size_t have = 0, wanted = SIZE_MAX;
    while (have < wanted) {
        assert_int_equal(receive(rig, fd, text + have, 1), 1);
        text[++have] = '\0';
        if (wanted == SIZE_MAX && have >= 4 && strcmp(text + have - 4, "\r\n\r\n") == 0) {
            const char *length = strstr(text, "Content-Length: ");
            assert_non_null(length);
            wanted = have + strtoul(length + 16, NULL, 10);
        }
    }
    return text;
}

void door_rig_expect_reset(struct door_rig *rig, int fd)
{
    char byte;
    assert_int_equal(receive(rig, fd, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

void door_rig_expect_silence(struct door_rig *rig, int fd)
{
    char byte;
    door_rig_settle(rig);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

struct inbound *door_rig_inbound(struct door_rig *rig, int index)
{
    for (int i = 0; i < TURNS && rig->inbound_count <= index; i++)
        loop_run_once(rig->loop, WAIT_MS);
    assert_true(rig->inbound_count > index);
    return rig->inbounds[index];
}

struct stream *door_rig_admit(struct door_rig *rig, int index)
{
    struct stream *stream;
    assert_int_equal(inbound_admit(door_rig_inbound(rig, index), &stream), 0);
    return stream;
}

void door_rig_expect_up(struct door_rig *rig, struct stream *stream, const char *wanted)
{
    char got[8192];
    size_t size = strlen(wanted);
    ssize_t have = 0;
    for (int i = 0; i < TURNS && have >= 0 && (size_t)have < size; i++) {
        loop_run_once(rig->loop, i ? WAIT_MS : 0);
        have = stream_gather(stream, got, sizeof(got) - 1);
    }
    assert_true(have >= 0);
    got[have] = '\0';
    assert_string_equal(got, wanted);
    stream_consume(stream, size);
}

int door_rig_wait_end(struct door_rig *rig, struct stream *stream)
{
    struct span span;
    int said = stream_peek(stream, &span, 1);
    for (int i = 0; i < TURNS && said == 0; i++) {
        loop_run_once(rig->loop, WAIT_MS);
        said = stream_peek(stream, &span, 1);
    }
    return said;
}

void door_rig_write_down(struct stream *stream, const char *data)
{
    assert_int_equal(stream_write_bytes(stream, data, strlen(data)), strlen(data));
}
