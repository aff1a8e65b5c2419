/* atlanticd's command line. */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>

enum options_task {
    OPTIONS_SERVE,
    OPTIONS_LOCKDOWN,
    OPTIONS_CLEANUP,
    OPTIONS_CHECK_CONFIG,
    OPTIONS_HELP,
    OPTIONS_VERSION,
};

struct options {
    enum options_task task;
    const char *config_path; /* NULL: the usual one, if it is there */
    const char *run_dir, *state_dir, *worker;
    bool turns_on;
};

/* 0, or -EINVAL after a line on stderr. */
int options_parse(int count, char **arguments, struct options *ret);
extern const char options_help[];

#endif
