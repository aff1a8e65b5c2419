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

/* A line that is no rule we can follow: an unknown modifier, a broken pattern. `text` is not
 * terminated; both are valid for the call only. */
typedef void filter_dropped_fn(void *owner, size_t line, const char *text, size_t size,
                               const char *reason);

struct filter_source {
    const char *name;     /* the list's, for explanations */
    const char *category; /* "ads", "trackers", ...; "allow" and "deny" for the user's own */
    enum filter_format format;
    const char *text; /* whole list; NULL: read from `fd`, from where it stands */
    size_t size;
    int fd;                        /* borrowed */
    filter_dropped_fn *on_dropped; /* NULL: dropped rules are only counted */
    void *owner;
};

enum { FILTER_TEXT_MAX_BYTES = 64 * 1024 * 1024 }; /* of a file: five times the largest in use */

struct filter_problem {
    char text[256]; /* "NAME:LINE: what is wrong; what to do" */
};

/* Compile lists into a filter; runs on any thread. The texts may go afterwards. Everything in a
 * list of the category "allow" is an exception that nothing beats; "deny" is beaten only by that.
 * `psl_text` is the public suffix list (publicsuffix.org), NULL for none: then the last two labels
 * of a name are taken for its site. 0; -EINVAL (no list is one, *problem says which and why),
 * -EFBIG and others (a file could not be read, *problem says which), -ENOMEM. */
int filter_compile(const struct filter_source *sources, size_t count, const char *psl_text,
                   size_t psl_size, struct filter **ret, struct filter_problem *problem);
/* Where Debian's package publicsuffix keeps the list. */
#define FILTER_PSL_PATH "/usr/share/publicsuffix/public_suffix_list.dat"

/* Write the compiled form to a file (a new one, renamed into place), and map such a file: shared by
 * all processes that map it, checked before use. save: 0 or negative errno. open: 0; -ENOENT;
 * -EBADMSG (truncated, altered, or of another version: compile again), other negative errno. */
int filter_save(const struct filter *filter, const char *path);
int filter_open(const char *path, struct filter **ret);
/* A mapped filter takes the memory of what was asked. warm: all of it now, so that nobody waits for
 * it; rest: give it back for now. Any thread; NULL is accepted. */
void filter_warm(const struct filter *filter);
void filter_rest(const struct filter *filter);
struct filter *filter_ref(struct filter *filter);
void filter_unref(struct filter *filter);
/* No other filter of this process has or had it; never 0, which NULL has. Says whether a verdict
 * that was kept is still this filter's, which its address does not: that is used again. */
uint64_t filter_serial(const struct filter *filter);

/* A name of the user's own, with everything below it. */
struct filter_own {
    const char *name; /* lower case, no trailing dot; an address as address_format_ip writes it */
    bool is_allowed;  /* otherwise it is denied */
};
/* The same lists with these names in front of them, in a time that does not depend on the lists:
 * the longest that covers a host decides, and nothing beats it. Own names that `base` has go.
 * Shares the memory of `base`. 0 or -ENOMEM. */
int filter_with_own(struct filter *base, const struct filter_own *own, size_t count,
                    struct filter **ret);
/* How filter_describe calls the list of those names. */
#define FILTER_OWN_LIST "your rules"

/* A name that somebody wants to reach: a DNS question, a TLS server name, a SOCKS target. */
struct filter_name {
    const char *host;             /* lower case, no trailing dot */
    uint16_t qtype;               /* DNS type; 0 when it is not a DNS question */
    const struct address *client; /* NULL if unknown */
    const char *client_name;      /* NULL if unknown */
    const char *client_tags;      /* comma separated; NULL for none */
};
void filter_ask_name(const struct filter *filter, const struct filter_name *name,
                     struct verdict *ret);

enum filter_type {
    FILTER_TYPE_OTHER,
    FILTER_TYPE_DOCUMENT,
    FILTER_TYPE_SUBDOCUMENT,
    FILTER_TYPE_SCRIPT,
    FILTER_TYPE_IMAGE,
    FILTER_TYPE_STYLESHEET,
    FILTER_TYPE_FONT,
    FILTER_TYPE_MEDIA,
    FILTER_TYPE_XMLHTTPREQUEST,
    FILTER_TYPE_WEBSOCKET,
    FILTER_TYPE_PING,
    FILTER_TYPE_OBJECT,
};

/* An HTTP request. */
struct filter_request {
    const char *url; /* absolute, as asked for */
    size_t url_size;
    const char *source_url; /* the page it is for; "" if unknown */
    size_t source_url_size;
    enum filter_type type;
    const char *method; /* "GET" */
};
void filter_ask_request(const struct filter *filter, const struct filter_request *request,
                        struct verdict *ret);

/* An address that a name turned out to have: rules that name addresses (RPZ's rpz-ip,
 * `||192.0.2.1^`) are asked with it. The port plays no part. */
void filter_ask_address(const struct filter *filter, const struct address *address,
                        struct verdict *ret);

/* The list's name and the rule's own text; both always terminated. `host` is what was asked about
 * (of a request, the URL's host): names are kept as hashes only, so it lends the rule its name. */
void filter_describe(const struct filter *filter, const struct verdict *verdict, const char *host,
                     char *ret_list, size_t list_capacity, char *ret_rule, size_t rule_capacity);

/* What to answer to a name on which the verdict is VERDICT_HOST or VERDICT_REWRITE. */
enum filter_answer_kind {
    FILTER_ANSWER_RECORD,   /* a record of `type`; an answer may have several */
    FILTER_ANSWER_CNAME,    /* resolve `text` instead and put it in front */
    FILTER_ANSWER_RCODE,    /* this rcode and nothing else; with NOERROR "no data" */
    FILTER_ANSWER_DROP,     /* no answer at all (RPZ) */
    FILTER_ANSWER_TCP_ONLY, /* truncated over UDP, unfiltered over TCP (RPZ) */
};
struct filter_answer {
    enum filter_answer_kind kind;
    uint16_t rcode;         /* RFC 1035 */
    uint16_t type;          /* of the record */
    struct address address; /* of A and AAAA */
    char text[256];         /* of other types, as in a zone file; the name of a CNAME */
};
enum { FILTER_ANSWERS_MAX = 16 };
/* Returns how many were written: one that is no record, or records of all types that the rules
 * name. If none of them is of the type that was asked for, the answer is "no data". */
size_t filter_answers(const struct filter *filter, const struct filter_name *name,
                      const struct verdict *verdict, struct filter_answer *ret, size_t max);

/* Every rule that has something to say, not only the deciding one, in no order. */
typedef void filter_match_fn(void *owner, const struct verdict *match);
void filter_explain_name(const struct filter *filter, const struct filter_name *name,
                         filter_match_fn *fn, void *owner);
void filter_explain_request(const struct filter *filter, const struct filter_request *request,
                            filter_match_fn *fn, void *owner);

struct filter_stats {
    size_t lists, names, rules, exceptions, cosmetic, dropped;
    size_t memory_bytes;
};
struct filter_stats filter_stats(const struct filter *filter);
/* The same of one list, by its place among the sources; all 0 where there is none. */
/* What that list is called; NULL where there is none. */
const char *filter_list_name(const struct filter *filter, size_t list);
struct filter_stats filter_list_stats(const struct filter *filter, size_t list);

#endif
