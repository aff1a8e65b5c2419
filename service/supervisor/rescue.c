#define LOG_MODULE "atlanticd"

#include "service/supervisor/rescue.h"

#include "base/err.h"
#include "base/log.h"
#include "killswitch/fence.h"
#include "service/supervisor/folders.h"
#include "service/supervisor/host_net.h"
#include "service/supervisor/settings.h"
#include "service/supervisor/wish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Enough to know the TUN's name and addresses and, if possible, the worker. */
static int describe(const char *config_path, struct fence *ret)
{
    struct settings settings = {.config_fd = -1};
    struct config_error error;
    struct fence fence = {.worker = FENCE_NOBODY};
    if (settings_read(config_path, &settings, &error) == EXIT_FINE) {
        fence.worker = settings.user;
    } else {
        log_warning("%s", error.text);
        int err = config_parse("(embedded)", NULL, 0, &settings.config, &error);
        if (err < 0)
            return err;
    }
    snprintf(fence.tun, sizeof(fence.tun), "%s", settings.config->tun.name);
    fence.tun4 = settings.config->tun.address4;
    fence.tun6 = settings.config->tun.address6;
    settings_done(&settings);
    *ret = fence;
    return 0;
}

static void add_devices(struct fence *fence)
{
    struct host_net *host_net = NULL;
    struct links links;
    if (host_net_new("", &host_net) == 0 && host_net_survey(host_net, fence->tun, &links) == 0) {
        fence->device_count = links.device_count;
        memcpy(fence->devices, links.devices, sizeof(fence->devices));
        fence->onlink_count = links.onlink_count;
        memcpy(fence->onlink, links.onlink, sizeof(fence->onlink));
    }
    host_net_free(host_net);
}

enum exit_status rescue_lock(const char *config_path, const char *state_dir)
{
    bool is_on = false;
    int err = wish_read(state_dir, &is_on);
    if (err == -ENOENT || (err == 0 && !is_on)) {
        log_info("the wish is off: nothing to lock");
        return EXIT_FINE;
    }
    struct fence fence;
    struct fence_error why;
    err = describe(config_path, &fence);
    if (err < 0) {
        log_error("cannot describe the fence: %s", err_text(err));
        return EXIT_TROUBLE;
    }
    add_devices(&fence);
    if (fence_arm(&fence, &why) < 0) {
        log_error("cannot arm the fence: %s", why.text);
        return EXIT_FENCE;
    }
    log_notice("locked: nothing leaves this host until atlanticd is up");
    return EXIT_FINE;
}

static enum exit_status put_back(const char *run_dir, const struct fence *fence)
{
    struct host_net *host_net = NULL;
    struct host_net_error why;
    struct fence_error fence_why;
    enum exit_status status = EXIT_FINE;
    int err = host_net_new(run_dir, &host_net);
    if (err < 0) {
        log_error("cannot speak to the kernel: %s", err_text(err));
        status = EXIT_TROUBLE;
    } else if (host_net_down(host_net, fence, &why) < 0) {
        log_error("%s", why.text);
        status = EXIT_TROUBLE;
    }
    host_net_free(host_net);
    if (fence_disarm(&fence_why) < 0) {
        log_error("cannot lift the fence: %s", fence_why.text);
        status = EXIT_FENCE;
    }
    return status;
}

enum exit_status rescue_clean_up(const char *config_path, const char *run_dir,
                                 const char *state_dir)
{
    struct fence fence = {.tun = "atlantic-tun0"};
    int lock = -1;
    if (folder_lock(run_dir, &lock) == -EWOULDBLOCK) {
        log_error("atlanticd is running: use `atlantic off`, or end it first");
        return EXIT_SECOND;
    }
    int err = wish_write(state_dir, false);
    if (err < 0 && err != -ENOENT)
        log_warning("cannot write %s/wish: %s", state_dir, err_text(err));
    describe(config_path, &fence);
    enum exit_status status = put_back(run_dir, &fence);
    if (status == EXIT_FINE)
        log_notice("this host is as if Atlantic were not installed");
    if (lock >= 0)
        close(lock);
    return status;
}
