/* The checksum finds accidents; this is for what a wrong program wrote with a right checksum. */
#include "adblock/image_check.h"

#include "adblock/condition.h"
#include "adblock/netset.h"

static size_t count_of(const struct image *image, enum image_section section)
{
    return image->sections[section].count;
}

/* Text that ends somewhere: any place will do if the last byte of all is zero. */
static bool is_text(const struct image *image, uint32_t at)
{
    return at < count_of(image, IMAGE_STRINGS);
}

static bool is_traits_sound(const struct image *image, const struct image_traits *traits)
{
    for (int i = 0; i < RULE_CONDITIONS; i++)
        if (traits->conditions[i] &&
            !condition_is_sound(image, (enum rule_condition)i, traits->conditions[i]))
            return false;
    return true;
}

static bool is_class_sound(const struct image *image, const struct image_class *class)
{
    return class->traits < count_of(image, IMAGE_TRAITS) &&
           class->list < count_of(image, IMAGE_LISTS) && is_text(image, class->prefix) &&
           is_text(image, class->suffix);
}

static bool is_rule_sound(const struct image *image, const struct image_rule *rule,
                          uint32_t regexes)
{
    size_t strings = count_of(image, IMAGE_STRINGS);
    return rule->traits < count_of(image, IMAGE_TRAITS) &&
           rule->list < count_of(image, IMAGE_LISTS) && is_text(image, rule->text) &&
           rule->pattern < strings && rule->pattern_size < strings - rule->pattern &&
           (rule->kind != RULE_REGEX || rule->regex < regexes);
}

static bool are_rules_sound(const struct image *image)
{
    struct netset rules = netset_of(image);
    for (uint32_t i = 0; i < rules.count; i++)
        if (!is_rule_sound(image, &rules.rules[i], rules.regex_count))
            return false;
    return true;
}

static bool are_tables_sound(const struct image *image)
{
    size_t sieve = count_of(image, IMAGE_KEY_SIEVE), strings = count_of(image, IMAGE_STRINGS);
    return count_of(image, IMAGE_NAME_BUCKETS) >= 2 && count_of(image, IMAGE_SUFFIX_BUCKETS) >= 2 &&
           count_of(image, IMAGE_KEY_BUCKETS) >= 2 && sieve > 0 && (sieve & (sieve - 1)) == 0 &&
           strings > 0 && *image_string(image, (uint32_t)strings - 1) == '\0';
}

bool image_is_sound(const struct image *image)
{
    const struct image_list *lists = image->sections[IMAGE_LISTS].data;
    if (!are_tables_sound(image))
        return false;
    for (size_t i = 0; i < count_of(image, IMAGE_LISTS); i++)
        if (!is_text(image, lists[i].name))
            return false;
    for (size_t i = 0; i < count_of(image, IMAGE_TRAITS); i++)
        if (!is_traits_sound(image, image_traits(image, (uint32_t)i)))
            return false;
    for (size_t i = 0; i < count_of(image, IMAGE_CLASSES); i++)
        if (!is_class_sound(image, image_class(image, (uint32_t)i)))
            return false;
    return are_rules_sound(image);
}
