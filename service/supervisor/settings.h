/* One reading of the configuration file, whole: its text sealed in memory, so that the worker is
 * handed the very bytes that were checked here, and the user it names looked up. */
#ifndef SUPERVISOR_SETTINGS_H
#define SUPERVISOR_SETTINGS_H

#include "service/config.h"
#include "service/supervisor/exit_status.h"

#include <sys/types.h>

struct settings {
    struct config *config;
    int config_fd; /* -1: no file, the embedded default */
    uid_t user;
    gid_t group;
};

/* `path` NULL: CONFIG_PATH, or the embedded default where there is none. EXIT_FINE, or EXIT_CONFIG,
 * EXIT_NO_USER, with the one line to tell. */
enum exit_status settings_read(const char *path, struct settings *ret, struct config_error *error);
void settings_done(struct settings *settings);

/* Read the configuration alone and print on stdout what it means, or on stderr what is wrong.
 * EXIT_FINE or EXIT_CONFIG. */
enum exit_status settings_show(const char *path);

#endif
