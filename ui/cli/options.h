/* argv -> struct cli. Knows all options of all commands, and which command takes which. */
#ifndef UI_CLI_OPTIONS_H
#define UI_CLI_OPTIONS_H

#include "ui/cli/cli.h"

enum { OPTIONS_WAIT_DEFAULT_S = 30 };

extern const struct cli_command cli_commands[];
extern const size_t cli_commands_count;

/* What main is to do. */
struct options {
    struct cli cli;
    const struct cli_command *command; /* NULL: done, exit with `status` */
    int status;
};

/* Prints help, version (to `out`) or what is wrong (to `err`) itself. argv is reordered. */
void options_parse(int argc, char **argv, FILE *out, FILE *err, struct options *ret);

#endif
