/* What the user asked for last, on or off, kept over restarts and reboots in a file of the
 * supervisor's own. The early lockdown reads it before anything else runs. */
#ifndef SUPERVISOR_WISH_H
#define SUPERVISOR_WISH_H

#include <stdbool.h>

/* 0; -ENOENT never asked; -EINVAL the file holds something else. */
int wish_read(const char *state_dir, bool *ret_is_on);
/* Whole or not at all, on disk when it returns. */
int wish_write(const char *state_dir, bool is_on);

#endif
