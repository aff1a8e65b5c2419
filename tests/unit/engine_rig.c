#include "engine_rig.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS_MAX = 3000, TURN_WAIT_MS = 10, SETTLE_TURNS = 20 };

/* --- the host --- */

static void admit(void *owner, const struct address *address, int protocol)
{
    struct engine_rig *rig = owner;
    engine_admitted(rig->engine, address, protocol, rig->admit_err);
}

static void withdraw(void *owner, const struct address *address, int protocol)
{
    (void)owner;
    (void)address;
    (void)protocol;
}

static void report(void *owner, enum health_state state, const char *reason, const char *upstream)
{
    (void)state;
    (void)reason;
    (void)upstream;
    ((struct engine_rig *)owner)->reports++;
}

static struct tally *find_tally(void *owner, const char *upstream)
{
    (void)upstream;
    return &((struct engine_rig *)owner)->tally;
}

static void on_blocked(void *owner)
{
    ((struct engine_rig *)owner)->told_blocked++;
}

/* --- the engine --- */

struct config *engine_rig_config(struct engine_rig *rig, const char *upstreams, const char *filter)
{
    char text[2048], dns[ADDRESS_TEXT_MAX];
    struct config_error error = {""};
    struct config *config = NULL;
    int size = snprintf(text, sizeof(text),
                        "upstreams:\n%s"
                        "dns:\n"
                        "  servers: [\"tcp://%s\"]\n"
                        "  allow_cleartext: true\n"
                        "  refuse_private_answers: false\n"
                        "filter:\n"
                        "  builtin: false\n%s",
                        upstreams, address_format(&rig->dns.address, dns), filter);
    int err = config_parse("test", text, (size_t)size, &config, &error);

    assert_string_equal(error.text, "");
    assert_int_equal(err, 0);
    return config;
}

int engine_rig_configure(struct engine_rig *rig, struct config *config)
{
    int err = engine_configure(rig->engine, config, &rig->error);

    if (err < 0) {
        config_unref(config);
        return err;
    }
    config_unref(rig->config);
    rig->config = config;
    return 0;
}

int engine_rig_listen(struct engine_rig *rig)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&where, &size);
    address_from_sockaddr((struct sockaddr *)&where, &rig->door);
    return engine_listen(rig->engine, &fd, 1);
}

int engine_rig_open(void **state)
{
    struct engine_rig *rig = calloc(1, sizeof(*rig));
    const struct engine_host host = {admit, withdraw, report, find_tally, on_blocked, rig};

    rig->fd = -1;
    rig->loop = loop_new();
    rig->engine = engine_new(rig->loop, &host);
    assert_non_null(rig->engine);
    loopback_server_open(&rig->echo, rig->loop, loopback_echo, NULL);
    loopback_server_open(&rig->dns, rig->loop, dns_peer_answer, &rig->dns_peer);
    loopback_server_open(&rig->proxy, rig->loop, loopback_socks5, &rig->proxy_code);
    assert_int_equal(engine_rig_configure(rig, engine_rig_config(rig, "  - kind: direct\n",
                                                                 "  deny: [ads.example]\n")),
                     0);
    assert_int_equal(engine_rig_listen(rig), 0);
    *state = rig;
    return 0;
}

int engine_rig_close(void **state)
{
    struct engine_rig *rig = *state;

    engine_free(rig->engine);
    engine_rig_hang_up(rig);
    config_unref(rig->config);
    loopback_server_close(&rig->echo);
    loopback_server_close(&rig->dns);
    loopback_server_close(&rig->proxy);
    loop_free(rig->loop);
    free(rig);
    return 0;
}

void engine_rig_settle(struct engine_rig *rig)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        loop_run_once(rig->loop, 0);
}

/* --- the client --- */

void engine_rig_hang_up(struct engine_rig *rig)
{
    if (rig->fd >= 0)
        close(rig->fd);
    rig->fd = -1;
}

static void hear(struct engine_rig *rig, size_t size)
{
    size_t have = 0;

    assert_true(size <= sizeof(rig->heard));
    for (int i = 0; i < TURNS_MAX && have < size; i++) {
        ssize_t got = recv(rig->fd, rig->heard + have, size - have, MSG_DONTWAIT);
        if (got > 0)
            have += (size_t)got;
        else
            loop_run_once(rig->loop, TURN_WAIT_MS);
    }
    assert_int_equal(have, size);
}

int engine_rig_connect(struct engine_rig *rig, const char *host, uint16_t port)
{
    struct sockaddr_storage door;
    unsigned door_size = address_to_sockaddr(&rig->door, &door);
    uint8_t request[300] = {5, 1, 0, 3};
    size_t size = strlen(host);

    engine_rig_hang_up(rig);
    rig->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(rig->fd, (struct sockaddr *)&door, door_size), 0);
    assert_int_equal(send(rig->fd, "\5\1\0", 3, 0), 3);
    hear(rig, 2);
    assert_int_equal(rig->heard[1], 0);
    request[4] = (uint8_t)size;
    memcpy(request + 5, host, size);
    request[5 + size] = (uint8_t)(port >> 8);
    request[6 + size] = (uint8_t)port;
    assert_int_equal(send(rig->fd, request, 7 + size, 0), 7 + size);
    hear(rig, 10);
    return rig->heard[1];
}

void engine_rig_echo(struct engine_rig *rig, const char *text)
{
    size_t size = strlen(text);

    assert_int_equal(send(rig->fd, text, size, MSG_NOSIGNAL), size);
    hear(rig, size);
    assert_memory_equal(rig->heard, text, size);
}
