#include "tests/fake/tun_connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t pattern[PATTERN_BYTES];
static struct seen seen;

static int set_up(void **state, const char *from, const char *to)
{
    struct tun_connection *connection = calloc(1, sizeof(*connection));
    struct netstack_options options = rig_options();
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i * 31 + i / 251);
    rig_open(&connection->rig, &options, false);
    client_init(&connection->client, &connection->rig, from, to);
    connection->stream = client_connect(&connection->client);
    *state = connection;
    return 0;
}

int tun_connection_set_up(void **state)
{
    return set_up(state, "10.0.0.1:4000", "192.0.2.7:80");
}

int tun_connection_set_up_v6(void **state)
{
    return set_up(state, "[fd00::1]:4000", "[2001:db8::7]:80");
}

int tun_connection_tear_down(void **state)
{
    struct tun_connection *connection = *state;
    stream_abort(connection->stream);
    rig_close(&connection->rig);
    free(connection);
    return 0;
}

void tun_connection_expect(struct tun_connection *connection, const void *data, size_t size)
{
    static uint8_t got[PATTERN_BYTES];
    assert_int_equal(stream_gather(connection->stream, got, sizeof(got)), size);
    assert_memory_equal(got, data, size);
}

size_t tun_connection_receive(struct tun_connection *connection, uint8_t *to, size_t capacity,
                              bool *ret_fin)
{
    struct rig_client *client = &connection->client;
    size_t size = 0;
    *ret_fin = false;
    while (rig_next(&connection->rig, &seen)) {
        if (seen.size == 0 && !(seen.flags & FIN))
            continue;
        assert_int_equal(seen.seq, client->ack);
        assert_true(size + seen.size <= capacity);
        memcpy(to + size, seen.data, seen.size);
        size += seen.size;
        *ret_fin = (seen.flags & FIN) != 0;
        client->ack += (uint32_t)seen.size + (*ret_fin ? 1 : 0);
        client_send(client, ACK, NULL, 0);
    }
    return size;
}

void tun_connection_shrink_window(struct tun_connection *connection, uint16_t window)
{
    client_send(&connection->client, ACK, "x", 1);
    connection->client.window = window;
    client_send(&connection->client, ACK, "y", 1);
}
