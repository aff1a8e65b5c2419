/* Where a conversation goes: an IP address or a host name, plus a port. Both are value types,
 * copied freely. An `address` is an IP and a port (20 bytes, for tables and packets); an `endpoint`
 * may hold a name instead, never both. */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

enum { NAME_MAX_BYTES = 253 };                   /* RFC 1035 sec. 2.3.4, as text without the root */
enum { ADDRESS_TEXT_MAX = 56 };                  /* "[v6]:port" and a terminator */
enum { ENDPOINT_TEXT_MAX = NAME_MAX_BYTES + 8 }; /* "name:port" and a terminator */

struct address {
    uint8_t family; /* 0 none, 4 or 6 */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; an IPv4 address uses the first four bytes, the rest are 0 */
};

struct endpoint {
    struct address address;        /* family 0 when this is a name; the port is always here */
    char name[NAME_MAX_BYTES + 1]; /* lower case, no trailing dot; "" when this is an address */
};

/* "192.0.2.1:80", "[2001:db8::1]:80". Return 0 or -EINVAL; *ret untouched on failure. */
int address_parse(const char *text, struct address *ret);
/* An address without a port; port becomes 0. */
int address_parse_ip(const char *text, struct address *ret);
/* The reverse; both return `to`, which must hold ADDRESS_TEXT_MAX bytes. */
const char *address_format(const struct address *address, char *to);
const char *address_format_ip(const struct address *address, char *to);

int address_from_sockaddr(const struct sockaddr *from, struct address *ret);
/* Returns the length to pass to connect(2) or bind(2). */
unsigned address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret);

bool address_is_equal(const struct address *a, const struct address *b);
/* An IPv4-mapped IPv6 address (RFC 4291 sec. 2.5.5.2) becomes IPv4; others stay. */
struct address address_unmapped(const struct address *address);
bool address_is_loopback(const struct address *address);
/* RFC 1918, 3927, 4193, 4291 link-local, 6598, loopback, and the unspecified address. */
bool address_is_private(const struct address *address);
bool address_is_multicast(const struct address *address);
uint64_t address_hash(const struct address *address, uint64_t seed);

/* "host:port" with a name or an address (IPv6 in brackets). `default_port` is used where the text
 * has none; 0 makes a missing port an error. Names are folded to lower case and checked: letters,
 * digits, hyphen, underscore, dot; labels of 1-63 bytes, the last not of digits alone (127.1 is
 * no name: whoever resolves it next may take it for an address). Returns 0 or -EINVAL. */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret);
/* A host without a port: name or address, IPv6 with or without brackets. */
int endpoint_from_host(const char *host, size_t size, uint16_t port, struct endpoint *ret);
struct endpoint endpoint_from_address(const struct address *address);
bool endpoint_is_name(const struct endpoint *endpoint);
bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b);
/* Returns `to`, which must hold ENDPOINT_TEXT_MAX bytes. */
const char *endpoint_format(const struct endpoint *endpoint, char *to);

#endif
