/* HTTP Basic credentials (RFC 7617): the value of an Authorization or Proxy-Authorization header,
 * made and checked. */
#ifndef PROXY_BASIC_AUTH_H
#define PROXY_BASIC_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* "Basic dXNlcjpwYXNz" and a terminator. Returns its length; -EINVAL for a user name with a colon;
 * -ENOSPC. */
ssize_t basic_auth_build(char *to, size_t capacity, const char *user, const char *password);

/* Does a header's value hold this login? Takes the same time for every wrong one of its length. */
bool basic_auth_check(const char *value, size_t size, const char *user, const char *password);

#endif
