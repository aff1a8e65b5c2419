/* The kinds of values that a YAML scalar may hold: text to C and back, each with words for what is
 * wrong. A complaint quotes the value, except that of a secret. */
#include "service/config_schema.h"

#include "service/config_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int config_complain(struct config_complaint *ret_why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(ret_why->text, sizeof(ret_why->text), format, args);
    va_end(args);
    return -EINVAL;
}

/* bool */

static int bool_parse(const struct config_field *field, const char *text, void *to,
                      struct config_complaint *ret_why)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    (void)field;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            *(bool *)to = i % 2;
            return 0;
        }
    }
    return config_complain(ret_why, "'%.40s' is neither true nor false; write true or false", text);
}

static void bool_format(const struct config_field *field, const void *from, FILE *to)
{
    (void)field;
    fputs(*(const bool *)from ? "true" : "false", to);
}

/* enumeration */

static int unknown_word(const struct config_field *field, const char *text,
                        struct config_complaint *ret_why)
{
    char known[160] = "";
    const char *nearest = config_text_nearest(text, field->names);
    config_text_join(field->names, known, sizeof(known));
    if (nearest)
        return config_complain(ret_why,
                               "'%.40s' is not known here; did you mean '%s'? Known are %s", text,
                               nearest, known);
    return config_complain(ret_why, "'%.40s' is not known here; known are %s", text, known);
}

static int enum_parse(const struct config_field *field, const char *text, void *to,
                      struct config_complaint *ret_why)
{
    for (unsigned i = 0; field->names[i]; i++) {
        if (strcmp(text, field->names[i]) == 0) {
            *(unsigned *)to = (unsigned)field->min + i;
            return 0;
        }
    }
    return unknown_word(field, text, ret_why);
}

static void enum_format(const struct config_field *field, const void *from, FILE *to)
{
    fputs(field->names[*(const unsigned *)from - field->min], to);
}

/* numbers, with and without a unit */

struct unit {
    const char *text;
    uint64_t factor;
};

static const struct unit no_unit[] = {{"", 1}, {NULL, 0}};
static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};
static const struct unit durations_ms[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                           {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit durations_s[] = {
    {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0}};

/* The largest unit that the value is a whole number of. */
static void print_number(uint64_t value, const struct unit *units, FILE *to)
{
    const struct unit *best = units;
    for (const struct unit *unit = units; value && unit->text; unit++) {
        if (value % unit->factor == 0)
            best = unit;
    }
    fprintf(to, "%llu%s", (unsigned long long)(value / best->factor), best->text);
}

static int out_of_range(const struct config_field *field, const char *text,
                        const struct unit *units, struct config_complaint *ret_why)
{
    char range[80] = "";
    FILE *to = fmemopen(range, sizeof(range), "w");
    if (!to)
        return -ENOMEM;
    print_number(field->min, units, to);
    fputs(" and ", to);
    print_number(field->max, units, to);
    fclose(to);
    return config_complain(ret_why, "%.40s is out of range; it must be between %s", text, range);
}

static const char *unit_hint(const struct unit *units)
{
    if (units == no_unit)
        return "write digits only, like 4096";
    return units == sizes ? "write it like 512KiB or 4MiB"
                          : "write it with its unit, like 500ms, 10s, 5m or 2h";
}

static int parse_number(const struct config_field *field, const char *text,
                        const struct unit *units, uint64_t *ret, struct config_complaint *ret_why)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9')
        end = NULL;
    const struct unit *unit = units;
    while (end && unit->text && strcmp(end, unit->text) != 0)
        unit++;
    if (!end || !unit->text)
        return config_complain(ret_why, "'%.40s' is not a %s; %s", text,
                               units == no_unit ? "number"
                               : units == sizes ? "size"
                                                : "duration",
                               unit_hint(units));
    uint64_t value;
    if (errno == ERANGE || __builtin_mul_overflow(number, unit->factor, &value) ||
        value < field->min || value > field->max)
        return out_of_range(field, text, units, ret_why);
    *ret = value;
    return 0;
}

#define NUMBER_TYPE(name, ctype, units)                                                            \
    static int name##_parse(const struct config_field *field, const char *text, void *to,          \
                            struct config_complaint *ret_why)                                      \
    {                                                                                              \
        uint64_t value = 0;                                                                        \
        int result = parse_number(field, text, units, &value, ret_why);                            \
        if (result == 0)                                                                           \
            *(ctype *)to = (ctype)value;                                                           \
        return result;                                                                             \
    }                                                                                              \
    static void name##_format(const struct config_field *field, const void *from, FILE *to)        \
    {                                                                                              \
        (void)field;                                                                               \
        print_number(*(const ctype *)from, units, to);                                             \
    }                                                                                              \
    const struct config_type config_type_##name = {                                                \
        .size = sizeof(ctype), .parse = name##_parse, .format = name##_format}

NUMBER_TYPE(u16, uint16_t, no_unit);
NUMBER_TYPE(u32, uint32_t, no_unit);
NUMBER_TYPE(size32, uint32_t, sizes);
NUMBER_TYPE(size64, uint64_t, sizes);
NUMBER_TYPE(ms, uint32_t, durations_ms);
NUMBER_TYPE(s, uint32_t, durations_s);

/* a time of day, in minutes */

static bool read_clock(const char *text, unsigned *ret_minutes)
{
    unsigned hours, minutes;
    int size = 0;
    if (strspn(text, "0123456789:") != strlen(text) ||
        sscanf(text, "%2u:%2u%n", &hours, &minutes, &size) != 2 || text[size] || minutes > 59)
        return false;
    *ret_minutes = hours * 60 + minutes;
    return true;
}

static int clock_parse(const struct config_field *field, const char *text, void *to,
                       struct config_complaint *ret_why)
{
    unsigned minutes;
    if (!read_clock(text, &minutes) || minutes > field->max)
        return config_complain(ret_why, "'%.40s' is no time of day; write it like 07:30 or 22:00",
                               text);
    *(uint32_t *)to = minutes;
    return 0;
}

static void clock_format(const struct config_field *field, const void *from, FILE *to)
{
    uint32_t minutes = *(const uint32_t *)from;
    (void)field;
    fprintf(to, "%02u:%02u", minutes / 60, minutes % 60);
}

const struct config_type config_type_clock = {
    .size = sizeof(uint32_t), .parse = clock_parse, .format = clock_format};

/* a number, or the word that leaves it to us */

static int auto_parse(const struct config_field *field, const char *text, void *to,
                      struct config_complaint *ret_why)
{
    if (strcmp(text, "auto") == 0) {
        *(uint32_t *)to = 0;
        return 0;
    }
    if (text[0] < '0' || text[0] > '9')
        return config_complain(ret_why, "'%.40s' is not known here; write auto, or a number", text);
    return u32_parse(field, text, to, ret_why);
}

static void auto_format(const struct config_field *field, const void *from, FILE *to)
{
    if (*(const uint32_t *)from == 0)
        fputs("auto", to);
    else
        u32_format(field, from, to);
}

const struct config_type config_type_auto_u32 = {
    .size = sizeof(uint32_t), .parse = auto_parse, .format = auto_format};

/* texts */

static void text_release(void *at)
{
    char *text = *(char **)at;
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    *(char **)at = NULL;
}

static bool text_is_set(const void *at)
{
    return *(char *const *)at != NULL;
}

static int take_copy(const char *text, void *to)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    *(char **)to = copy;
    return 0;
}

static int check_text(const struct config_field *field, const char *text,
                      struct config_complaint *ret_why)
{
    size_t max = field->max ? field->max : 255, size = strlen(text);
    if (size < field->min)
        return config_complain(ret_why, "this must not be empty; remove the line if there is none");
    if (size > max)
        return config_complain(ret_why, "%zu bytes are too long; at most %zu", size, max);
    if (!config_text_is_printable(text))
        return config_complain(ret_why, "there is a control character; is a quote missing?");
    return 0;
}

static int text_parse(const struct config_field *field, const char *text, void *to,
                      struct config_complaint *ret_why)
{
    int result = check_text(field, text, ret_why);
    if (result == 0 && field->names) {
        const char *const *name = field->names;
        while (*name && strcmp(*name, text) != 0)
            name++;
        if (!*name)
            result = unknown_word(field, text, ret_why);
    }
    return result < 0 ? result : take_copy(text, to);
}

static void text_format(const struct config_field *field, const void *from, FILE *to)
{
    (void)field;
    config_text_print(*(char *const *)from, to);
}

static void secret_format(const struct config_field *field, const void *from, FILE *to)
{
    (void)field;
    (void)from;
    fputs("\"***\"", to);
}

static int path_parse(const struct config_field *field, const char *text, void *to,
                      struct config_complaint *ret_why)
{
    (void)field;
    if (text[0] != '/')
        return config_complain(ret_why, "'%.80s' is not a whole path; begin it with /", text);
    if (strlen(text) > 4095 || !config_text_is_printable(text))
        return config_complain(ret_why,
                               "this is no file's path; at most 4095 bytes, no control characters");
    return take_copy(text, to);
}

/* A host name, folded to lower case. */
static int name_parse(const struct config_field *field, const char *text, void *to,
                      struct config_complaint *ret_why)
{
    struct endpoint endpoint;
    (void)field;
    if (endpoint_from_host(text, strlen(text), 0, &endpoint) < 0 || !endpoint_is_name(&endpoint))
        return config_complain(ret_why, "'%.80s' is not a host name; write it like ads.example.com",
                               text);
    return take_copy(endpoint.name, to);
}

const struct config_type config_type_bool = {
    .size = sizeof(bool), .parse = bool_parse, .format = bool_format};
const struct config_type config_type_enum = {
    .size = sizeof(unsigned), .parse = enum_parse, .format = enum_format};
#define TEXT_TYPE(name, parser, formatter)                                                         \
    const struct config_type config_type_##name = {.size = sizeof(char *),                         \
                                                   .parse = (parser),                              \
                                                   .format = (formatter),                          \
                                                   .is_set = text_is_set,                          \
                                                   .release = text_release}
TEXT_TYPE(text, text_parse, text_format);
TEXT_TYPE(secret, text_parse, secret_format);
TEXT_TYPE(path, path_parse, text_format);
TEXT_TYPE(name, name_parse, text_format);
