/* The compiled rules of all lists: a question in, a verdict out. Immutable once made, counted,
 * shared; asking is pure, allocates nothing and never blocks, so any number of loops may ask. */
#ifndef ADBLOCK_FILTER_H
#define ADBLOCK_FILTER_H

#include "adblock/verdict.h"
#include "base/endpoint.h"

#include <stddef.h>
#include <stdint.h>

struct filter;

enum filter_format {
    FILTER_AUTO,    /* by a look at the first lines; a file that cannot be told is an error */
    FILTER_HOSTS,   /* hosts(5): exact names */
    FILTER_DOMAINS, /* one name a line: itself and everything below it; *.name below only */
    FILTER_DNSMASQ, /* address=/name/ */
    FILTER_UNBOUND, /* local-zone: "name" ... */
    FILTER_RPZ,     /* response policy zone */
    FILTER_ADBLOCK, /* ABP, uBlock Origin, AdGuard, with AdGuard's DNS modifiers */
};

struct filter_source {
    const char *name;     /* the list's, for explanations */
    const char *category; /* "ads", "trackers", ...; "allow" and "deny" for the user's own */
    enum filter_format format;
    const char *text; /* whole list */
    size_t size;
};

struct filter_problem {
    char text[256]; /* "NAME:LINE: what is wrong; what to do" */
};

/* Compile lists into a filter; runs on any thread. 0; -EINVAL (no list could be read, *problem says
 * which and why), -ENOMEM. */
int filter_compile(const struct filter_source *sources, size_t count, const char *psl_text,
                   size_t psl_size, struct filter **ret, struct filter_problem *problem);
struct filter *filter_ref(struct filter *filter);
void filter_unref(struct filter *filter);

/* A name that somebody wants to reach: a DNS question, a TLS server name, a SOCKS target. */
struct filter_name {
    const char *host; /* lower case, no trailing dot */
    uint16_t qtype;   /* DNS type; 0 when it is not a DNS question */
    const struct address *client; /* NULL if unknown */
    const char *client_name;      /* NULL if unknown */
    const char *client_tags;      /* comma separated; NULL for none */
};
void filter_ask_name(const struct filter *filter, const struct filter_name *name,
                     struct verdict *ret);

enum filter_type {
    FILTER_TYPE_OTHER, FILTER_TYPE_DOCUMENT, FILTER_TYPE_SUBDOCUMENT, FILTER_TYPE_SCRIPT,
    FILTER_TYPE_IMAGE, FILTER_TYPE_STYLESHEET, FILTER_TYPE_FONT, FILTER_TYPE_MEDIA,
    FILTER_TYPE_XMLHTTPREQUEST, FILTER_TYPE_WEBSOCKET, FILTER_TYPE_PING, FILTER_TYPE_OBJECT,
};

/* An HTTP request. */
struct filter_request {
    const char *url;        /* absolute, as asked for */
    size_t url_size;
    const char *source_url; /* the page it is for; "" if unknown */
    size_t source_url_size;
    enum filter_type type;
    const char *method; /* "GET" */
};
void filter_ask_request(const struct filter *filter, const struct filter_request *request,
                        struct verdict *ret);

/* The list's name and the rule's own text; both always terminated. */
void filter_describe(const struct filter *filter, const struct verdict *verdict, char *ret_list,
                     size_t list_capacity, char *ret_rule, size_t rule_capacity);

struct filter_stats {
    size_t lists, names, rules, exceptions, cosmetic, dropped;
    size_t memory_bytes;
};
struct filter_stats filter_stats(const struct filter *filter);

#endif
