/* atlanticd: checks its rights, then does what the command line says. */
#define LOG_MODULE "atlanticd"

#include "base/log.h"
#include "service/supervisor/arguments.h"
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

static enum exit_status serve(const struct arguments *arguments)
{
    const struct supervisor_options what = {.config_path = arguments->config_path,
                                            .run_dir = arguments->run_dir,
                                            .state_dir = arguments->state_dir,
                                            .worker = arguments->worker,
                                            .turns_on = arguments->turns_on};
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

static enum exit_status work(const struct arguments *arguments)
{
    if (!has_rights())
        return EXIT_PRIVILEGES;
    switch (arguments->task) {
    case ARGUMENTS_LOCKDOWN: return rescue_lock(arguments->config_path, arguments->state_dir);
    case ARGUMENTS_CLEANUP:
        return rescue_clean_up(arguments->config_path, arguments->run_dir, arguments->state_dir);
    default: return serve(arguments);
    }
}

int main(int count, char **words)
{
    struct arguments arguments;
    if (arguments_parse(count, words, &arguments) < 0)
        return EXIT_USAGE;
    if (arguments.task == ARGUMENTS_HELP)
        return fputs(arguments_help, stdout) < 0;
    if (arguments.task == ARGUMENTS_VERSION)
        return puts("atlanticd " ATLANTIC_VERSION) < 0;
    if (arguments.task == ARGUMENTS_CHECK_CONFIG)
        return (int)settings_show(arguments.config_path);
    signal(SIGPIPE, SIG_IGN);
    umask(S_IWGRP | S_IWOTH);
    log_setup(LOG_INFO, false);
    return (int)work(&arguments);
}
