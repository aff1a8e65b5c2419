#include "service/supervisor/arguments.h"

#include "service/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

const char arguments_help[] =
    "atlanticd: the root half of Atlantic, which protects this host\n"
    "\n"
    "usage: atlanticd [--on] [--config FILE] [--run-dir DIR] [--state-dir DIR] [--worker PROGRAM]\n"
    "       atlanticd --check-config [FILE]\n"
    "       atlanticd --lockdown | --cleanup | --help | --version\n"
    "\n"
    "  --config FILE     default " CONFIG_PATH ", if it is there\n"
    "  --run-dir DIR     sockets and lock; default /run/atlantic\n"
    "  --state-dir DIR   what outlives a restart; default /var/lib/atlantic\n"
    "  --worker PROGRAM  default " ATLANTIC_WORKER "\n"
    "  --on              switch protection on\n"
    "  --lockdown        arm the fence if protection was on, and end; for early boot\n"
    "  --check-config    print what a configuration means, or what is wrong with it; anybody may\n"
    "  --cleanup         the rescue: put everything back on this host, and end\n"
    "\n"
    "Runs in the foreground. SIGTERM ends it and leaves the fence armed if protection is on;\n"
    "SIGINT (Ctrl-C) switches protection off; SIGHUP reads the configuration again.\n";

static const struct option known[] = {
    {"config", required_argument, NULL, 'c'},
    {"run-dir", required_argument, NULL, 'r'},
    {"state-dir", required_argument, NULL, 's'},
    {"worker", required_argument, NULL, 'w'},
    {"on", no_argument, NULL, 'o'},
    {"lockdown", no_argument, NULL, 'l'},
    {"cleanup", no_argument, NULL, 'u'},
    {"check-config", no_argument, NULL, 'k'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static bool take(struct arguments *arguments, int letter)
{
    switch (letter) {
    case 'c': arguments->config_path = optarg; return true;
    case 'r': arguments->run_dir = optarg; return true;
    case 's': arguments->state_dir = optarg; return true;
    case 'w': arguments->worker = optarg; return true;
    case 'o': arguments->turns_on = true; return true;
    case 'l': arguments->task = ARGUMENTS_LOCKDOWN; return true;
    case 'u': arguments->task = ARGUMENTS_CLEANUP; return true;
    case 'k': arguments->task = ARGUMENTS_CHECK_CONFIG; return true;
    case 'h': arguments->task = ARGUMENTS_HELP; return true;
    case 'v': arguments->task = ARGUMENTS_VERSION; return true;
    default: return false; /* getopt has said what is wrong */
    }
}

int arguments_parse(int count, char **words, struct arguments *ret)
{
    struct arguments arguments = {
        .run_dir = "/run/atlantic", .state_dir = "/var/lib/atlantic", .worker = ATLANTIC_WORKER};
    int letter;
    optind = 1;
    while ((letter = getopt_long(count, words, "", known, NULL)) != -1)
        if (!take(&arguments, letter))
            return -EINVAL;
    if (arguments.task == ARGUMENTS_CHECK_CONFIG && optind + 1 == count)
        arguments.config_path = words[optind++];
    if (optind < count) {
        fprintf(stderr, "%s: there is no argument '%s'\n", words[0], words[optind]);
        return -EINVAL;
    }
    *ret = arguments;
    return 0;
}
