/* From the texts of lists to a filter: each line goes to the parser of its list's format. */
#include "adblock/adblock_rule.h"
#include "adblock/builder.h"
#include "adblock/filter_compilation.h"
#include "adblock/filter_state.h"
#include "adblock/list_format.h"
#include "adblock/list_lines.h"
#include "adblock/list_names.h"
#include "adblock/list_rpz.h"
#include "adblock/list_unbound.h"
#include "adblock/psl.h"
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { LISTS_MAX = UINT16_MAX };

struct reader {
    enum filter_format format;
    struct adblock_list adblock;
    struct list_rpz rpz;
    struct list_unbound unbound;
};

static void read_line(struct reader *reader, struct slice line, struct rule_sink *sink)
{
    struct slice trimmed = slice_trim(line);
    switch (reader->format) {
    case FILTER_HOSTS: return list_names_hosts(trimmed, sink);
    case FILTER_DOMAINS: return list_names_domains(trimmed, sink);
    case FILTER_DNSMASQ: return list_names_dnsmasq(trimmed, sink);
    case FILTER_UNBOUND: return list_unbound_line(&reader->unbound, trimmed, sink);
    case FILTER_RPZ: return list_rpz_line(&reader->rpz, line, sink);
    case FILTER_AUTO:
    case FILTER_ADBLOCK: return adblock_rule_line(&reader->adblock, trimmed, sink);
    }
}

static int read_lines(struct builder *builder, enum filter_format format, struct list_lines *lines,
                      const char **ret_refusal)
{
    struct slice head = list_lines_head(lines);
    struct reader reader = {.format = format};
    *ret_refusal = list_format_refusal(head);
    if (*ret_refusal || (format == FILTER_AUTO && list_format_detect(head, &reader.format) < 0))
        return -EINVAL;
    int err = reader.format == FILTER_UNBOUND ? list_unbound_init(&reader.unbound, lines) : 0;
    if (err < 0)
        return err;
    builder->line_number = 0;
    while (list_lines_next(lines, &builder->line)) {
        builder->line_number++;
        if (builder->line.size > LIST_LINE_MAX_BYTES)
            builder->sink.on_dropped(&builder->sink, "a line beyond any measure");
        else
            read_line(&reader, builder->line, &builder->sink);
    }
    list_unbound_done(&reader.unbound);
    return list_lines_error(lines);
}

static int read_source(struct builder *builder, const struct filter_source *source,
                       const char **ret_refusal)
{
    struct list_lines lines;
    int err = 0;
    if (source->text)
        list_lines_of_text(&lines, (struct slice){source->text, source->size});
    else
        err = list_lines_of_file(&lines, source->fd, FILTER_TEXT_MAX_BYTES);
    if (err == 0)
        err = read_lines(builder, source->format, &lines, ret_refusal);
    list_lines_done(&lines);
    return err;
}

static void explain(struct filter_problem *problem, const struct filter_source *source,
                    const char *refusal, int err)
{
    if (problem && refusal)
        snprintf(problem->text, sizeof(problem->text), "%s:1: %s", source->name, refusal);
    else if (problem)
        snprintf(problem->text, sizeof(problem->text), "%s: %s; check that it can be read",
                 source->name, err_text(err));
}

static void forget(struct filter_problem *problem)
{
    if (problem)
        problem->text[0] = '\0';
}

/* What was said of a list that is left out does not explain a later failure. */
static int unexplained(struct filter_problem *problem, int err)
{
    if (err < 0)
        forget(problem);
    return err;
}

/* A list that is none leaves its place, empty, and the others in force; one that cannot be read
 * does not: what was in force before is better. */
static int read_sources(struct builder *builder, const struct filter_source *sources, size_t count,
                        struct filter_problem *problem)
{
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) {
        builder_begin(builder, &sources[i]);
        if (builder->sections[IMAGE_LISTS].failed)
            return unexplained(problem, -ENOMEM);
        const char *refusal = NULL;
        int err = read_source(builder, &sources[i], &refusal);
        if (err < 0 && (refused++ == 0 || err != -EINVAL))
            explain(problem, &sources[i], refusal, err);
        if (err < 0 && err != -EINVAL)
            return err;
    }
    return count > 0 && refused == count ? -EINVAL : 0;
}

static int read_all(struct builder *builder, const struct filter_compilation *what,
                    struct filter_problem *problem)
{
    if (what->count > LISTS_MAX)
        return -EINVAL;
    if (what->psl_text)
        psl_read((struct slice){what->psl_text, what->psl_size}, what->seed, &builder->suffixes);
    return read_sources(builder, what->sources, what->count, problem);
}

int filter_compile_block(const struct filter_compilation *what, uint8_t **ret, size_t *ret_size,
                         struct filter_problem *problem)
{
    struct builder builder;
    forget(problem);
    int err = builder_init(&builder, what->seed);
    if (err == 0)
        err = read_all(&builder, what, problem);
    if (err == 0)
        err = unexplained(problem, builder_make(&builder, ret, ret_size));
    builder_done(&builder);
    return err;
}

int filter_compile_file(const struct filter_compilation *what, int fd, int scratch,
                        struct filter_problem *problem)
{
    struct builder builder;
    forget(problem);
    int err = builder_init(&builder, what->seed);
    spool_use_file(&builder.names.items, scratch);
    if (err == 0)
        err = read_all(&builder, what, problem);
    if (err == 0)
        err = unexplained(problem, builder_make_file(&builder, fd));
    builder_done(&builder);
    return err;
}

int filter_compile(const struct filter_source *sources, size_t count, const char *psl_text,
                   size_t psl_size, struct filter **ret, struct filter_problem *problem)
{
    struct filter_compilation what = {
        .sources = sources, .count = count, .psl_text = psl_text, .psl_size = psl_size};
    uint8_t *image = NULL;
    size_t size = 0;
    int err = filter_compilation_seed(&what);
    if (err == 0)
        err = filter_compile_block(&what, &image, &size, problem);
    if (err == 0)
        err = filter_from_image(image, size, false, ret);
    if (err < 0)
        free(image);
    return err;
}

int filter_compilation_seed(struct filter_compilation *what)
{
    return getrandom(&what->seed, sizeof(what->seed), 0) == sizeof(what->seed) ? 0 : -EIO;
}
