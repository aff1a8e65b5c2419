/* atlanticd's command line. */
#ifndef SUPERVISOR_ARGUMENTS_H
#define SUPERVISOR_ARGUMENTS_H

#include <stdbool.h>

enum arguments_task {
    ARGUMENTS_SERVE,
    ARGUMENTS_LOCKDOWN,
    ARGUMENTS_CLEANUP,
    ARGUMENTS_CHECK_CONFIG,
    ARGUMENTS_HELP,
    ARGUMENTS_VERSION,
};

struct arguments {
    enum arguments_task task;
    const char *config_path; /* NULL: the usual one, if it is there */
    const char *run_dir, *state_dir, *worker;
    bool turns_on;
};

/* 0, or -EINVAL after a line on stderr. */
int arguments_parse(int count, char **words, struct arguments *ret);
extern const char arguments_help[];

#endif
