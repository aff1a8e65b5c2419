#include "proxy/socks5.h"

#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* RFC 1928 sec. 5, ATYP */
enum { ATYP_IPV4 = 1, ATYP_NAME = 3, ATYP_IPV6 = 4 };
/* RFC 1929 sec. 2, VER of the sub-negotiation */
enum { LOGIN_VERSION = 1, LOGIN_ACCEPTED = 0, LOGIN_REFUSED = 1 };

static size_t put_bytes(uint8_t *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return size;
}

static size_t put_port(uint8_t *to, uint16_t port)
{
    to[0] = (uint8_t)(port >> 8);
    to[1] = (uint8_t)port;
    return 2;
}

static uint16_t get_port(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

/* One length byte, then the text. */
static size_t put_text(uint8_t *to, const char *text, size_t size)
{
    to[0] = (uint8_t)size;
    return 1 + put_bytes(to + 1, text, size);
}

static size_t put_address(uint8_t *to, const struct address *address)
{
    bool is_ipv6 = address->family == 6;
    size_t size = 1;
    to[0] = is_ipv6 ? ATYP_IPV6 : ATYP_IPV4;
    size += put_bytes(to + size, address->ip, is_ipv6 ? 16 : 4);
    return size + put_port(to + size, address->port);
}

static size_t put_endpoint(uint8_t *to, const struct endpoint *endpoint)
{
    if (!endpoint_is_name(endpoint))
        return put_address(to, &endpoint->address);
    size_t size = 1;
    to[0] = ATYP_NAME;
    size += put_text(to + size, endpoint->name, strlen(endpoint->name));
    return size + put_port(to + size, endpoint->address.port);
}

/* ATYP, address and port; without a look at what a name is made of. Returns as parse_ does. */
static ssize_t measure_endpoint(const uint8_t *data, size_t size)
{
    size_t needed;
    if (size < 2)
        return 0;
    switch (data[0]) {
    case ATYP_IPV4: needed = 1 + 4 + 2; break;
    case ATYP_IPV6: needed = 1 + 16 + 2; break;
    case ATYP_NAME: needed = 1 + 1 + (size_t)data[1] + 2; break;
    default: return ERR_UNSUPPORTED;
    }
    return size < needed ? 0 : (ssize_t)needed;
}

static void get_address(const uint8_t *data, struct address *ret)
{
    bool is_ipv6 = data[0] == ATYP_IPV6;
    size_t size = is_ipv6 ? 16 : 4;
    *ret = (struct address){.family = is_ipv6 ? 6 : 4, .port = get_port(data + 1 + size)};
    memcpy(ret->ip, data + 1, size);
}

static ssize_t get_endpoint(const uint8_t *data, size_t size, struct endpoint *ret)
{
    ssize_t used = measure_endpoint(data, size);
    if (used <= 0)
        return used;
    if (data[0] != ATYP_NAME) {
        get_address(data, &ret->address);
        ret->name[0] = '\0';
        return used;
    }
    const char *name = (const char *)data + 2;
    uint16_t port = get_port(data + used - 2);
    return endpoint_from_host(name, data[1], port, ret) < 0 ? ERR_PROTOCOL : used;
}

size_t socks5_build_greeting(uint8_t *to, bool offers_no_login, bool offers_login)
{
    size_t size = 2;
    assert(offers_no_login || offers_login);
    if (offers_no_login)
        to[size++] = SOCKS5_NO_LOGIN;
    if (offers_login)
        to[size++] = SOCKS5_LOGIN;
    to[0] = SOCKS5_VERSION;
    to[1] = (uint8_t)(size - 2);
    return size;
}

ssize_t socks5_parse_greeting(const uint8_t *data, size_t size, bool *ret_no_login, bool *ret_login)
{
    if (size >= 1 && data[0] != SOCKS5_VERSION)
        return ERR_PROTOCOL;
    if (size < 2)
        return 0;
    if (data[1] == 0)
        return ERR_PROTOCOL;
    size_t needed = 2 + (size_t)data[1];
    if (size < needed)
        return 0;
    *ret_no_login = memchr(data + 2, SOCKS5_NO_LOGIN, data[1]) != NULL;
    *ret_login = memchr(data + 2, SOCKS5_LOGIN, data[1]) != NULL;
    return (ssize_t)needed;
}

size_t socks5_build_choice(uint8_t *to, enum socks5_method method)
{
    to[0] = SOCKS5_VERSION;
    to[1] = (uint8_t)method;
    return 2;
}

ssize_t socks5_parse_choice(const uint8_t *data, size_t size, uint8_t *ret_method)
{
    if (size >= 1 && data[0] != SOCKS5_VERSION)
        return ERR_PROTOCOL;
    if (size < 2)
        return 0;
    *ret_method = data[1];
    return 2;
}

ssize_t socks5_build_login(uint8_t *to, const char *user, const char *password)
{
    size_t user_size = strlen(user), password_size = strlen(password);
    if (user_size > SOCKS5_TEXT_MAX || password_size > SOCKS5_TEXT_MAX)
        return -EINVAL;
    size_t size = 1;
    to[0] = LOGIN_VERSION;
    size += put_text(to + size, user, user_size);
    return (ssize_t)(size + put_text(to + size, password, password_size));
}

ssize_t socks5_parse_login(const uint8_t *data, size_t size, struct socks5_login *ret)
{
    if (size >= 1 && data[0] != LOGIN_VERSION)
        return ERR_PROTOCOL;
    if (size < 2)
        return 0;
    size_t user_size = data[1], password_at = 2 + user_size + 1;
    if (size < password_at)
        return 0;
    size_t password_size = data[password_at - 1];
    if (size < password_at + password_size)
        return 0;
    /* A NUL would end our copy early and make two logins look alike. */
    if (memchr(data + 2, 0, user_size) || memchr(data + password_at, 0, password_size))
        return ERR_PROTOCOL;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->user, data + 2, user_size);
    memcpy(ret->password, data + password_at, password_size);
    return (ssize_t)(password_at + password_size);
}

size_t socks5_build_login_reply(uint8_t *to, bool is_accepted)
{
    to[0] = LOGIN_VERSION;
    to[1] = is_accepted ? LOGIN_ACCEPTED : LOGIN_REFUSED;
    return 2;
}

ssize_t socks5_parse_login_reply(const uint8_t *data, size_t size, bool *ret_accepted)
{
    /* Some servers answer with the version of the protocol instead. */
    if (size >= 1 && data[0] != LOGIN_VERSION && data[0] != SOCKS5_VERSION)
        return ERR_PROTOCOL;
    if (size < 2)
        return 0;
    *ret_accepted = data[1] == LOGIN_ACCEPTED;
    return 2;
}

size_t socks5_build_request(uint8_t *to, enum socks5_command command, const struct endpoint *target)
{
    to[0] = SOCKS5_VERSION;
    to[1] = (uint8_t)command;
    to[2] = 0; /* RSV */
    return 3 + put_endpoint(to + 3, target);
}

ssize_t socks5_parse_request(const uint8_t *data, size_t size, struct socks5_request *ret)
{
    if (size >= 1 && data[0] != SOCKS5_VERSION)
        return ERR_PROTOCOL;
    if (size < 3)
        return 0;
    ssize_t used = get_endpoint(data + 3, size - 3, &ret->target);
    if (used <= 0)
        return used;
    ret->command = data[1];
    return 3 + used;
}

size_t socks5_build_reply(uint8_t *to, uint8_t code, const struct address *bound)
{
    const struct address nowhere = {.family = 4};
    to[0] = SOCKS5_VERSION;
    to[1] = code;
    to[2] = 0; /* RSV */
    return 3 + put_address(to + 3, bound ? bound : &nowhere);
}

ssize_t socks5_parse_reply(const uint8_t *data, size_t size, uint8_t *ret_code,
                           struct address *ret_bound)
{
    struct address bound = {.family = 0};
    if (size >= 1 && data[0] != SOCKS5_VERSION)
        return ERR_PROTOCOL;
    if (size < 2)
        return 0;
    if (data[1] != SOCKS5_SUCCEEDED) {
        *ret_code = data[1];
        *ret_bound = bound;
        return 2;
    }
    if (size < 3)
        return 0;
    ssize_t used = measure_endpoint(data + 3, size - 3);
    if (used <= 0)
        return used == 0 ? 0 : ERR_PROTOCOL;
    if (data[3] != ATYP_NAME)
        get_address(data + 3, &bound);
    *ret_code = data[1];
    *ret_bound = bound;
    return 3 + used;
}

size_t socks5_build_udp_header(uint8_t *to, const struct endpoint *peer)
{
    memset(to, 0, 3); /* RSV, FRAG */
    return 3 + put_endpoint(to + 3, peer);
}

ssize_t socks5_parse_udp_header(const uint8_t *data, size_t size, uint8_t *ret_fragment,
                                struct endpoint *ret_peer)
{
    if (size < 3)
        return 0;
    ssize_t used = get_endpoint(data + 3, size - 3, ret_peer);
    if (used <= 0)
        return used;
    *ret_fragment = data[2];
    return 3 + used;
}

int socks5_code_to_err(uint8_t code)
{
    switch (code) {
    case SOCKS5_SUCCEEDED: return 0;
    case SOCKS5_NETWORK_UNREACHABLE:
    case SOCKS5_HOST_UNREACHABLE:
    case SOCKS5_TTL_EXPIRED: /* servers say so for a target that timed out */
    case SOCKS5_NO_ADDRESS_TYPE: return ERR_TARGET_UNREACHABLE;
    case SOCKS5_REFUSED: return ERR_TARGET_REFUSED;
    case SOCKS5_NO_COMMAND: return ERR_UNSUPPORTED;
    case SOCKS5_FAILED:
    case SOCKS5_NOT_ALLOWED:
    default: return ERR_REFUSED_BY_PROXY;
    }
}

uint8_t socks5_code_of_err(int err)
{
    switch (err) {
    case 0: return SOCKS5_SUCCEEDED;
    case ERR_BLOCKED:
    case -EACCES:
    case -EPERM: return SOCKS5_NOT_ALLOWED;
    case -ENETUNREACH: return SOCKS5_NETWORK_UNREACHABLE;
    case ERR_TARGET_UNREACHABLE:
    case ERR_NAME:
    case -EHOSTUNREACH: return SOCKS5_HOST_UNREACHABLE;
    case ERR_TARGET_REFUSED:
    case -ECONNREFUSED: return SOCKS5_REFUSED;
    case -ETIMEDOUT: return SOCKS5_TTL_EXPIRED;
    case ERR_UNSUPPORTED: return SOCKS5_NO_COMMAND;
    default: return SOCKS5_FAILED;
    }
}
