/* What the configuration may hold, as data: one row per key with its type, range and default. The
 * loader, the formatter and the wiping of credentials all walk these rows; whoever adds a key adds
 * a row (and a line in atlantic.yaml(5)). */
#ifndef SERVICE_CONFIG_SCHEMA_H
#define SERVICE_CONFIG_SCHEMA_H

#include "service/config.h"

#include <stdio.h>

struct config_field;

/* What is wrong with a value, and what to do: "...; ...". */
struct config_complaint {
    char text[384];
};

/* Returns -EINVAL. */
int config_complain(struct config_complaint *ret_why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One kind of value that is written as a single YAML scalar (service/config_value.c). */
struct config_type {
    size_t size; /* of the C value */
    /* 0, -EINVAL with *ret_why, -ENOMEM; `to` untouched on failure. */
    int (*parse)(const struct config_field *field, const char *text, void *to,
                 struct config_complaint *ret_why);
    void (*format)(const struct config_field *field, const void *from, FILE *to);
    bool (*is_set)(const void *at); /* NULL: always; the others may have no value at all */
    void (*release)(void *at);      /* NULL: nothing to free; wipes what it frees */
};

extern const struct config_type config_type_bool, config_type_enum, config_type_u16,
    config_type_u32, config_type_auto_u32, config_type_size32, config_type_size64, config_type_ms,
    config_type_s, config_type_clock, config_type_text, config_type_secret, config_type_path,
    config_type_name, config_type_ip, config_type_address, config_type_endpoint,
    config_type_dns_server;

/* A mapping, or one item of a list of mappings. */
struct config_section {
    const char *what; /* for messages: "a resolver" */
    const struct config_field *fields;
    size_t count;
    size_t size; /* of the C structure; 0 where the fields lie in the one around it */
};

struct config_field {
    const char *key;
    const struct config_type *type;       /* NULL: a section */
    const struct config_section *section; /* NULL: a value */
    size_t offset;
    size_t count_offset;      /* of a list: of an unsigned; offset: of a pointer */
    uint64_t min, max;        /* of a number; items of a list; bytes of a text (max 0: 255) */
    const char *const *names; /* of an enumeration, NULL at the end; the first one's value is min */
    const char *fallback; /* the default, as one would write it; of a list with spaces between */
    bool is_list;
    uint16_t port; /* addresses and endpoints: where none is written; 0: must be written */
};

extern const struct config_section config_schema;

/* The memory of a field: bytes of one item. */
size_t config_field_size(const struct config_field *field);

#endif
