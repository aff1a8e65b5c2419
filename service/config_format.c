/* The effective configuration as YAML that can be read again (but for the credentials). */
#include "service/config_schema.h"

#include <stdlib.h>

static void format_section(const struct config_section *section, const char *at, unsigned indent,
                           const char *first, FILE *to);

static void indent_by(unsigned indent, FILE *to)
{
    fprintf(to, "%*s", (int)indent, "");
}

static void format_list(const struct config_field *field, const char *base, unsigned indent,
                        FILE *to)
{
    const char *items = *(char *const *)(base + field->offset);
    unsigned count = *(const unsigned *)(base + field->count_offset);
    fputs(count ? "\n" : " []\n", to);
    for (unsigned i = 0; i < count; i++) {
        const char *item = items + i * config_field_size(field);
        if (field->section) {
            format_section(field->section, item, indent + 4, "  - ", to);
            continue;
        }
        indent_by(indent, to);
        fputs("  - ", to);
        field->type->format(field, item, to);
        fputc('\n', to);
    }
}

static void format_field(const struct config_field *field, const char *base, unsigned indent,
                         FILE *to)
{
    fprintf(to, "%s:", field->key);
    if (field->is_list) {
        format_list(field, base, indent, to);
    } else if (field->section) {
        fputc('\n', to);
        format_section(field->section, base + field->offset, indent + 2, "", to);
    } else {
        fputc(' ', to);
        field->type->format(field, base + field->offset, to);
        fputc('\n', to);
    }
}

/* `first` stands before the first key instead of as many spaces. */
static void format_section(const struct config_section *section, const char *at, unsigned indent,
                           const char *first, FILE *to)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct config_field *field = &section->fields[i];
        bool may_be_unset = !field->is_list && !field->section && field->type->is_set;
        if (may_be_unset && !field->type->is_set(at + field->offset))
            continue;
        indent_by(*first ? indent - 4 : indent, to);
        fputs(first, to);
        first = "";
        format_field(field, at, indent, to);
    }
}

char *config_format(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    format_section(&config_schema, (const char *)config, 0, "", to);
    bool failed = ferror(to);
    if (fclose(to) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
