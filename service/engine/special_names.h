/* Names that no server on the internet knows anything about: they are answered here and never
 * leave (RFC 6761, RFC 6303 and others; the table names the source of each). */
#ifndef SERVICE_ENGINE_SPECIAL_NAMES_H
#define SERVICE_ENGINE_SPECIAL_NAMES_H

enum special_name {
    SPECIAL_NONE,      /* a name like any other */
    SPECIAL_LOCALHOST, /* this machine: the loopback addresses */
    SPECIAL_ABSENT,    /* does not exist as far as the DNS is concerned: NXDOMAIN */
};

/* `name` is lower case, without a trailing dot. */
enum special_name special_name_find(const char *name);

#endif
