#include "ui/cli/options.h"

#include "ui/client.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_DIR = 256, HELP, VERSION, FIRST_OPTION };

const struct cli_command cli_commands[] = {
    {"on", "", "protect this computer: everything goes through the upstreams",
     "Locks the firewall, makes the tunnel and starts to connect. It stays on over restarts of "
     "the\n"
     "computer. With --wait it returns when an upstream carries traffic (or with status 5).\n",
     CLI_WAIT, 0, 0, cli_on},
    {"off", "", "stop, and put everything back as it was",
     "Lifts the firewall and removes tunnel and routes. Only this does so.\n", 0, 0, 0, cli_off},
    {"status", "", "say what is going on, and why",
     "--watch goes on, a line or table at each change; --wait returns as soon as it is on.\n",
     CLI_JSON | CLI_WATCH | CLI_WAIT, 0, 0, cli_status},
    {"restart", "", "end the worker and start it again; the firewall stays locked", "", 0, 0, 0,
     cli_restart},
    {"reload", "", "read the configuration again",
     "A configuration that is wrong is refused with its place; the old one stays in force.\n", 0, 0,
     0, cli_reload},
    {"usage", "", "bytes, requests and blocked items, by upstream and day",
     "--by day, upstream (default) or day,upstream; --from and --to are days like 2026-01-31.\n",
     CLI_JSON | CLI_BY | CLI_FROM | CLI_TO, 0, 0, cli_usage},
    {"flows", "", "the connections of this moment", "--limit N shows at most N (default 100).\n",
     CLI_JSON | CLI_LIMIT, 0, 0, cli_flows},
    {"blocked", "", "what was blocked last, and by which rule",
     "--limit N shows at most N (default 50).\n", CLI_JSON | CLI_LIMIT, 0, 0, cli_blocked},
    {"filter", "check NAME|URL | explain NAME|URL | check --batch ...", "ask what the filter says",
     "check tells the verdict of the running service, explain every rule that matches and which "
     "of\n"
     "them wins. With --list FILE... both work on lists of your own, without the service:\n"
     "atlantic filter check --batch --list FILE... < requests.tsv\n",
     CLI_JSON, 2, 2, cli_filter},
    {"lists", "[update [NAME] | catalogue]", "the filter's lists, and new versions of them",
     "Without a word: each list with its rules, its age and what went wrong with it. update asks\n"
     "for new versions now, and waits for them, at most --wait seconds. catalogue shows the "
     "public\n"
     "lists that filter.lists and filter.categories may name.\n",
     CLI_JSON | CLI_WAIT, 0, 2, cli_lists},
    {"pause", "DURATION [NAME]", "let everything pass for a while, or one name",
     "DURATION is like 90s, 5m, 1h or 2d. It ends by itself, also if the service is restarted\n"
     "meanwhile.\n",
     CLI_JSON, 1, 2, cli_pause},
    {"resume", "[NAME]", "end the pause, or take away your rule for a name", "", CLI_JSON, 0, 1,
     cli_resume},
    {"allow", "NAME", "let a name and everything below it pass, whatever lists say",
     "For ever, or with --for for a while; atlantic resume NAME takes it back.\n",
     CLI_JSON | CLI_FOR, 1, 1, cli_allow},
    {"deny", "NAME", "block a name and everything below it, whatever lists say",
     "For ever, or with --for for a while; atlantic resume NAME takes it back.\n",
     CLI_JSON | CLI_FOR, 1, 1, cli_deny},
    {"log", "", "what was asked for, what was decided, and why",
     "Newest last. --since takes a time like 2026-01-31T08:00:00Z, a day, or how long ago, like\n"
     "2h. --name also finds what is below it. What is logged is the setting query_log.mode.\n",
     CLI_JSON | CLI_NAME | CLI_LIST | CLI_APP | CLI_VERDICT | CLI_KIND | CLI_SINCE | CLI_LIMIT |
         CLI_FOLLOW | CLI_COUNTS,
     0, 0, cli_log},
    {"consent", "[give | withdraw]", "what is asked before a query log is kept, and your answer",
     "Without a word: the text, and whether consent is required and was given. give asks you;\n"
     "withdraw takes it back: the query log ends at once, and what was kept is deleted.\n",
     CLI_JSON | CLI_YES, 0, 1, cli_consent},
    {"rules", "", "the names that you allowed and denied, and the pause", "", CLI_JSON, 0, 0,
     cli_rules},
    {"config", "check [FILE]", "check a configuration without using it",
     "FILE is /etc/atlantic/atlantic.yaml unless it is given.\n", 0, 1, 2, cli_config},
};
const size_t cli_commands_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

static const struct {
    const char *form, *meaning;
} option_texts[] = {
    {"--json", "print JSON"},
    {"--wait[=SECONDS]", "wait until it is on, at most so long (30)"},
    {"--watch", "go on and show each change"},
    {"--by WHAT", "one row for each day, upstream or day,upstream"},
    {"--from DAY", "from this day on"},
    {"--to DAY", "up to and with this day"},
    {"--limit N", "at most N"},
    {"--for DURATION", "so long, like 90s, 5m, 1h or 2d"},
    {"--name NAME", "of this name and below"},
    {"--list LIST", "decided by this list"},
    {"--app NAME", "asked for by this program, or from this address"},
    {"--verdict WORD", "block, rewrite, allow or pass"},
    {"--kind WORD", "dns, http, tls, tcp, udp, quic or address"},
    {"--since WHEN", "from then on"},
    {"--follow", "go on and show what is added"},
    {"--counts", "how often each list decided"},
    {"--yes", "agree without being asked"},
};
enum { OPTIONS = sizeof(option_texts) / sizeof(option_texts[0]) };

static const struct option long_options[] = {
    {"run-dir", required_argument, NULL, RUN_DIR},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {"json", no_argument, NULL, FIRST_OPTION},
    {"wait", optional_argument, NULL, FIRST_OPTION + 1},
    {"watch", no_argument, NULL, FIRST_OPTION + 2},
    {"by", required_argument, NULL, FIRST_OPTION + 3},
    {"from", required_argument, NULL, FIRST_OPTION + 4},
    {"to", required_argument, NULL, FIRST_OPTION + 5},
    {"limit", required_argument, NULL, FIRST_OPTION + 6},
    {"for", required_argument, NULL, FIRST_OPTION + 7},
    {"name", required_argument, NULL, FIRST_OPTION + 8},
    {"list", required_argument, NULL, FIRST_OPTION + 9},
    {"app", required_argument, NULL, FIRST_OPTION + 10},
    {"verdict", required_argument, NULL, FIRST_OPTION + 11},
    {"kind", required_argument, NULL, FIRST_OPTION + 12},
    {"since", required_argument, NULL, FIRST_OPTION + 13},
    {"follow", no_argument, NULL, FIRST_OPTION + 14},
    {"counts", no_argument, NULL, FIRST_OPTION + 15},
    {"yes", no_argument, NULL, FIRST_OPTION + 16},
    {NULL, 0, NULL, 0},
};

static void print_help(FILE *out)
{
    fputs("Usage: atlantic [OPTION...] COMMAND [ARGUMENT...]\n\n"
          "Sends what this computer's applications say through upstream proxies, blocks ads and\n"
          "trackers on the way, and lets nothing past.\n\n",
          out);
    for (size_t i = 0; i < cli_commands_count; i++)
        fprintf(out, "  %-9s %s\n", cli_commands[i].name, cli_commands[i].summary);
    fputs("\n  --run-dir DIR  where the service's sockets are (" CLIENT_RUN_DIR ")\n"
          "  --help         this text; also of each command\n"
          "  --version      the version\n\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the service is not running,\n"
          "4 no permission, 5 not on (--wait).\n",
          out);
}

static void print_command_help(const struct cli_command *command, FILE *out)
{
    fprintf(out, "Usage: atlantic %s%s%s%s\n\n%c%s.\n%s", command->name,
            command->options ? " [OPTION...]" : "", command->arguments[0] ? " " : "",
            command->arguments, command->summary[0] & ~0x20, command->summary + 1, command->help);
    for (size_t i = 0; i < OPTIONS; i++) {
        if (command->options & 1U << i)
            fprintf(out, "\n  %-16s %s", option_texts[i].form, option_texts[i].meaning);
    }
    fputs(command->options ? "\n" : "", out);
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < cli_commands_count; i++) {
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    }
    return NULL;
}

/* A whole number from 1 to max; 0 if it is none. */
static int parse_count(const char *text, int max)
{
    char *end;
    long number = strtol(text, &end, 10);
    return *text && !*end && number >= 1 && number <= max ? (int)number : 0;
}

/* NULL, or what is wrong with the option's value. */
static const char *take_option(struct cli *cli, unsigned option, const char *value)
{
    cli->given |= option;
    switch (option) {
    case CLI_WAIT:
        if (value)
            cli->wait_s = parse_count(value, 24 * 60 * 60);
        return cli->wait_s ? NULL : "--wait takes seconds";
    case CLI_LIMIT:
        cli->limit = parse_count(value, 1000);
        return cli->limit ? NULL : "--limit takes a number from 1 to 1000";
    case CLI_BY: cli->by = value; return NULL;
    case CLI_FROM: cli->from = value; return NULL;
    case CLI_TO: cli->to = value; return NULL;
    case CLI_FOR: cli->duration = value; return NULL;
    case CLI_NAME: cli->name = value; return NULL;
    case CLI_LIST: cli->list = value; return NULL;
    case CLI_APP: cli->app = value; return NULL;
    case CLI_VERDICT: cli->verdict = value; return NULL;
    case CLI_KIND: cli->kind = value; return NULL;
    case CLI_SINCE: cli->since = value; return NULL;
    default: return NULL;
    }
}

static void stop(struct options *options, int status)
{
    options->command = NULL;
    options->status = status;
}

static void fail(struct options *options, FILE *err, const char *text, const char *value)
{
    const char *command = options->command ? options->command->name : "";
    fprintf(err, "atlantic: %s%s%s%s; see atlantic %s%s--help\n", text, value ? " '" : "",
            value ? value : "", value ? "'" : "", command, *command ? " " : "");
    stop(options, CLI_USAGE);
}

/* The options up to the end or, with stop_early, up to the first word that is none. false: done. */
static bool take_options(int argc, char **argv, bool stop_early, FILE *out, FILE *err,
                         struct options *options)
{
    const char *form = stop_early ? "+:h" : ":h";
    const char *wrong;
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, form, long_options, NULL)) != -1) {
        switch (code) {
        case RUN_DIR: options->cli.run_dir = optarg; break;
        case 'h':
        case HELP:
            if (options->command)
                print_command_help(options->command, out);
            else
                print_help(out);
            stop(options, CLI_OK);
            return false;
        case VERSION:
            fputs("atlantic " ATLANTIC_VERSION "\n", out);
            stop(options, CLI_OK);
            return false;
        case '?': fail(options, err, "cannot take", argv[optind - 1]); return false;
        case ':': fail(options, err, "there is no value behind", argv[optind - 1]); return false;
        default:
            wrong = take_option(&options->cli, 1U << (code - FIRST_OPTION), optarg);
            if (wrong) {
                fail(options, err, wrong, NULL);
                return false;
            }
        }
    }
    return true;
}

/* What works on lists of one's own belongs to another program, options and all. */
static bool is_passed_on(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[0], "filter") != 0)
        return false;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--batch") == 0 || strcmp(argv[i], "--list") == 0 ||
            strcmp(argv[i], "--compiled") == 0)
            return true;
    }
    return false;
}

static void check_arguments(struct options *options, FILE *err)
{
    const struct cli_command *command = options->command;
    const struct cli *cli = &options->cli;
    for (unsigned i = 0; i < OPTIONS; i++) {
        if ((cli->given & ~command->options) & 1U << i) {
            fail(options, err, "this command does not take", option_texts[i].form);
            return;
        }
    }
    if (cli->argc < command->min_arguments)
        fail(options, err, "something is missing:", command->arguments);
    else if (cli->argc > command->max_arguments)
        fail(options, err, "one word too many:", cli->argv[command->max_arguments]);
}

void options_parse(int argc, char **argv, FILE *out, FILE *err, struct options *ret)
{
    *ret = (struct options){.cli = {.run_dir = CLIENT_RUN_DIR, .wait_s = OPTIONS_WAIT_DEFAULT_S}};
    optind = 0; /* begin anew, also for a second call */
    if (!take_options(argc, argv, true, out, err, ret))
        return;
    if (optind == argc) {
        print_help(err);
        stop(ret, CLI_USAGE);
        return;
    }
    argc -= optind;
    argv += optind;
    ret->command = find_command(argv[0]);
    if (!ret->command) {
        fail(ret, err, "there is no command", argv[0]);
        return;
    }
    ret->cli.argc = argc - 1;
    ret->cli.argv = argv + 1;
    if (is_passed_on(argc, argv))
        return;
    optind = 0;
    if (!take_options(argc, argv, false, out, err, ret))
        return;
    ret->cli.argc = argc - optind;
    ret->cli.argv = argv + optind;
    check_arguments(ret, err);
}
