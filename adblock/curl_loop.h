/* libcurl's multi interface driven by our loop: it tells which descriptors it watches and when it
 * wants to be called again. For the few files that speak HTTP as a client. */
#ifndef ADBLOCK_CURL_LOOP_H
#define ADBLOCK_CURL_LOOP_H

#include "base/loop.h"

#include <curl/curl.h>

/* A transfer, known by its CURLINFO_PRIVATE, is over. Its handle may be removed and freed here. */
typedef void curl_loop_done_fn(void *transfer, CURLcode code);

/* Embedded in its owner, who adds handles to `multi`. */
struct curl_loop {
    CURLM *multi;
    struct loop *loop;
    struct timer timer;
    curl_loop_done_fn *on_done;
};

/* 0 or -ENOMEM; curl_loop_done is right after both. */
int curl_loop_init(struct curl_loop *curl, struct loop *loop, curl_loop_done_fn *on_done);
/* All handles must have been removed before. */
void curl_loop_done(struct curl_loop *curl);

#endif
