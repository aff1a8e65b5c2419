/* atlantic-filter: asks lists on the command line, apart from any running service.
 *
 *   check --batch --list FILE... [--psl FILE] [--dns] < requests.tsv   one verdict a line
 *   explain --list FILE... [--source URL] [--type TYPE] NAME|URL       every rule that matches
 *   compile --list FILE... --output FILE                               the mapped form
 *   stats --list FILE... [--dropped]                                   what was read, what was not
 */
#include "adblock/tool/batch.h"
#include "adblock/tool/tool_lists.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static void print_usage(FILE *to)
{
    fputs(
        "usage: atlantic-filter check --batch LISTS [--psl FILE] [--dns] < requests.tsv\n"
        "       atlantic-filter explain LISTS [--source URL] [--type TYPE] NAME|URL\n"
        "       atlantic-filter compile LISTS --output FILE\n"
        "       atlantic-filter stats LISTS [--dropped]\n"
        "LISTS: --list FILE... [--format FORMAT] [--category allow|deny|...], or --compiled FILE\n"
        "FORMAT: auto hosts domains dnsmasq unbound rpz adblock, for the lists that follow\n",
        to);
}

static int usage(void)
{
    print_usage(stderr);
    return EXIT_USAGE;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run_compile(const struct filter *filter, const struct tool_options *options)
{
    if (!options->output)
        return usage();
    int err = filter_save(filter, options->output);
    if (err < 0)
        fprintf(stderr, "atlantic-filter: %s: %s\n", options->output, err_text(err));
    return err < 0;
}

static void print_stats(const char *name, struct filter_stats stats)
{
    printf("%s\tnames %zu\trules %zu\texceptions %zu\tcosmetic %zu\tdropped %zu\n", name,
           stats.names, stats.rules, stats.exceptions, stats.cosmetic, stats.dropped);
}

static int run_stats(const struct filter *filter, const struct tool_options *options)
{
    for (size_t i = 0; i < options->list_count; i++)
        print_stats(options->lists[i].path, filter_list_stats(filter, i));
    struct filter_stats total = filter_stats(filter);
    print_stats("all", total);
    printf("memory %zu bytes\n", total.memory_bytes);
    return 0;
}

static int run(const struct filter *filter, const struct tool_options *options)
{
    if (strcmp(options->command, "check") == 0)
        return options->is_dns ? batch_names(filter, options) : batch_requests(filter, options);
    if (strcmp(options->command, "explain") == 0)
        return options->subject ? batch_explain(filter, options) : usage();
    if (strcmp(options->command, "compile") == 0)
        return run_compile(filter, options);
    return strcmp(options->command, "stats") == 0 ? run_stats(filter, options) : usage();
}

int main(int argc, char **argv)
{
    struct tool_options options = {0};
    struct filter *filter = NULL;
    if (asks_for_help(argc, argv)) {
        print_usage(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (tool_options_parse(&options, argc, argv) < 0)
        return usage();
    int status = tool_lists_load(&options, &filter) < 0 ? 1 : run(filter, &options);
    filter_unref(filter);
    tool_options_done(&options);
    return fflush(stdout) == 0 ? status : 1;
}
