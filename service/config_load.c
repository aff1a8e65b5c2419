/* The generic loader. Each complaint points at the key or value that caused it. */
#include "service/config_load.h"

#include "service/config_text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 32 };

static const struct config_field *find_field(const struct config_section *section, const char *key)
{
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->fields[i].key, key) == 0)
            return &section->fields[i];
    }
    return NULL;
}

static int unknown_key(struct config_yaml *yaml, const struct config_section *section,
                       const yaml_node_t *key, const char *text)
{
    const char *keys[KEYS_MAX + 1] = {NULL};
    char known[256];
    for (size_t i = 0; i < section->count && i < KEYS_MAX; i++)
        keys[i] = section->fields[i].key;
    const char *nearest = config_text_nearest(text, keys);
    if (nearest)
        return config_yaml_fail(yaml, key, "there is no key '%.40s' in %s; did you mean '%s'?",
                                text, section->what, nearest);
    config_text_join(keys, known, sizeof(known));
    return config_yaml_fail(yaml, key, "there is no key '%.40s' in %s; it has %s", text,
                            section->what, known);
}

/* Every key known, none twice. */
static int check_keys(struct config_yaml *yaml, const struct config_section *section,
                      const yaml_node_t *mapping)
{
    const yaml_node_t *seen[KEYS_MAX] = {NULL};
    yaml_node_t *key, *value;
    assert(section->count <= KEYS_MAX);
    for (size_t i = 0; config_yaml_pair(yaml, mapping, i, &key, &value); i++) {
        const char *text = config_yaml_text(key);
        if (!text)
            return config_yaml_fail(yaml, key, "a key must be a plain word; check the line");
        const struct config_field *field = find_field(section, text);
        if (!field)
            return unknown_key(yaml, section, key, text);
        const yaml_node_t **slot = &seen[field - section->fields];
        if (*slot)
            return config_yaml_fail(yaml, key, "'%s' was given in line %u already; keep one", text,
                                    config_yaml_line(*slot));
        *slot = key;
    }
    return 0;
}

static yaml_node_t *value_of(struct config_yaml *yaml, const yaml_node_t *mapping, const char *name)
{
    yaml_node_t *key, *value;
    for (size_t i = 0; mapping && config_yaml_pair(yaml, mapping, i, &key, &value); i++) {
        if (strcmp(config_yaml_text(key), name) == 0)
            return value;
    }
    return NULL;
}

/* The word null is a value where an enumeration has it, and nothing everywhere else. */
static bool is_absent(const struct config_field *field, const yaml_node_t *node)
{
    if (node && field->names && config_yaml_text(node) && *config_yaml_text(node))
        return false;
    return !node || config_yaml_is_null(node);
}

static int parse_value(struct config_yaml *yaml, const struct config_field *field,
                       const yaml_node_t *node, const char *text, void *to)
{
    struct config_complaint why;
    int result = field->type->parse(field, text, to, &why);
    if (result == -EINVAL)
        return config_yaml_fail(yaml, node, "%s: %s", field->key, why.text);
    return result;
}

static int load_value(struct config_yaml *yaml, const struct config_field *field,
                      const yaml_node_t *node, void *to)
{
    if (is_absent(field, node))
        return field->fallback ? parse_value(yaml, field, NULL, field->fallback, to) : 0;
    const char *text = config_yaml_text(node);
    if (!text)
        return config_yaml_fail(yaml, node, "'%s' takes one value; write it behind the colon",
                                field->key);
    return parse_value(yaml, field, node, text, to);
}

/* The item's memory counts as filled from here on, so that a failure releases what it got. */
static void *append_item(const struct config_field *field, void *base)
{
    size_t size = config_field_size(field);
    char **items = (char **)((char *)base + field->offset);
    unsigned *count = (unsigned *)((char *)base + field->count_offset);
    char *larger = reallocarray(*items, *count + 1, size);
    if (!larger)
        return NULL;
    *items = larger;
    memset(larger + *count * size, 0, size);
    return larger + (*count)++ * size;
}

static int load_words(struct config_yaml *yaml, const struct config_field *field, char *words,
                      void *base)
{
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        void *item = append_item(field, base);
        int result = item ? parse_value(yaml, field, NULL, word, item) : -ENOMEM;
        if (result < 0)
            return result;
    }
    return 0;
}

static int load_fallback_list(struct config_yaml *yaml, const struct config_field *field,
                              void *base)
{
    if (!field->fallback)
        return 0;
    char *words = strdup(field->fallback);
    int result = words ? load_words(yaml, field, words, base) : -ENOMEM;
    free(words);
    return result;
}

static int load_item(struct config_yaml *yaml, const struct config_field *field, yaml_node_t *node,
                     void *base)
{
    if (config_yaml_is_null(node))
        return config_yaml_fail(yaml, node, "an empty item in '%s'; remove it or fill it in",
                                field->key);
    void *item = append_item(field, base);
    if (!item)
        return -ENOMEM;
    if (field->section)
        return config_load(yaml, field->section, node, item);
    return load_value(yaml, field, node, item);
}

static int load_list(struct config_yaml *yaml, const struct config_field *field, yaml_node_t *node,
                     void *base)
{
    if (is_absent(field, node))
        return load_fallback_list(yaml, field, base);
    if (!config_yaml_is_list(node))
        return config_yaml_fail(yaml, node, "'%s' is a list; put '- ' before each item",
                                field->key);
    size_t count = config_yaml_count(node);
    if (count < field->min)
        return config_yaml_fail(yaml, node,
                                "'%s' needs at least %llu; remove the key for the default",
                                field->key, (unsigned long long)field->min);
    if (count > field->max)
        return config_yaml_fail(yaml, config_yaml_item(yaml, node, field->max),
                                "more than %llu items in '%s'; remove some",
                                (unsigned long long)field->max, field->key);
    for (size_t i = 0; i < count; i++) {
        int result = load_item(yaml, field, config_yaml_item(yaml, node, i), base);
        if (result < 0)
            return result;
    }
    return 0;
}

static int load_field(struct config_yaml *yaml, const struct config_field *field, yaml_node_t *node,
                      void *base)
{
    if (field->is_list)
        return load_list(yaml, field, node, base);
    if (field->section)
        return config_load(yaml, field->section, is_absent(field, node) ? NULL : node,
                           (char *)base + field->offset);
    return load_value(yaml, field, node, (char *)base + field->offset);
}

int config_load(struct config_yaml *yaml, const struct config_section *section,
                yaml_node_t *mapping, void *to)
{
    if (mapping && !config_yaml_is_mapping(mapping))
        return config_yaml_fail(yaml, mapping,
                                "%s is a list of 'key: value' lines; its keys are "
                                "in atlantic.yaml(5)",
                                section->what);
    int result = mapping ? check_keys(yaml, section, mapping) : 0;
    for (size_t i = 0; result == 0 && i < section->count; i++) {
        const struct config_field *field = &section->fields[i];
        result = load_field(yaml, field, value_of(yaml, mapping, field->key), to);
    }
    return result;
}

static void release_item(const struct config_field *field, void *at)
{
    if (field->section)
        config_release(field->section, at);
    else if (field->type->release)
        field->type->release(at);
}

void config_release(const struct config_section *section, void *at)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct config_field *field = &section->fields[i];
        if (!field->is_list) {
            release_item(field, (char *)at + field->offset);
            continue;
        }
        char **items = (char **)((char *)at + field->offset);
        unsigned *count = (unsigned *)((char *)at + field->count_offset);
        for (unsigned j = 0; j < *count; j++)
            release_item(field, *items + j * config_field_size(field));
        free(*items);
        *items = NULL;
        *count = 0;
    }
}
