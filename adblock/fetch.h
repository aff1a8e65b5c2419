/* Downloads of lists, by libcurl on the loop, through a proxy of our own (the local SOCKS door), so
 * that the fence needs no exception for them and names are resolved where all others are. */
#ifndef ADBLOCK_FETCH_H
#define ADBLOCK_FETCH_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch_options {
    const char *proxy;       /* "socks5h://127.0.0.1:1080"; NULL: directly, for tests */
    const char *credentials; /* "user:password" for the proxy; NULL for none */
    const char *ca_file;     /* NULL: the system's */
    size_t limit_bytes;      /* of a list, unpacked; 0: 64 MiB */
    uint32_t timeout_ms;     /* of a whole download; 0: 5 minutes */
};

struct fetch_result {
    int err;           /* 0 or < 0; then the former list stays */
    bool is_unchanged; /* the server said so (304): nothing was written */
    size_t size;       /* of the new list */
    char text[256];    /* on failure "URL: what is wrong"; else "" */
};

struct fetch;     /* all downloads of a loop */
struct fetch_job; /* one */
typedef void fetch_done_fn(void *owner, const struct fetch_result *result);

/* Copies the options. NULL: out of memory. */
struct fetch *fetch_new(struct loop *loop, const struct fetch_options *options);
/* Cancels what is under way; NULL is accepted. */
void fetch_free(struct fetch *fetch);

/* Bring the list at `path` up to date. Conditional when the file is there and came from the same
 * URL (see list_file.h). Web pages and empty answers are refused, and a redirect from https to
 * http. 0 and then exactly one on_done, from the loop, after which the job is gone, or none after
 * fetch_cancel; < 0: not started (-EALREADY: one for this path is under way). */
int fetch_list(struct fetch *fetch, const char *url, const char *path, fetch_done_fn *on_done,
               void *owner, struct fetch_job **ret);
void fetch_cancel(struct fetch_job *job);

#endif
