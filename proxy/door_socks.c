#define LOG_MODULE "door"
#include "proxy/door_socks.h"

#include "base/err.h"
#include "base/log.h"
#include "proxy/door_dgram.h"
#include "proxy/socks5.h"

#include <string.h>

static int read_request(struct door_client *client);
static int read_login(struct door_client *client);

static int complain(struct door_client *client, const char *what)
{
    client->door->stats.bad_requests++;
    log_debug("bad socks5 client what=\"%s\"", what);
    return ERR_PROTOCOL;
}

/* ---- who is it? ---- */

static enum socks5_method choose_method(const struct door *door, bool can_no_login, bool can_login)
{
    if (door->options.user)
        return can_login ? SOCKS5_LOGIN : SOCKS5_NO_METHOD;
    if (can_no_login)
        return SOCKS5_NO_LOGIN;
    /* Some clients always want to send a login; where none is asked any will do. */
    return can_login ? SOCKS5_LOGIN : SOCKS5_NO_METHOD;
}

int door_socks_step(struct door_client *client)
{
    uint8_t data[SOCKS5_MESSAGE_MAX];
    bool can_no_login, can_login;
    ssize_t size = stream_gather(client->inner, data, sizeof(data));
    if (size <= 0)
        return (int)size;
    ssize_t used = socks5_parse_greeting(data, (size_t)size, &can_no_login, &can_login);
    if (used <= 0)
        return used < 0 ? complain(client, "greeting") : 0;
    stream_consume(client->inner, (size_t)used);
    enum socks5_method method = choose_method(client->door, can_no_login, can_login);
    int err = door_client_say(client, data, socks5_build_choice(data, method));
    if (err < 0)
        return err;
    if (method == SOCKS5_NO_METHOD) {
        client->door->stats.bad_logins++;
        door_client_linger(client);
        return 0;
    }
    client->step = method == SOCKS5_LOGIN ? read_login : read_request;
    return 1;
}

/* Both texts lie in zeroed arrays of one size: compared whole, in the same time whatever they hold.
 */
static bool is_right(const struct door_options *options, const struct socks5_login *login)
{
    struct socks5_login right = {.user = ""};
    const volatile uint8_t *a = (const void *)&right, *b = (const void *)login;
    uint8_t difference = 0;
    strncpy(right.user, options->user, sizeof(right.user) - 1);
    strncpy(right.password, options->password ? options->password : "", sizeof(right.password) - 1);
    for (size_t i = 0; i < sizeof(right); i++)
        difference |= a[i] ^ b[i];
    explicit_bzero(&right, sizeof(right));
    return difference == 0;
}

static int read_login(struct door_client *client)
{
    struct door *door = client->door;
    uint8_t data[SOCKS5_MESSAGE_MAX];
    struct socks5_login login;
    ssize_t size = stream_gather(client->inner, data, sizeof(data));
    if (size <= 0)
        return (int)size;
    ssize_t used = socks5_parse_login(data, (size_t)size, &login);
    if (used <= 0)
        return used < 0 ? complain(client, "login") : 0;
    stream_consume(client->inner, (size_t)used);
    bool is_accepted = !door->options.user || is_right(&door->options, &login);
    explicit_bzero(&login, sizeof(login));
    int err = door_client_say(client, data, socks5_build_login_reply(data, is_accepted));
    if (err < 0)
        return err;
    if (!is_accepted) {
        door->stats.bad_logins++;
        door_client_linger(client);
        return 0;
    }
    client->step = read_request;
    return 1;
}

/* ---- what does it want? ---- */

static void reply_no(struct door_client *client, enum socks5_code code)
{
    uint8_t data[SOCKS5_MESSAGE_MAX];
    size_t size = socks5_build_reply(data, (uint8_t)code, NULL);
    if (door_client_say(client, data, size) < 0)
        door_client_free(client, true);
    else
        door_client_linger(client);
}

static int say_yes(struct door_client *client)
{
    uint8_t data[SOCKS5_MESSAGE_MAX];
    return door_client_say(client, data, socks5_build_reply(data, SOCKS5_SUCCEEDED, NULL));
}

static void say_no(struct door_client *client, int err)
{
    reply_no(client, socks5_code_of_err(err));
}

static const struct door_protocol protocol = {"socks5", say_yes, say_no};

static void connect_to(struct door_client *client, const struct endpoint *target)
{
    if (target->address.port == 0)
        reply_no(client, SOCKS5_REFUSED);
    else if (door_is_own_address(client->door, client, target))
        reply_no(client, SOCKS5_NOT_ALLOWED);
    else
        door_client_knock(client, &protocol, target);
}

static int watch_association(struct door_client *client)
{
    int err = door_client_read_away(client);
    if (err < 0)
        door_dgram_end(client->association, err);
    return 0;
}

/* The owner is asked first: if it closes the association at once, the client hears "no". */
static void associate(struct door_client *client, const struct endpoint *announced)
{
    uint8_t data[SOCKS5_MESSAGE_MAX];
    struct door *door = client->door;
    struct address bound;
    if (!door->events.on_associate) {
        reply_no(client, SOCKS5_NO_COMMAND);
        return;
    }
    if (door_dgram_open(client, &announced->address, &bound) < 0) {
        reply_no(client, SOCKS5_FAILED);
        return;
    }
    client->is_given_away = true;
    door_client_set_timeout(client, 0);
    door_client_set_step(client, watch_association);
    door->events.on_associate(door->owner, client->association);
    if (!client->association) {
        reply_no(client, SOCKS5_NO_COMMAND);
        return;
    }
    client->is_associated = true;
    int err = door_client_say(client, data, socks5_build_reply(data, SOCKS5_SUCCEEDED, &bound));
    if (err < 0)
        door_dgram_end(client->association, err);
}

static void refuse_request(struct door_client *client, int err)
{
    complain(client, "request");
    reply_no(client, err == ERR_UNSUPPORTED ? SOCKS5_NO_ADDRESS_TYPE : SOCKS5_FAILED);
}

static int read_request(struct door_client *client)
{
    uint8_t data[SOCKS5_MESSAGE_MAX];
    struct socks5_request request;
    ssize_t size = stream_gather(client->inner, data, sizeof(data));
    if (size <= 0)
        return (int)size;
    ssize_t used = socks5_parse_request(data, (size_t)size, &request);
    if (used == 0)
        return 0;
    if (used < 0) {
        refuse_request(client, (int)used);
        return 0;
    }
    stream_consume(client->inner, (size_t)used);
    switch (request.command) {
    case SOCKS5_CONNECT: connect_to(client, &request.target); break;
    case SOCKS5_UDP_ASSOCIATE: associate(client, &request.target); break;
    default: reply_no(client, SOCKS5_NO_COMMAND);
    }
    return 0;
}
