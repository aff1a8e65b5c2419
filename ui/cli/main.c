/* atlantic: the command line. Exit statuses are in cli.h and atlantic(1). */
#include "ui/cli/options.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct options options;
    options_parse(argc, argv, stdout, stderr, &options);
    if (!options.command)
        return options.status;
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org: any value but none */
    options.cli.has_colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
    return options.command->fn(&options.cli);
}
