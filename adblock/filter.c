/* A filter's life, and what it tells of itself. */
#include "adblock/filter.h"

#include "adblock/filter_state.h"
#include "adblock/image_check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Atomic uint64_t last_serial;

static struct hostset hostset_at(const struct image *image, enum image_section buckets,
                                 enum image_section entries)
{
    return (struct hostset){
        .buckets = image->sections[buckets].data,
        .entries = image->sections[entries].data,
        .bucket_count = (uint32_t)image->sections[buckets].count - 1,
        .count = (uint32_t)image->sections[entries].count,
    };
}

uint64_t filter_next_serial(void)
{
    return atomic_fetch_add_explicit(&last_serial, 1, memory_order_relaxed) + 1;
}

int filter_from_image(uint8_t *data, size_t size, bool is_mapped, struct filter **ret)
{
    struct image image;
    int err = image_read(data, size, is_mapped, &image);
    if (err == 0 && !image_is_sound(&image))
        err = -EBADMSG;
    if (err < 0)
        return err;
    struct filter *filter = calloc(1, sizeof(*filter));
    if (!filter)
        return -ENOMEM;
    atomic_init(&filter->references, 1);
    filter->serial = filter_next_serial();
    filter->image = image;
    filter->is_mapped = is_mapped;
    filter->names = hostset_at(&image, IMAGE_NAME_BUCKETS, IMAGE_NAME_ENTRIES);
    filter->suffixes = hostset_at(&image, IMAGE_SUFFIX_BUCKETS, IMAGE_SUFFIX_ENTRIES);
    filter->rules = netset_of(&image);
    filter->regexes = calloc(filter->rules.regex_count + 1, sizeof(*filter->regexes));
    if (!filter->regexes) {
        free(filter);
        return -ENOMEM;
    }
    *ret = filter;
    return 0;
}

struct filter *filter_ref(struct filter *filter)
{
    if (filter)
        atomic_fetch_add_explicit(&filter->references, 1, memory_order_relaxed);
    return filter;
}

uint64_t filter_serial(const struct filter *filter)
{
    return filter ? filter->serial : 0;
}

static void free_image(struct filter *filter)
{
    for (uint32_t i = 0; i < filter->rules.regex_count; i++)
        regex_done(&filter->regexes[i]);
    free(filter->regexes);
    if (filter->is_mapped)
        munmap((void *)filter->image.data, filter->image.size);
    else
        free((void *)filter->image.data);
}

void filter_unref(struct filter *filter)
{
    if (!filter || atomic_fetch_sub_explicit(&filter->references, 1, memory_order_acq_rel) != 1)
        return;
    if (filter->base)
        filter_unref(filter->base);
    else
        free_image(filter);
    own_names_free(filter->own);
    free(filter);
}

struct filter_stats filter_list_stats(const struct filter *filter, size_t list)
{
    const struct image_list *lists = filter->image.sections[IMAGE_LISTS].data;
    if (list >= filter->image.sections[IMAGE_LISTS].count)
        return (struct filter_stats){0};
    return (struct filter_stats){
        .lists = 1,
        .names = lists[list].names,
        .rules = lists[list].rules,
        .exceptions = lists[list].exceptions,
        .cosmetic = lists[list].cosmetic,
        .dropped = lists[list].dropped,
    };
}

const char *filter_list_name(const struct filter *filter, size_t list)
{
    const struct image_list *lists = filter->image.sections[IMAGE_LISTS].data;
    return list < filter->image.sections[IMAGE_LISTS].count
               ? image_string(&filter->image, lists[list].name)
               : NULL;
}

struct filter_stats filter_stats(const struct filter *filter)
{
    struct filter_stats total = {.memory_bytes = sizeof(*filter) + filter->image.size};
    size_t lists = filter->image.sections[IMAGE_LISTS].count;
    for (size_t i = 0; i < lists; i++) {
        struct filter_stats one = filter_list_stats(filter, i);
        total.lists++;
        total.names += one.names;
        total.rules += one.rules;
        total.exceptions += one.exceptions;
        total.cosmetic += one.cosmetic;
        total.dropped += one.dropped;
    }
    return total;
}

bool filter_matches(const struct filter *filter, const struct image_rule *rule,
                    const struct pattern_subject *subject, const char *original, long at)
{
    struct slice text = {image_string(&filter->image, rule->pattern), rule->pattern_size};
    bool is_exact = image_traits(&filter->image, rule->traits)->flags & RULE_MATCH_CASE;
    if (rule->kind == RULE_REGEX)
        return regex_match(&filter->regexes[rule->regex], text, !is_exact,
                           original + subject->start, subject->size - subject->start);
    struct pattern pattern = {text, rule->anchors};
    struct pattern_subject exact = *subject;
    exact.text = original;
    if (is_exact)
        subject = &exact;
    return at >= 0 ? pattern_match_at(&pattern, subject, (size_t)at)
                   : pattern_match(&pattern, subject);
}
