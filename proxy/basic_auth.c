#include "proxy/basic_auth.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "Basic ";
enum { SCHEME_SIZE = sizeof(scheme) - 1, VALUE_MAX = 1024, PADDING = 64 };

/* Base64, RFC 4648 sec. 4. */
static size_t encode(char *to, const uint8_t *data, size_t size)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)data[i] << 16;
        group |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        group |= left > 2 ? data[i + 2] : 0;
        to[used++] = digits[group >> 18];
        to[used++] = digits[group >> 12 & 63];
        to[used++] = digits[left > 1 ? group >> 6 & 63 : PADDING];
        to[used++] = digits[left > 2 ? group & 63 : PADDING];
    }
    to[used] = '\0';
    return used;
}

ssize_t basic_auth_build(char *to, size_t capacity, const char *user, const char *password)
{
    size_t size = strlen(user) + 1 + strlen(password);
    if (strchr(user, ':'))
        return -EINVAL;
    if (size > VALUE_MAX || SCHEME_SIZE + (size + 2) / 3 * 4 + 1 > capacity)
        return -ENOSPC;
    char login[VALUE_MAX + 1];
    snprintf(login, sizeof(login), "%s:%s", user, password);
    memcpy(to, scheme, SCHEME_SIZE);
    size_t used = SCHEME_SIZE + encode(to + SCHEME_SIZE, (const uint8_t *)login, size);
    explicit_bzero(login, sizeof(login));
    return (ssize_t)used;
}

/* Base64 has one spelling of each login, so the texts are compared, without decoding. */
bool basic_auth_check(const char *value, size_t size, const char *user, const char *password)
{
    char right[SCHEME_SIZE + (VALUE_MAX + 2) / 3 * 4 + 1];
    ssize_t right_size = basic_auth_build(right, sizeof(right), user, password);
    if (right_size < 0 || size <= SCHEME_SIZE || strncasecmp(value, scheme, SCHEME_SIZE) != 0)
        return false;
    const char *digits = value + SCHEME_SIZE;
    size_t count = size - SCHEME_SIZE;
    while (count > 0 && *digits == ' ') { /* RFC 9110 sec. 11.4: 1*SP */
        digits++;
        count--;
    }
    uint8_t difference = count != (size_t)right_size - SCHEME_SIZE;
    for (size_t i = 0; i < count && SCHEME_SIZE + i < (size_t)right_size; i++)
        difference |= (uint8_t)(digits[i] ^ right[SCHEME_SIZE + i]);
    explicit_bzero(right, sizeof(right));
    return difference == 0;
}
