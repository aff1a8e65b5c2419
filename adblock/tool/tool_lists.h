/* The tool's command line, and the lists that it names. */
#ifndef ADBLOCK_TOOL_LISTS_H
#define ADBLOCK_TOOL_LISTS_H

#include "adblock/filter.h"

#include <stdbool.h>

enum { TOOL_LISTS_MAX = 256 };

struct tool_list {
    const char *path, *category;
    enum filter_format format;
    char *text;
    size_t size;
};

struct tool_options {
    const char *command, *psl, *output, *compiled, *source, *type, *subject;
    bool is_dns, shows_dropped;
    struct tool_list lists[TOOL_LISTS_MAX];
    size_t list_count;
};

/* 0 or -EINVAL. */
int tool_options_parse(struct tool_options *options, int argc, char **argv);
void tool_options_done(struct tool_options *options);
/* Prints what is wrong. 0 or a negative code. */
int tool_lists_load(struct tool_options *options, struct filter **ret);

#endif
