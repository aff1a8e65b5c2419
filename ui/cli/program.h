/* The other programs of Atlantic, where they are installed or built beside this one. */
#ifndef UI_CLI_PROGRAM_H
#define UI_CLI_PROGRAM_H

#include <stddef.h>

/* Write the path of the program: $ATLANTIC_LIBEXEC, then beside the executable `self`, then where
 * it is installed or built relative to that. 0 or -ENOENT. */
int program_find(const char *name, const char *self, char *to, size_t capacity);

/* Become that program; `arguments` end with NULL and do not begin with its name. Returns only on
 * failure, with the exit status, after a message. */
int program_run(const char *name, char **arguments);
/* Run it, wait for its end: CLI_OK if it ended with 0, else CLI_FAILED. */
int program_ask(const char *name, char **arguments);

#endif
