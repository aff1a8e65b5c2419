#include "service/engine/special_names.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct zone {
    const char *name; /* itself and everything below */
    enum special_name is;
};

/* In the order of strcmp. The top-level domains "test" and "example" are special for those who give
 * names out, not for resolvers (RFC 6761 sec. 6.5; and laboratories use both). */
static const struct zone zones[] = {
    {"0.in-addr.arpa", SPECIAL_ABSENT},          /* RFC 6303 sec. 4.2 */
    {"10.in-addr.arpa", SPECIAL_ABSENT},         /* RFC 6303 sec. 4.1, RFC 1918 */
    {"100.51.198.in-addr.arpa", SPECIAL_ABSENT}, /* RFC 6303 sec. 4.2 */
    {"113.0.203.in-addr.arpa", SPECIAL_ABSENT},  /* RFC 6303 sec. 4.2 */
    {"127.in-addr.arpa", SPECIAL_ABSENT},        /* RFC 6303 sec. 4.2 */
    {"16.172.in-addr.arpa", SPECIAL_ABSENT},     /* RFC 6303 sec. 4.1, to 31.172 */
    {"168.192.in-addr.arpa", SPECIAL_ABSENT},    /* RFC 6303 sec. 4.1 */
    {"17.172.in-addr.arpa", SPECIAL_ABSENT},
    {"18.172.in-addr.arpa", SPECIAL_ABSENT},
    {"18.198.in-addr.arpa", SPECIAL_ABSENT}, /* RFC 2544: our tunnel's own addresses */
    {"19.172.in-addr.arpa", SPECIAL_ABSENT},
    {"19.198.in-addr.arpa", SPECIAL_ABSENT},  /* RFC 2544 */
    {"2.0.192.in-addr.arpa", SPECIAL_ABSENT}, /* RFC 6303 sec. 4.2 */
    {"20.172.in-addr.arpa", SPECIAL_ABSENT},
    {"21.172.in-addr.arpa", SPECIAL_ABSENT},
    {"22.172.in-addr.arpa", SPECIAL_ABSENT},
    {"23.172.in-addr.arpa", SPECIAL_ABSENT},
    {"24.172.in-addr.arpa", SPECIAL_ABSENT},
    {"25.172.in-addr.arpa", SPECIAL_ABSENT},
    {"254.169.in-addr.arpa", SPECIAL_ABSENT},         /* RFC 6303 sec. 4.2 */
    {"255.255.255.255.in-addr.arpa", SPECIAL_ABSENT}, /* RFC 6303 sec. 4.2 */
    {"26.172.in-addr.arpa", SPECIAL_ABSENT},
    {"27.172.in-addr.arpa", SPECIAL_ABSENT},
    {"28.172.in-addr.arpa", SPECIAL_ABSENT},
    {"29.172.in-addr.arpa", SPECIAL_ABSENT},
    {"30.172.in-addr.arpa", SPECIAL_ABSENT},
    {"31.172.in-addr.arpa", SPECIAL_ABSENT},
    {"8.b.d.0.1.0.0.2.ip6.arpa", SPECIAL_ABSENT}, /* RFC 6303 sec. 4.6 */
    {"8.e.f.ip6.arpa", SPECIAL_ABSENT},           /* RFC 6303 sec. 4.5, to b.e.f */
    {"9.e.f.ip6.arpa", SPECIAL_ABSENT},
    {"a.e.f.ip6.arpa", SPECIAL_ABSENT},
    {"alt", SPECIAL_ABSENT}, /* RFC 9476 */
    {"b.e.f.ip6.arpa", SPECIAL_ABSENT},
    {"c.f.ip6.arpa", SPECIAL_ABSENT},            /* RFC 4193 */
    {"d.f.ip6.arpa", SPECIAL_ABSENT},            /* RFC 6303 sec. 4.4 */
    {"home.arpa", SPECIAL_ABSENT},               /* RFC 8375 */
    {"internal", SPECIAL_ABSENT},                /* ICANN, 2024: for private use */
    {"invalid", SPECIAL_ABSENT},                 /* RFC 6761 sec. 6.4 */
    {"lan", SPECIAL_ABSENT},                     /* what home routers call their network */
    {"local", SPECIAL_ABSENT},                   /* RFC 6762: multicast DNS */
    {"localhost", SPECIAL_LOCALHOST},            /* RFC 6761 sec. 6.3 */
    {"onion", SPECIAL_ABSENT},                   /* RFC 7686 */
    {"resolver.arpa", SPECIAL_ABSENT},           /* RFC 9462: our upstream's is not ours */
    {"use-application-dns.net", SPECIAL_ABSENT}, /* asks browsers to resolve by us */
};

/* 64.100 to 127.100.in-addr.arpa (RFC 7793), and the reverse names of :: and ::1 (RFC 6303
 * sec. 4.3): too many, or too long, for rows. */
static int is_shared_reverse(const char *name)
{
    static const char end[] = ".100.in-addr.arpa";
    size_t size = strlen(name), tail = sizeof(end) - 1;
    const char *label;

    if (size <= tail || strcmp(name + size - tail, end) != 0)
        return 0;
    label = name + size - tail;
    while (label > name && label[-1] != '.')
        label--;
    return atoi(label) >= 64 && atoi(label) <= 127;
}

static int is_zero_reverse(const char *name)
{
    static const size_t digits = 64; /* 32, each with its dot */
    if ((name[0] != '0' && name[0] != '1') || strlen(name) != digits + strlen("ip6.arpa"))
        return 0;
    for (size_t i = 2; i < digits; i += 2)
        if (name[i - 1] != '.' || name[i] != '0')
            return 0;
    return strcmp(name + digits, "ip6.arpa") == 0;
}

static int compare(const void *name, const void *zone)
{
    return strcmp(name, ((const struct zone *)zone)->name);
}

enum special_name special_name_find(const char *name)
{
    const char *at = name;
    do {
        const struct zone *zone;
        at += at > name; /* over the dot */
        zone = bsearch(at, zones, sizeof(zones) / sizeof(zones[0]), sizeof(zones[0]), compare);
        if (zone)
            return zone->is;
    } while ((at = strchr(at, '.')));
    return is_shared_reverse(name) || is_zero_reverse(name) ? SPECIAL_ABSENT : SPECIAL_NONE;
}
