#include "adblock/curl_loop.h"

#include <errno.h>
#include <stdlib.h>

static void tell_done(struct curl_loop *curl)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(curl->multi, &left));) {
        void *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result; /* gone with the handle */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        curl->on_done(transfer, code);
    }
}

static void on_timer(void *owner)
{
    struct curl_loop *curl = owner;
    int running;
    curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell_done(curl);
}

static int set_timer(CURLM *multi, long wait_ms, void *owner)
{
    struct curl_loop *curl = owner;
    (void)multi;
    if (wait_ms >= 0)
        return timer_start(&curl->timer, (uint64_t)wait_ms) < 0 ? -1 : 0;
    timer_stop(&curl->timer);
    return 0;
}

/* One descriptor of libcurl's; it keeps the pointer for us. */
struct poll {
    struct curl_loop *curl;
    struct watch *watch;
    curl_socket_t fd;
};

static void on_ready(void *owner, int events, int err)
{
    struct poll *poll = owner;
    struct curl_loop *curl = poll->curl; /* poll may be gone after the call */
    int running, action = err < 0 ? CURL_CSELECT_ERR : 0;
    action |= (events & WATCH_READ ? CURL_CSELECT_IN : 0);
    action |= (events & WATCH_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(curl->multi, poll->fd, action, &running);
    tell_done(curl);
}

static struct poll *poll_new(struct curl_loop *curl, curl_socket_t fd)
{
    struct poll *poll = calloc(1, sizeof(*poll));
    if (!poll)
        return NULL;
    poll->curl = curl;
    poll->fd = fd;
    if (watch_open(curl->loop, fd, on_ready, poll, &poll->watch) < 0) {
        free(poll);
        return NULL;
    }
    curl_multi_assign(curl->multi, fd, poll);
    return poll;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *known)
{
    struct curl_loop *curl = owner;
    struct poll *poll = known;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (poll)
            watch_close(poll->watch);
        free(poll);
        return 0;
    }
    if (!poll)
        poll = poll_new(curl, fd);
    int events = (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0);
    return poll && watch_set(poll->watch, events) == 0 ? 0 : -1;
}

int curl_loop_init(struct curl_loop *curl, struct loop *loop, curl_loop_done_fn *on_done)
{
    curl_global_init(CURL_GLOBAL_DEFAULT); /* counted by libcurl itself */
    curl->loop = loop;
    curl->on_done = on_done;
    timer_init(&curl->timer, loop, on_timer, curl);
    curl->multi = curl_multi_init();
    if (!curl->multi)
        return -ENOMEM;
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    return 0;
}

void curl_loop_done(struct curl_loop *curl)
{
    if (curl->multi)
        curl_multi_cleanup(curl->multi);
    timer_stop(&curl->timer);
    curl->multi = NULL;
    curl_global_cleanup();
}
