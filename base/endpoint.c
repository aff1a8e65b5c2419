#include "base/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX_BYTES = 63, IP_TEXT_MAX = INET6_ADDRSTRLEN };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Decimal, no sign, no leading zero, 1-65535 (a conversation to port 0 does not exist). */
static int parse_port(const char *text, size_t size, uint16_t *ret)
{
    uint32_t port = 0;
    if (size == 0 || size > 5 || text[0] == '0')
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        if (!is_digit(text[i]))
            return -EINVAL;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port > UINT16_MAX)
        return -EINVAL;
    *ret = (uint16_t)port;
    return 0;
}

static int parse_family(const char *text, size_t size, uint8_t family, struct address *ret)
{
    char copy[IP_TEXT_MAX];
    struct address address = {.family = family};
    if (size == 0 || size >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strlen(copy) != size || inet_pton(family == 4 ? AF_INET : AF_INET6, copy, address.ip) != 1)
        return -EINVAL;
    *ret = address;
    return 0;
}

static int parse_ip(const char *text, size_t size, struct address *ret)
{
    return parse_family(text, size, memchr(text, ':', size) ? 6 : 4, ret);
}

int address_parse_ip(const char *text, struct address *ret)
{
    return parse_ip(text, strlen(text), ret);
}

/* Cuts "host", "host:port", "[v6]" or "[v6]:port" apart without judging the host. A host of several
 * colons without brackets stays whole: it can only be IPv6 without a port. */
static int split_port(const char *text, size_t *ret_host_size, uint16_t *ret_port)
{
    size_t size = strlen(text);
    const char *host_end;
    if (text[0] == '[') {
        host_end = strchr(text, ']');
        if (!host_end)
            return -EINVAL;
        host_end++;
    } else {
        host_end = strchr(text, ':');
        if (!host_end || strchr(host_end + 1, ':'))
            host_end = text + size;
    }
    uint16_t port = 0;
    size_t host_size = (size_t)(host_end - text);
    if (host_size < size) {
        if (*host_end != ':' || parse_port(host_end + 1, size - host_size - 1, &port) < 0)
            return -EINVAL;
    }
    *ret_host_size = host_size;
    *ret_port = port;
    return 0;
}

static bool is_bracketed(const char *host, size_t size)
{
    return size >= 2 && host[0] == '[' && host[size - 1] == ']';
}

int address_parse(const char *text, struct address *ret)
{
    struct address address;
    size_t size;
    uint16_t port;
    int err = split_port(text, &size, &port);
    if (err < 0 || port == 0)
        return -EINVAL;
    if (is_bracketed(text, size))
        err = parse_family(text + 1, size - 2, 6, &address);
    else
        err = parse_family(text, size, 4, &address);
    if (err < 0)
        return err;
    address.port = port;
    *ret = address;
    return 0;
}

const char *address_format_ip(const struct address *address, char *to)
{
    if (address->family == 0)
        snprintf(to, ADDRESS_TEXT_MAX, "none");
    else
        inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->ip, to, ADDRESS_TEXT_MAX);
    return to;
}

const char *address_format(const struct address *address, char *to)
{
    char ip[ADDRESS_TEXT_MAX];
    address_format_ip(address, ip);
    snprintf(to, ADDRESS_TEXT_MAX, address->family == 6 ? "[%.46s]:%u" : "%.46s:%u", ip,
             address->port);
    return to;
}

int address_from_sockaddr(const struct sockaddr *from, struct address *ret)
{
    struct address address = {0};
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
        address.family = 4;
        address.port = ntohs(in->sin_port);
        memcpy(address.ip, &in->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
        address.family = 6;
        address.port = ntohs(in6->sin6_port);
        memcpy(address.ip, &in6->sin6_addr, 16);
    } else {
        return -EAFNOSUPPORT;
    }
    *ret = address;
    return 0;
}

unsigned address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (address->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        memcpy(&in6->sin6_addr, address->ip, 16);
        return sizeof(*in6);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)ret;
    in->sin_family = AF_INET;
    in->sin_port = htons(address->port);
    memcpy(&in->sin_addr, address->ip, 4);
    return sizeof(*in);
}

bool address_is_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

struct address address_unmapped(const struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->family != 6 || memcmp(address->ip, mapped, sizeof(mapped)) != 0)
        return *address;
    struct address inner = {.family = 4, .port = address->port};
    memcpy(inner.ip, address->ip + 12, 4);
    return inner;
}

/* Is the address in this network of its own family? */
static bool is_in(const struct address *address, uint8_t family, const char *prefix, int bits)
{
    uint8_t network[16] = {0};
    if (address->family != family)
        return false;
    memcpy(network, prefix, (size_t)(bits + 7) / 8);
    int bytes = bits / 8;
    if (memcmp(address->ip, network, (size_t)bytes) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    return (address->ip[bytes] ^ network[bytes]) >> (8 - bits % 8) == 0;
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t one[16] = {[15] = 1};
    struct address inner = address_unmapped(address);
    return is_in(&inner, 4, "\x7f", 8) ||
           (inner.family == 6 && memcmp(inner.ip, one, sizeof(one)) == 0);
}

static bool is_unspecified(const struct address *address)
{
    static const uint8_t zero[16];
    return address->family != 0 && memcmp(address->ip, zero, sizeof(zero)) == 0;
}

bool address_is_private(const struct address *address)
{
    struct address inner = address_unmapped(address);
    return is_in(&inner, 4, "\x0a", 8) || is_in(&inner, 4, "\xac\x10", 12) ||
           is_in(&inner, 4, "\xc0\xa8", 16) || is_in(&inner, 4, "\xa9\xfe", 16) ||
           is_in(&inner, 4, "\x64\x40", 10) || is_in(&inner, 6, "\xfc", 7) ||
           is_in(&inner, 6, "\xfe\x80", 10) || address_is_loopback(&inner) ||
           is_unspecified(&inner);
}

bool address_is_multicast(const struct address *address)
{
    struct address inner = address_unmapped(address);
    return is_in(&inner, 4, "\xe0", 4) || is_in(&inner, 6, "\xff", 8);
}

/* The finalizer of splitmix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

uint64_t address_hash(const struct address *address, uint64_t seed)
{
    uint64_t high, low;
    memcpy(&high, address->ip, sizeof(high));
    memcpy(&low, address->ip + 8, sizeof(low));
    uint64_t hash = mix(seed ^ ((uint64_t)address->family << 16 | address->port));
    return mix(mix(hash ^ high) ^ low ^ seed);
}

/* Folds a host name to lower case and checks it. `to` holds NAME_MAX_BYTES + 1. A last label of
 * digits alone is not a name (RFC 1123 sec. 2.1): it is an address gone wrong, such as 10.0.0.256
 * or 127.1, and whoever resolved it next might read it as one. */
static int fold_name(const char *name, size_t size, char *to)
{
    size_t label = 0;
    bool is_number = true;
    if (size > 0 && name[size - 1] == '.')
        size--;
    if (size == 0 || size > NAME_MAX_BYTES)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (c == '.') {
            if (label == 0)
                return -EINVAL;
            label = 0;
            is_number = true;
        } else {
            bool is_upper = c >= 'A' && c <= 'Z';
            if (is_upper)
                c = (char)(c - 'A' + 'a');
            if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-' && c != '_')
                return -EINVAL;
            if (++label > LABEL_MAX_BYTES)
                return -EINVAL;
            is_number = is_number && is_digit(c);
        }
        to[i] = c;
    }
    if (label == 0 || is_number)
        return -EINVAL;
    to[size] = '\0';
    return 0;
}

int endpoint_from_host(const char *host, size_t size, uint16_t port, struct endpoint *ret)
{
    struct endpoint endpoint = {0};
    int err;
    if (is_bracketed(host, size))
        err = parse_family(host + 1, size - 2, 6, &endpoint.address);
    else if (parse_ip(host, size, &endpoint.address) == 0)
        err = 0;
    else
        err = fold_name(host, size, endpoint.name);
    if (err < 0)
        return err;
    endpoint.address.port = port;
    *ret = endpoint;
    return 0;
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret)
{
    size_t size;
    uint16_t port;
    int err = split_port(text, &size, &port);
    if (err < 0)
        return err;
    if (port == 0)
        port = default_port;
    if (port == 0)
        return -EINVAL;
    return endpoint_from_host(text, size, port, ret);
}

struct endpoint endpoint_from_address(const struct address *address)
{
    return (struct endpoint){.address = *address};
}

bool endpoint_is_name(const struct endpoint *endpoint)
{
    return endpoint->name[0] != '\0';
}

bool endpoint_is_equal(const struct endpoint *a, const struct endpoint *b)
{
    return address_is_equal(&a->address, &b->address) && strcmp(a->name, b->name) == 0;
}

const char *endpoint_format(const struct endpoint *endpoint, char *to)
{
    if (!endpoint_is_name(endpoint))
        return address_format(&endpoint->address, to);
    snprintf(to, ENDPOINT_TEXT_MAX, "%s:%u", endpoint->name, endpoint->address.port);
    return to;
}
