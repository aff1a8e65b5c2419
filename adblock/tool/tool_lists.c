/* Options in any order; a word behind --list, or behind another list, is a list. */
#include "adblock/tool/tool_lists.h"

#include "base/cleanup.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>

struct flag {
    const char *name;
    size_t at; /* of a const char * in the options */
};

static const char *const format_names[] = {
    [FILTER_AUTO] = "auto",       [FILTER_HOSTS] = "hosts",     [FILTER_DOMAINS] = "domains",
    [FILTER_DNSMASQ] = "dnsmasq", [FILTER_UNBOUND] = "unbound", [FILTER_RPZ] = "rpz",
    [FILTER_ADBLOCK] = "adblock",
};

static int parse_format(const char *name, enum filter_format *ret)
{
    for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
        if (strcmp(name, format_names[i]) == 0) {
            *ret = (enum filter_format)i;
            return 0;
        }
    }
    return -EINVAL;
}

static const char **value_of(struct tool_options *options, const char *name)
{
    static const struct flag flags[] = {
        {"--psl", offsetof(struct tool_options, psl)},
        {"--output", offsetof(struct tool_options, output)},
        {"--compiled", offsetof(struct tool_options, compiled)},
        {"--source", offsetof(struct tool_options, source)},
        {"--type", offsetof(struct tool_options, type)},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(name, flags[i].name) == 0)
            return (const char **)((char *)options + flags[i].at);
    return NULL;
}

static int add_list(struct tool_options *options, const struct tool_list *list)
{
    if (options->list_count == TOOL_LISTS_MAX)
        return -EINVAL;
    options->lists[options->list_count++] = *list;
    return 0;
}

int tool_options_parse(struct tool_options *options, int argc, char **argv)
{
    struct tool_list list = {.category = ""};
    bool is_list = false;
    if (argc < 2)
        return -EINVAL;
    options->command = argv[1];
    for (int i = 2; i < argc && argv[i]; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        const char **value = value_of(options, word);
        int err = 0;
        bool was_list = is_list;
        is_list = false;
        if (strcmp(word, "--list") == 0)
            is_list = true;
        else if (strcmp(word, "--dns") == 0)
            options->is_dns = true;
        else if (strcmp(word, "--dropped") == 0)
            options->shows_dropped = true;
        else if (value && next)
            *value = argv[++i];
        else if (strcmp(word, "--format") == 0 && next)
            err = parse_format(argv[++i], &list.format);
        else if (strcmp(word, "--category") == 0 && next)
            list.category = argv[++i];
        else if (was_list && word[0] != '-') {
            list.path = word;
            err = add_list(options, &list);
            is_list = strcmp(options->command, "explain") != 0; /* its subject follows */
        } else if (word[0] != '-' && !options->subject)
            options->subject = word;
        else if (strcmp(word, "--batch") != 0)
            err = -EINVAL;
        if (err < 0)
            return err;
    }
    return options->list_count > 0 || options->compiled ? 0 : -EINVAL;
}

void tool_options_done(struct tool_options *options)
{
    for (size_t i = 0; i < options->list_count; i++)
        free(options->lists[i].text);
}

static int read_file(const char *path, char **ret, size_t *ret_size)
{
    _fclose_ FILE *file = fopen(path, "re");
    _free_ char *text = NULL;
    size_t size = 0, capacity = 0, got = 1;
    if (!file)
        return -errno;
    errno = 0;
    while (got > 0) {
        if (size == capacity) {
            capacity = capacity ? capacity * 2 : 1 << 20;
            char *more = realloc(text, capacity);
            if (!more)
                return -ENOMEM;
            text = more;
        }
        got = fread(text + size, 1, capacity - size, file);
        size += got;
    }
    if (ferror(file))
        return errno ? -errno : -EIO;
    *ret = text;
    *ret_size = size;
    text = NULL;
    return 0;
}

static void print_dropped(void *owner, size_t line, const char *text, size_t size,
                          const char *reason)
{
    const struct tool_list *list = owner;
    printf("%s:%zu: %s: %.*s\n", list->path, line, reason, (int)size, text);
}

/* A list that was read in a format that is not its own. */
static void warn_of_format(const struct tool_list *list, struct filter_stats stats)
{
    bool has_any = stats.names + stats.rules + stats.exceptions + stats.cosmetic > 0;
    if (list->format != FILTER_AUTO && !has_any && stats.dropped > 0)
        fprintf(stderr,
                "atlantic-filter: %s: none of its %zu lines is of the format \"%s\"; is another "
                "--format meant?\n",
                list->path, stats.dropped, format_names[list->format]);
}

static int compile(struct tool_options *options, const char *psl, size_t psl_size,
                   struct filter **ret)
{
    struct filter_source sources[TOOL_LISTS_MAX];
    struct filter_problem problem;
    for (size_t i = 0; i < options->list_count; i++) {
        struct tool_list *list = &options->lists[i];
        int err = read_file(list->path, &list->text, &list->size);
        if (err < 0) {
            fprintf(stderr, "atlantic-filter: %s: %s\n", list->path, err_text(err));
            return err;
        }
        sources[i] =
            (struct filter_source){.name = list->path,
                                   .category = list->category,
                                   .format = list->format,
                                   .text = list->text,
                                   .size = list->size,
                                   .on_dropped = options->shows_dropped ? print_dropped : NULL,
                                   .owner = list};
    }
    int err = filter_compile(sources, options->list_count, psl, psl_size, ret, &problem);
    if (err < 0 || problem.text[0]) /* one bad list of several leaves the others in force */
        fprintf(stderr, "atlantic-filter: %s\n", problem.text[0] ? problem.text : err_text(err));
    for (size_t i = 0; err == 0 && i < options->list_count; i++)
        warn_of_format(&options->lists[i], filter_list_stats(*ret, i));
    return err;
}

int tool_lists_load(struct tool_options *options, struct filter **ret)
{
    _free_ char *psl = NULL;
    size_t psl_size = 0;
    int err;
    if (options->compiled) {
        err = filter_open(options->compiled, ret);
        if (err < 0)
            fprintf(stderr, "atlantic-filter: %s: %s\n", options->compiled, err_text(err));
        return err;
    }
    err = read_file(options->psl ? options->psl : FILTER_PSL_PATH, &psl, &psl_size);
    if (err < 0 && options->psl) {
        fprintf(stderr, "atlantic-filter: %s: %s\n", options->psl, err_text(err));
        return err;
    }
    return compile(options, psl, psl_size, ret);
}
