/* From the texts of lists to a filter: each line goes to the parser of its list's format. */
#include "adblock/adblock_rule.h"
#include "adblock/builder.h"
#include "adblock/filter_state.h"
#include "adblock/list_format.h"
#include "adblock/list_names.h"
#include "adblock/list_rpz.h"
#include "adblock/list_unbound.h"
#include "adblock/psl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { LISTS_MAX = UINT16_MAX, LINE_MAX_BYTES = 65536 };

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

static int read_source(struct builder *builder, const struct filter_source *source)
{
    struct reader reader = {.format = source->format};
    struct slice rest = {source->text, source->size};
    if (slice_starts(rest, SLICE("\xef\xbb\xbf")))
        rest = slice_from(rest, 3);
    if (list_format_refusal(rest))
        return -EINVAL;
    if (reader.format == FILTER_AUTO && list_format_detect(rest, &reader.format) < 0)
        return -EINVAL;
    if (reader.format == FILTER_UNBOUND && list_unbound_init(&reader.unbound, rest) < 0)
        return -ENOMEM;
    builder->line_number = 0;
    while (rest.size > 0 && slice_next(&rest, '\n', &builder->line)) {
        builder->line_number++;
        if (builder->line.size > LINE_MAX_BYTES)
            builder->sink.on_dropped(&builder->sink, "a line beyond any measure");
        else
            read_line(&reader, builder->line, &builder->sink);
    }
    list_unbound_done(&reader.unbound);
    return 0;
}

static void explain(struct filter_problem *problem, const struct filter_source *source)
{
    if (problem)
        snprintf(problem->text, sizeof(problem->text), "%s:1: %s", source->name,
                 list_format_refusal((struct slice){source->text, source->size}));
}

/* A list that cannot be read leaves its place, empty, and the others in force. */
static int read_sources(struct builder *builder, const struct filter_source *sources, size_t count,
                        struct filter_problem *problem)
{
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) {
        builder_begin(builder, &sources[i]);
        if (builder->sections[IMAGE_LISTS].failed)
            return -ENOMEM;
        int err = read_source(builder, &sources[i]);
        if (err == -ENOMEM)
            return err;
        if (err == 0)
            continue;
        if (refused++ == 0)
            explain(problem, &sources[i]);
    }
    return count > 0 && refused == count ? -EINVAL : 0;
}

int filter_compile(const struct filter_source *sources, size_t count, const char *psl_text,
                   size_t psl_size, struct filter **ret, struct filter_problem *problem)
{
    struct builder builder;
    uint8_t *image = NULL;
    size_t size = 0;
    uint64_t seed = 0;
    if (count > LISTS_MAX)
        return -EINVAL;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        return -EIO;
    if (problem)
        problem->text[0] = '\0';
    int err = builder_init(&builder, seed);
    if (err == 0 && psl_text)
        psl_read((struct slice){psl_text, psl_size}, seed, &builder.suffixes);
    if (err == 0)
        err = read_sources(&builder, sources, count, problem);
    if (err == 0)
        err = builder_make(&builder, &image, &size);
    if (err == 0)
        err = filter_from_image(image, size, false, ret);
    if (err < 0)
        free(image);
    builder_done(&builder);
    return err;
}
