#define LOG_MODULE "protection"

#include "service/supervisor/protection.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/admission.h"
#include "service/supervisor/host_net.h"
#include "service/supervisor/host_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 5 * 1000 };

struct protection {
    const struct config *config;
    uid_t worker;
    unsigned queues;
    struct protection_events events;
    void *owner;
    struct fence fence;
    struct links links;
    struct admission admission;
    struct host_net *host_net;
    struct host_watch *watch;
    struct timer retry;
    bool is_armed;
    bool is_open_to_worker; /* else locked: nothing admitted */
    bool lacks_layer2;      /* already told */
    char trouble[640];
};

static void on_links(void *owner);
static void on_routing(void *owner);
static void on_fence(void *owner);
static void on_retry(void *owner);

int protection_new(struct loop *loop, const char *run_dir, const struct protection_events *events,
                   void *owner, struct protection **ret)
{
    const struct host_watch_events heard = {on_links, on_routing, on_fence};
    struct protection *protection = calloc(1, sizeof(*protection));
    if (!protection)
        return -ENOMEM;
    protection->worker = FENCE_NOBODY;
    protection->queues = 1;
    protection->events = *events;
    protection->owner = owner;
    timer_init(&protection->retry, loop, on_retry, protection);
    int err = host_net_new(run_dir, &protection->host_net);
    if (err == 0)
        err = host_watch_open(loop, host_net_port(protection->host_net), &heard, protection,
                              &protection->watch);
    if (err < 0) {
        protection_free(protection);
        return err;
    }
    *ret = protection;
    return 0;
}

void protection_free(struct protection *protection)
{
    if (!protection)
        return;
    timer_stop(&protection->retry);
    host_watch_close(protection->watch);
    host_net_free(protection->host_net);
    free(protection);
}

void protection_set_queues(struct protection *protection, unsigned queues)
{
    protection->queues = queues;
}

static void set_trouble(struct protection *protection, const char *text)
{
    if (strcmp(protection->trouble, text) == 0)
        return;
    snprintf(protection->trouble, sizeof(protection->trouble), "%s", text);
    if (*text)
        log_error("%s", text);
    else
        log_notice("protection is whole again");
    protection->events.on_change(protection->owner);
}

static void copy_links(struct protection *protection)
{
    struct fence *fence = &protection->fence;
    const struct links *links = &protection->links;
    fence->device_count = links->device_count;
    memcpy(fence->devices, links->devices, sizeof(fence->devices));
    fence->onlink_count = links->onlink_count;
    memcpy(fence->onlink, links->onlink, sizeof(fence->onlink));
}

static int survey(struct protection *protection, struct protection_error *error)
{
    int err = host_net_survey(protection->host_net, protection->fence.tun, &protection->links);
    if (err < 0) {
        snprintf(error->text, sizeof(error->text), "cannot list network devices: %s",
                 err_text(err));
        return err;
    }
    if (protection->links.left_out > 0)
        log_warning("more devices or addresses than the fence has room for left_out=%zu",
                    protection->links.left_out);
    copy_links(protection);
    return 0;
}

/* A locked fence admits nobody, whatever the configuration says. */
static void describe(struct protection *protection)
{
    struct fence *fence = &protection->fence;
    admission_describe(&protection->admission, fence);
    if (protection->is_open_to_worker)
        return;
    fence->admitted_count = 0;
    fence->admits_all = fence->admits_lan = false;
}

static int arm(struct protection *protection, struct protection_error *error)
{
    struct fence_error why = {.text = ""};
    describe(protection);
    int result = fence_arm(&protection->fence, &why);
    host_watch_was_us(protection->watch);
    if (result < 0) {
        snprintf(error->text, sizeof(error->text), "cannot arm the fence: %s", why.text);
        return result;
    }
    if (result > 0 && !protection->lacks_layer2)
        log_warning("this kernel does not filter below IP, raw frames can pass: %s", why.text);
    protection->lacks_layer2 = result > 0;
    protection->is_armed = true;
    return 0;
}

static void use_settings(struct protection *protection)
{
    struct fence *fence = &protection->fence;
    const struct config_tun *tun = &protection->config->tun;
    fence->worker = protection->worker;
    snprintf(fence->tun, sizeof(fence->tun), "%s", tun->name);
    fence->tun4 = tun->address4;
    fence->tun6 = tun->address6;
}

int protection_lock(struct protection *protection, struct protection_error *error)
{
    protection->is_open_to_worker = false;
    int err = survey(protection, error);
    return err < 0 ? err : arm(protection, error);
}

static int up_net(struct protection *protection, struct protection_error *error)
{
    struct host_net_error why;
    int err = host_net_up(protection->host_net, &protection->fence, protection->config->tun.mtu,
                          protection->queues, &why);
    if (err < 0) {
        snprintf(error->text, sizeof(error->text), "%s", why.text);
        return err;
    }
    host_watch_set_tun(protection->watch, host_net_tun_index(protection->host_net));
    return 0;
}

int protection_up(struct protection *protection, struct protection_error *error)
{
    use_settings(protection);
    protection->is_open_to_worker = true;
    int err = survey(protection, error);
    if (err == 0)
        err = arm(protection, error);
    return err < 0 ? err : up_net(protection, error);
}

void protection_keep_up(struct protection *protection)
{
    struct protection_error error;
    if (protection_up(protection, &error) == 0) {
        set_trouble(protection, "");
        protection->events.on_tun(protection->owner);
        return;
    }
    set_trouble(protection, error.text);
    timer_start(&protection->retry, RETRY_MS);
}

int protection_down(struct protection *protection, struct protection_error *error)
{
    struct host_net_error why;
    timer_stop(&protection->retry);
    host_watch_set_tun(protection->watch, 0);
    protection->trouble[0] = '\0';
    int err = host_net_down(protection->host_net, &protection->fence, &why);
    if (err < 0)
        snprintf(error->text, sizeof(error->text), "%s", why.text);
    return err;
}

int protection_open(struct protection *protection, struct protection_error *error)
{
    struct fence_error why;
    int err = fence_disarm(&why);
    host_watch_was_us(protection->watch);
    if (err < 0) {
        snprintf(error->text, sizeof(error->text), "cannot lift the fence: %s", why.text);
        return err;
    }
    protection->is_armed = protection->is_open_to_worker = false;
    return 0;
}

/* Whatever the fence was asked to do and failed: the whole again, from the description. */
static int mend_fence(struct protection *protection)
{
    struct protection_error error;
    int err = arm(protection, &error);
    if (err < 0) {
        set_trouble(protection, error.text);
        timer_start(&protection->retry, RETRY_MS);
    }
    return err;
}

static void on_retry(void *owner)
{
    struct protection *protection = owner;
    if (!protection_is_up(protection) && protection->is_open_to_worker)
        protection_keep_up(protection);
    else if (mend_fence(protection) == 0)
        set_trouble(protection, "");
}

int protection_admit(struct protection *protection, unsigned worker, const struct address *address,
                     int protocol)
{
    struct fence_admitted endpoint;
    struct fence_error ignored;
    int result = admission_ask(&protection->admission, worker, address, protocol, &endpoint);
    if (result < 0)
        return result;
    if (result > 0 || !protection->is_armed || !protection->is_open_to_worker)
        return 0;
    int err = fence_admit(&endpoint, &ignored);
    host_watch_was_us(protection->watch);
    return err < 0 ? mend_fence(protection) : 0;
}

int protection_withdraw(struct protection *protection, unsigned worker,
                        const struct address *address, int protocol)
{
    struct fence_admitted endpoint;
    struct fence_error ignored;
    int result = admission_withdraw(&protection->admission, worker, address, protocol, &endpoint);
    if (result != 0 || !protection->is_armed || !protection->is_open_to_worker)
        return 0;
    int err = fence_withdraw(&endpoint, &ignored);
    host_watch_was_us(protection->watch);
    return err < 0 ? mend_fence(protection) : 0;
}

void protection_forget_worker(struct protection *protection, unsigned worker)
{
    size_t before = protection->admission.asked_count;
    admission_forget(&protection->admission, worker);
    if (protection->admission.asked_count < before && protection->is_armed)
        mend_fence(protection);
}

static void rebuild(struct protection *protection)
{
    struct protection_error ignored;
    log_warning("the TUN device was removed or replaced by somebody; making it again");
    protection_down(protection, &ignored);
    protection_keep_up(protection);
}

static void mend_routing(struct protection *protection)
{
    struct host_net_error why;
    int err = host_net_repair(protection->host_net, &protection->fence, &why);
    if (err < 0)
        rebuild(protection);
}

static void reroute(struct protection *protection)
{
    struct host_net_error why;
    if (protection_is_up(protection) &&
        host_net_reroute(protection->host_net, &protection->fence, &why) < 0)
        rebuild(protection);
}

static void on_links(void *owner)
{
    struct protection *protection = owner;
    struct protection_error error;
    struct links before = protection->links;
    if (!protection->is_armed)
        return;
    if (survey(protection, &error) < 0) {
        log_warning("%s", error.text);
        return;
    }
    if (links_are_equal(&before, &protection->links))
        return;
    log_info("network devices or addresses changed devices=%zu networks=%zu",
             protection->links.device_count, protection->links.onlink_count);
    mend_fence(protection);
    if (protection->fence.admits_lan)
        reroute(protection);
}

int protection_configure(struct protection *protection, const struct config *config, uid_t worker,
                         struct protection_error *error)
{
    bool had_lan = protection->fence.admits_lan;
    protection->config = config;
    protection->worker = worker;
    admission_set_config(&protection->admission, config, "/etc/resolv.conf");
    if (!protection_is_up(protection))
        use_settings(protection);
    if (!protection->is_armed)
        return 0;
    int err = arm(protection, error);
    if (err == 0 && protection->fence.admits_lan != had_lan)
        reroute(protection);
    return err;
}

static void on_routing(void *owner)
{
    struct protection *protection = owner;
    if (!protection_is_up(protection))
        return;
    log_warning("somebody changed our routes, rules or device; putting them back");
    mend_routing(protection);
}

static void on_fence(void *owner)
{
    struct protection *protection = owner;
    if (!protection->is_armed)
        return;
    if (mend_fence(protection) == 0)
        log_warning("somebody changed our nftables tables; the fence is armed again");
}

void protection_cut(const struct protection *protection, unsigned worker)
{
    if (protection_is_up(protection))
        host_net_cut(protection->host_net, &protection->fence, worker);
}

bool protection_is_armed(const struct protection *protection)
{
    return protection->is_armed;
}

bool protection_is_up(const struct protection *protection)
{
    return host_net_is_up(protection->host_net);
}

int protection_queue(const struct protection *protection, unsigned worker, bool *ret_has_vnet)
{
    const struct tun_device *tun = host_net_tun(protection->host_net);
    *ret_has_vnet = tun->has_vnet;
    return worker < tun->count ? tun->fds[worker] : -1;
}

const char *protection_tun(const struct protection *protection)
{
    return protection_is_up(protection) ? protection->fence.tun : "";
}

const char *protection_trouble(const struct protection *protection)
{
    return protection->trouble;
}
