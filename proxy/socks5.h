/* SOCKS5 in bytes, for both sides: the client's that dials through an upstream and the server's of
 * the local door. RFC 1928 (protocol), RFC 1929 (user name and password). Pure functions; who sends
 * them when is the business of handshake.c and door.c.
 *
 * build_  writes one message to `to` and returns its size.
 * parse_  > 0 the size of the one message at the start of `data`; 0 more bytes are needed;
 *         ERR_PROTOCOL it is not such a message; the outputs are untouched unless > 0. */
#ifndef PROXY_SOCKS5_H
#define PROXY_SOCKS5_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SOCKS5_VERSION = 5,
    SOCKS5_TEXT_MAX = 255,            /* of a user name, password or name, in bytes */
    SOCKS5_MESSAGE_MAX = 3 + 2 * 255, /* the login is the longest message */
    SOCKS5_UDP_HEADER_MAX = 7 + 255,
};

enum socks5_method { SOCKS5_NO_LOGIN = 0x00, SOCKS5_LOGIN = 0x02, SOCKS5_NO_METHOD = 0xff };
enum socks5_command { SOCKS5_CONNECT = 1, SOCKS5_BIND = 2, SOCKS5_UDP_ASSOCIATE = 3 };

/* RFC 1928 sec. 6, REP */
enum socks5_code {
    SOCKS5_SUCCEEDED = 0,
    SOCKS5_FAILED = 1,
    SOCKS5_NOT_ALLOWED = 2,
    SOCKS5_NETWORK_UNREACHABLE = 3,
    SOCKS5_HOST_UNREACHABLE = 4,
    SOCKS5_REFUSED = 5,
    SOCKS5_TTL_EXPIRED = 6,
    SOCKS5_NO_COMMAND = 7,
    SOCKS5_NO_ADDRESS_TYPE = 8,
};

struct socks5_login {
    char user[SOCKS5_TEXT_MAX + 1], password[SOCKS5_TEXT_MAX + 1];
};

struct socks5_request {
    uint8_t command; /* enum socks5_command, or a value that nobody knows */
    struct endpoint target;
};

/* Greeting (sec. 3): which methods the client can do. At least one must be offered. */
size_t socks5_build_greeting(uint8_t *to, bool offers_no_login, bool offers_login);
ssize_t socks5_parse_greeting(const uint8_t *data, size_t size, bool *ret_no_login,
                              bool *ret_login);
size_t socks5_build_choice(uint8_t *to, enum socks5_method method);
ssize_t socks5_parse_choice(const uint8_t *data, size_t size, uint8_t *ret_method);

/* Login (RFC 1929 sec. 2). -EINVAL: a text is longer than 255 bytes. */
ssize_t socks5_build_login(uint8_t *to, const char *user, const char *password);
ssize_t socks5_parse_login(const uint8_t *data, size_t size, struct socks5_login *ret);
size_t socks5_build_login_reply(uint8_t *to, bool is_accepted);
ssize_t socks5_parse_login_reply(const uint8_t *data, size_t size, bool *ret_accepted);

/* Request (sec. 4). A name that spells an IP address becomes that address. An address type that the
 * RFC does not know is ERR_UNSUPPORTED. */
size_t socks5_build_request(uint8_t *to, enum socks5_command command,
                            const struct endpoint *target);
ssize_t socks5_parse_request(const uint8_t *data, size_t size, struct socks5_request *ret);

/* Reply (sec. 6). `bound` NULL: 0.0.0.0:0. When parsed, a bound name has family 0, and a refusal is
 * complete with its code: some servers send no more than that. */
size_t socks5_build_reply(uint8_t *to, uint8_t code, const struct address *bound);
ssize_t socks5_parse_reply(const uint8_t *data, size_t size, uint8_t *ret_code,
                           struct address *ret_bound);

/* The header before each datagram (sec. 7). A fragment is the caller's to drop. */
size_t socks5_build_udp_header(uint8_t *to, const struct endpoint *peer);
ssize_t socks5_parse_udp_header(const uint8_t *data, size_t size, uint8_t *ret_fragment,
                                struct endpoint *ret_peer);

/* A reply's code in our currency and back; 0 is success. */
int socks5_code_to_err(uint8_t code);
uint8_t socks5_code_of_err(int err);

#endif
