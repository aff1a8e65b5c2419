/* YAML by libyaml's document interface: each node comes with its mark, so that a complaint found
 * long after parsing (two equal names, a resolver in the clear) still has its line and column. */
#include "service/config_yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct config_yaml {
    const char *name;
    struct config_error *error;
    yaml_document_t document;
    bool has_document;
};

static void write_error(struct config_yaml *yaml, const yaml_mark_t *mark, const char *text)
{
    snprintf(yaml->error->text, sizeof(yaml->error->text), "%s:%zu:%zu: %s", yaml->name,
             mark->line + 1, mark->column + 1, text);
}

int config_yaml_fail(struct config_yaml *yaml, const yaml_node_t *node, const char *format, ...)
{
    static const yaml_mark_t start;
    char text[400]; /* leaves room for the place */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_error(yaml, node ? &node->start_mark : &start, text);
    return -EINVAL;
}

/* What to do about the mistakes that people make most. */
static const char *syntax_hint(const char *problem)
{
    static const struct {
        const char *part, *hint;
    } hints[] = {
        {"cannot start any token",
         "indent with spaces, never with tabs, and quote text that starts "
         "with @ or `"},
        {"mapping values are not allowed",
         "check the indentation, and quote text with \": \" in it"},
        {"did not find expected key", "check the indentation of this line and of the one above"},
        {"did not find expected '-'", "items of a list must start in the same column"},
        {"could not find expected ':'", "a key needs a colon and a space behind it"},
        {"unexpected end of stream", "a quote is not closed"},
        {"',' or ']'", "a [ is not closed"},
        {"',' or '}'", "a { is not closed"},
        {"escape character", "use single quotes for text with backslashes"},
        {"undefined alias", "quote text that starts with *"},
        {"UTF-8", "save the file as UTF-8"},
        {"control characters", "remove the control character"},
    };
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strstr(problem, hints[i].part))
            return hints[i].hint;
    }
    return "see the examples in atlantic.yaml(5)";
}

/* The reader's errors know only an offset in bytes. */
static yaml_mark_t mark_of_offset(const char *text, size_t size, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset && i < size; i++) {
        mark.column++;
        if (text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static int syntax_error(struct config_yaml *yaml, const yaml_parser_t *parser, const char *text,
                        size_t size)
{
    char line[sizeof(yaml->error->text) / 2];
    const char *problem = parser->problem ? parser->problem : "not YAML";
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    if (parser->error == YAML_READER_ERROR)
        mark = mark_of_offset(text, size, parser->problem_offset);
    snprintf(line, sizeof(line), "%s%s%s; %s", parser->context ? parser->context : "",
             parser->context ? ", " : "", problem, syntax_hint(problem));
    write_error(yaml, &mark, line);
    return -EINVAL;
}

/* There must not be a second document: it would be ignored without a word. */
static int expect_end(struct config_yaml *yaml, yaml_parser_t *parser, const char *text,
                      size_t size)
{
    yaml_document_t more;
    int result = 0;
    if (!yaml_parser_load(parser, &more))
        return syntax_error(yaml, parser, text, size);
    const yaml_node_t *root = yaml_document_get_root_node(&more);
    if (root)
        result = config_yaml_fail(yaml, root, "a second document; remove the line --- above it");
    yaml_document_delete(&more);
    return result;
}

static void wipe_parser(yaml_parser_t *parser)
{
    if (parser->raw_buffer.start)
        explicit_bzero(parser->raw_buffer.start,
                       (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    if (parser->buffer.start)
        explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    yaml_parser_delete(parser);
}

static int load(struct config_yaml *yaml, const char *text, size_t size)
{
    yaml_parser_t parser;
    int result = 0;
    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (yaml_parser_load(&parser, &yaml->document)) {
        yaml->has_document = true;
        if (config_yaml_root(yaml))
            result = expect_end(yaml, &parser, text, size);
    } else {
        result = syntax_error(yaml, &parser, text, size);
    }
    wipe_parser(&parser);
    return result;
}

int config_yaml_open(const char *name, const char *text, size_t size, struct config_error *error,
                     struct config_yaml **ret)
{
    struct config_yaml *yaml = calloc(1, sizeof(*yaml));
    if (!yaml)
        return -ENOMEM;
    yaml->name = name;
    yaml->error = error;
    int result;
    if (size > CONFIG_FILE_MAX_BYTES)
        result = config_yaml_fail(yaml, NULL, "larger than %d KiB; is this the right file?",
                                  CONFIG_FILE_MAX_BYTES / 1024);
    else
        result = load(yaml, text, size);
    if (result < 0) {
        config_yaml_close(yaml);
        return result;
    }
    *ret = yaml;
    return 0;
}

static void wipe_scalars(yaml_document_t *document)
{
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE)
            explicit_bzero(node->data.scalar.value, node->data.scalar.length);
    }
}

void config_yaml_close(struct config_yaml *yaml)
{
    if (!yaml)
        return;
    if (yaml->has_document) {
        wipe_scalars(&yaml->document);
        yaml_document_delete(&yaml->document);
    }
    free(yaml);
}

yaml_node_t *config_yaml_root(struct config_yaml *yaml)
{
    return yaml_document_get_root_node(&yaml->document);
}

const char *config_yaml_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE)
        return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool config_yaml_is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)node->data.scalar.value;
    return strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

bool config_yaml_is_mapping(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE;
}

bool config_yaml_is_list(const yaml_node_t *node)
{
    return node->type == YAML_SEQUENCE_NODE;
}

bool config_yaml_pair(struct config_yaml *yaml, const yaml_node_t *mapping, size_t index,
                      yaml_node_t **ret_key, yaml_node_t **ret_value)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return false;
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start + index;
    if (pair >= mapping->data.mapping.pairs.top)
        return false;
    *ret_key = yaml_document_get_node(&yaml->document, pair->key);
    *ret_value = yaml_document_get_node(&yaml->document, pair->value);
    return true;
}

size_t config_yaml_count(const yaml_node_t *sequence)
{
    if (sequence->type != YAML_SEQUENCE_NODE)
        return 0;
    return (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start);
}

yaml_node_t *config_yaml_item(struct config_yaml *yaml, const yaml_node_t *sequence, size_t index)
{
    if (index >= config_yaml_count(sequence))
        return NULL;
    return yaml_document_get_node(&yaml->document, sequence->data.sequence.items.start[index]);
}

static yaml_node_t *value_of(struct config_yaml *yaml, const yaml_node_t *mapping, const char *key,
                             size_t size)
{
    yaml_node_t *name, *value;
    for (size_t i = 0; config_yaml_pair(yaml, mapping, i, &name, &value); i++) {
        const char *text = config_yaml_text(name);
        if (text && strncmp(text, key, size) == 0 && text[size] == '\0')
            return value;
    }
    return NULL;
}

/* One step along a path; `*path` moves behind it. */
static yaml_node_t *step(struct config_yaml *yaml, yaml_node_t *at, const char **path)
{
    if (**path == '[') {
        char *end;
        unsigned long index = strtoul(*path + 1, &end, 10);
        *path = end + 1;
        return config_yaml_item(yaml, at, index);
    }
    if (**path == '.')
        (*path)++;
    size_t size = strcspn(*path, ".[");
    yaml_node_t *next = value_of(yaml, at, *path, size);
    *path += size;
    return next;
}

static yaml_node_t *walk(struct config_yaml *yaml, const char *path, bool stop_above)
{
    yaml_node_t *at = config_yaml_root(yaml);
    while (at && *path) {
        yaml_node_t *next = step(yaml, at, &path);
        if (!next && stop_above)
            return at;
        at = next;
    }
    return at;
}

yaml_node_t *config_yaml_find(struct config_yaml *yaml, const char *path)
{
    return walk(yaml, path, false);
}

yaml_node_t *config_yaml_nearest(struct config_yaml *yaml, const char *path)
{
    return walk(yaml, path, true);
}

unsigned config_yaml_line(const yaml_node_t *node)
{
    return (unsigned)node->start_mark.line + 1;
}
