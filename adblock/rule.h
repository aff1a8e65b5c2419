/* One line of a list, taken apart: what parsers make and the compiler stores. Everything points
 * into the line, so a rule lives as long as the call that hands it over. */
#ifndef ADBLOCK_RULE_H
#define ADBLOCK_RULE_H

#include "adblock/slice.h"

enum rule_kind {
    RULE_NAME,    /* a host name, and by `scope` those below it */
    RULE_MASK,    /* a pattern with |, ||, ^ and * */
    RULE_REGEX,   /* between the slashes */
    RULE_ADDRESS, /* "192.0.2.0/24", of an answer */
};

enum rule_scope {
    RULE_EXACT,
    RULE_TREE, /* the name and everything below it */
    RULE_BELOW,
};

enum rule_flag {
    RULE_EXCEPTION = 1 << 0,
    RULE_IMPORTANT = 1 << 1,
    RULE_BADFILTER = 1 << 2, /* takes its twin out of force */
    RULE_MATCH_CASE = 1 << 3,
    RULE_FIRST_PARTY = 1 << 4,
    RULE_THIRD_PARTY = 1 << 5,
    RULE_STRICT_FIRST = 1 << 6, /* the same host, not only the same site */
    RULE_STRICT_THIRD = 1 << 7,
    RULE_FOR_NAMES = 1 << 8, /* says something about a name alone */
    RULE_FOR_REQUESTS = 1 << 9,
    RULE_PAGE = 1 << 10,          /* exception: frees whatever the matching page asks for */
    RULE_GENERIC_OFF = 1 << 11,   /* exception: no generic rules on the matching page */
    RULE_HOSTS = 1 << 12,         /* a line of hosts(5) */
    RULE_MOST_SPECIFIC = 1 << 13, /* RPZ: of one list, only the longest name speaks */
    RULE_DNSREWRITE = 1 << 14,    /* answers before all else; in an exception: takes answers back */
    RULE_OWN = 1 << 15,           /* from a list of the user's own */
};

enum rule_condition {
    RULE_DOMAIN,    /* of the page */
    RULE_TO,        /* of the request */
    RULE_DENYALLOW, /* not of the request */
    RULE_CLIENT,
    RULE_CTAG,
    RULE_DNSTYPE,
    RULE_ANSWER, /* what to answer instead: $dnsrewrite's syntax */
    RULE_CONDITIONS,
};

struct rule {
    enum rule_kind kind;
    enum rule_scope scope; /* of RULE_NAME */
    struct slice subject;  /* name (any case) or pattern */
    /* The rule as it is shown: prefix, subject, suffix; an address only as prefix and suffix. */
    struct slice prefix, suffix;
    uint32_t flags;
    uint16_t types;                       /* bit per enum filter_type */
    uint16_t methods;                     /* bit per rule_method; 0: any */
    struct slice values[RULE_CONDITIONS]; /* data NULL: no such condition */
};

/* Where parsers leave what they read. */
struct rule_sink {
    void (*on_rule)(struct rule_sink *sink, const struct rule *rule);
    void (*on_cosmetic)(struct rule_sink *sink); /* about the page's looks, not its requests */
    void (*on_dropped)(struct rule_sink *sink, const char *reason);
};

#endif
