/* Names with letters beyond ASCII as DNS spells them (RFC 3492, "xn--"). No mapping of capitals or
 * compatibility forms (UTS 46): lists and public suffixes come in their normal form. */
#ifndef ADBLOCK_PUNYCODE_H
#define ADBLOCK_PUNYCODE_H

#include <stddef.h>
#include <sys/types.h>

/* Spell the UTF-8 `name` in ASCII, in lower case, terminated. Returns its length; -EINVAL (not
 * UTF-8), -ENOBUFS. */
ssize_t punycode_name(const char *name, size_t size, char *to, size_t capacity);

#endif
