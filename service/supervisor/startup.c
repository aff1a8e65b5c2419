#define LOG_MODULE "atlanticd"

#include "service/supervisor/startup.h"

#include "base/err.h"
#include "base/log.h"
#include "killswitch/fence.h"
#include "service/supervisor/folders.h"
#include "service/supervisor/tun_device.h"
#include "service/supervisor/wish.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WORKER_END_TENTHS_S = 50 };

static enum exit_status take_run_dir(const char *run_dir, const char *state_dir, int *ret_lock)
{
    int err = folder_make(run_dir);
    if (err < 0) {
        log_error("cannot make %s: %s", run_dir, err_text(err));
        return EXIT_TROUBLE;
    }
    err = folder_make(state_dir);
    if (err < 0) {
        log_error("cannot make %s: %s", state_dir, err_text(err));
        return EXIT_TROUBLE;
    }
    err = folder_lock(run_dir, ret_lock);
    if (err == -EWOULDBLOCK) {
        log_error("another atlanticd is running in %s", run_dir);
        return EXIT_SECOND;
    }
    if (err < 0) {
        log_error("cannot lock %s: %s", run_dir, err_text(err));
        return EXIT_TROUBLE;
    }
    return EXIT_FINE;
}

/* Whoever lost the file, or wrote nonsense into it, did not ask for an open host: what the fence
 * says counts then. */
static bool read_wish(const char *state_dir)
{
    struct fence_error ignored;
    bool is_on;
    int err = wish_read(state_dir, &is_on);
    if (err == 0)
        return is_on;
    if (err != -ENOENT)
        log_warning("cannot read %s/wish: %s; what the fence says counts", state_dir,
                    err_text(err));
    return fence_inspect(&ignored) == 1;
}

/* Also with a configuration that cannot be used: the embedded default knows enough to lock. */
static enum exit_status lock(struct protection *protection, const struct settings *settings)
{
    struct config *spare = NULL;
    struct config_error ignored;
    struct protection_error error;
    const struct config *config = settings->config;
    uid_t worker = settings->user;
    if (!config) {
        if (config_parse("(embedded)", NULL, 0, &spare, &ignored) < 0)
            return EXIT_TROUBLE;
        config = spare;
        worker = FENCE_NOBODY;
    }
    int err = protection_configure(protection, config, worker, &error);
    if (err == 0)
        err = protection_lock(protection, &error);
    config_unref(spare);
    if (err == 0)
        return EXIT_FINE;
    log_error("%s", error.text);
    return EXIT_FENCE;
}

static enum exit_status clean(struct protection *protection, const struct settings *settings)
{
    struct fence_error unknown;
    struct protection_error error;
    int err = protection_configure(protection, settings->config, settings->user, &error);
    if (err == 0)
        err = protection_down(protection, &error);
    if (err == 0 && fence_inspect(&unknown) == 1)
        err = protection_open(protection, &error);
    if (err == 0)
        return EXIT_FINE;
    log_error("%s", error.text);
    return EXIT_TROUBLE;
}

static enum exit_status probe_tun(void)
{
    int err = tun_device_probe();
    if (err == 0)
        return EXIT_FINE;
    log_error("cannot open " TUN_DEVICE_PATH ": %s; is the kernel module tun there (modprobe tun)?",
              err_text(err));
    return EXIT_NO_TUN;
}

/* A supervisor that ends puts its sockets away; one that was killed does not, and its worker may
 * still hold the ports while it flushes. */
static bool was_killed(const char *run_dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/control.sock", run_dir);
    return access(path, F_OK) == 0;
}

static enum exit_status provide(struct startup *startup, const struct startup_options *options,
                                struct settings *settings)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    struct provisions_error why;
    int patience = was_killed(options->run_dir) ? WORKER_END_TENTHS_S : 0;
    enum exit_status status;
    while ((status = provisions_open(settings, options->run_dir, options->state_dir,
                                     &startup->provisions, &why)) == EXIT_LISTEN &&
           patience-- > 0)
        nanosleep(&pause, NULL);
    if (status != EXIT_FINE)
        log_error("%s", why.text);
    return status;
}

static void choose_workers(struct startup *startup, const struct config *config)
{
    startup->workers = crew_choose_size(config->workers, startup->workers_why);
    if (startup->workers_why[0])
        log_warning("one worker alone: %s", startup->workers_why);
    protection_set_queues(startup->protection, startup->workers);
}

static enum exit_status prepare(struct startup *startup, const struct startup_options *options)
{
    struct settings settings = {.config_fd = -1};
    struct config_error wrong;
    enum exit_status readable = settings_read(options->config_path, &settings, &wrong);
    enum exit_status status = EXIT_FINE;
    if (readable == EXIT_FINE)
        log_setup(settings.config->log_level, settings.config->log_names);
    if (startup->was_wished)
        status = lock(startup->protection, &settings);
    if (readable != EXIT_FINE) {
        log_error("%s", wrong.text);
        status = readable;
    }
    if (status == EXIT_FINE && !startup->was_wished)
        status = clean(startup->protection, &settings);
    if (status == EXIT_FINE)
        status = probe_tun();
    if (status == EXIT_FINE)
        choose_workers(startup, settings.config);
    if (status == EXIT_FINE)
        status = provide(startup, options, &settings);
    settings_done(&settings);
    return status;
}

enum exit_status startup_run(struct loop *loop, const struct startup_options *options,
                             const struct protection_events *events, void *owner,
                             struct startup *ret)
{
    struct startup startup = {
        .lock_fd = -1,
        .provisions = {.settings = {.config_fd = -1}, .control_fd = -1, .state_fd = -1},
    };
    enum exit_status status = take_run_dir(options->run_dir, options->state_dir, &startup.lock_fd);
    if (status == EXIT_FINE) {
        int err = protection_new(loop, options->run_dir, events, owner, &startup.protection);
        if (err < 0)
            log_error("cannot speak to the kernel: %s", err_text(err));
        status = err < 0 ? EXIT_TROUBLE : EXIT_FINE;
    }
    if (status == EXIT_FINE) {
        startup.was_wished = read_wish(options->state_dir);
        status = prepare(&startup, options);
        if (status != EXIT_FINE && protection_is_armed(startup.protection))
            log_error("the fence stays armed; `atlanticd --cleanup` lifts it");
    }
    if (status != EXIT_FINE)
        startup_undo(&startup);
    else
        *ret = startup;
    return status;
}

void startup_undo(struct startup *startup)
{
    protection_free(startup->protection);
    provisions_close(&startup->provisions);
    if (startup->lock_fd >= 0)
        close(startup->lock_fd);
    startup->protection = NULL;
    startup->lock_fd = -1;
}
