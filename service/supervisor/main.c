/* atlanticd: checks its rights, then does what the command line says. */
#define LOG_MODULE "atlanticd"

#include "base/log.h"
#include "service/supervisor/options.h"
#include "service/supervisor/rescue.h"
#include "service/supervisor/settings.h"
#include "service/supervisor/supervisor.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool has_net_admin(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    return data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN);
}

static bool has_rights(void)
{
    if (geteuid() == 0 && has_net_admin())
        return true;
    log_error(geteuid() != 0
                  ? "must be run as root: it changes the firewall and routes of this host"
                  : "root here lacks CAP_NET_ADMIN: in a container it must be granted");
    return false;
}

static enum exit_status serve(const struct options *options)
{
    const struct supervisor_options what = {.config_path = options->config_path,
                                            .run_dir = options->run_dir,
                                            .state_dir = options->state_dir,
                                            .worker = options->worker,
                                            .turns_on = options->turns_on};
    struct supervisor *supervisor = NULL;
    struct loop *loop = loop_new();
    if (!loop) {
        log_error("out of memory");
        return EXIT_TROUBLE;
    }
    enum exit_status status = supervisor_open(loop, &what, &supervisor);
    if (status == EXIT_FINE)
        status = supervisor_run(supervisor);
    supervisor_close(supervisor);
    loop_free(loop);
    return status;
}

static enum exit_status work(const struct options *options)
{
    if (!has_rights())
        return EXIT_PRIVILEGES;
    switch (options->task) {
    case OPTIONS_LOCKDOWN: return rescue_lock(options->config_path, options->state_dir);
    case OPTIONS_CLEANUP:
        return rescue_clean_up(options->config_path, options->run_dir, options->state_dir);
    default: return serve(options);
    }
}

int main(int count, char **arguments)
{
    struct options options;
    if (options_parse(count, arguments, &options) < 0)
        return EXIT_USAGE;
    if (options.task == OPTIONS_HELP)
        return fputs(options_help, stdout) < 0;
    if (options.task == OPTIONS_VERSION)
        return puts("atlanticd " ATLANTIC_VERSION) < 0;
    if (options.task == OPTIONS_CHECK_CONFIG)
        return (int)settings_show(options.config_path);
    signal(SIGPIPE, SIG_IGN);
    umask(S_IWGRP | S_IWOTH);
    log_setup(LOG_INFO, false);
    return (int)work(&options);
}
