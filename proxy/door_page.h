/* What the door itself says to an HTTP client: errors a human can read, and how to set up a
 * browser. Builds whole responses. */
#ifndef PROXY_DOOR_PAGE_H
#define PROXY_DOOR_PAGE_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>

enum { DOOR_PAGE_MAX_BYTES = 4096 };

struct door_page {
    int status;             /* one of those in door_page.c */
    const char *why;        /* plain words, no markup; static */
    struct endpoint target; /* whom the request was for; neither name nor address if nobody */
    bool keeps_alive;       /* may another request follow on this connection? */
    bool is_to_head;        /* leave the body out */
};

/* `to` holds DOOR_PAGE_MAX_BYTES. Returns the size. */
size_t door_page_build(char *to, const struct door_page *page);
/* Proxy auto-configuration that names `door`, the address that the client reached us by. */
size_t door_page_build_pac(char *to, const struct address *door, bool keeps_alive, bool is_to_head);

/* The status that says `err` (base/err.h). */
int door_page_status_of(int err);

#endif
