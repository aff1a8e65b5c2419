#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, REPEAT_REPORT_S = 10 };

static enum log_level highest_level = LOG_INFO;
static bool with_names_always;
static log_sink_fn *sink;
static void *sink_owner;

/* Merging belongs to the thread that set the log up; lines of others go out as they come. */
static _Thread_local bool is_merging;
static char last_line[LINE_MAX_BYTES];
static unsigned long repeats;
static time_t repeats_since_s;

void log_setup(enum log_level level, bool with_names)
{
    highest_level = level;
    with_names_always = with_names;
    is_merging = true;
}

bool log_is_on(enum log_level level)
{
    return level <= highest_level;
}

bool log_has_names(void)
{
    return with_names_always || log_is_on(LOG_DEBUG);
}

void log_set_sink(log_sink_fn *fn, void *owner)
{
    sink = fn;
    sink_owner = owner;
    last_line[0] = '\0';
    repeats = 0;
    is_merging = true;
}

/* `line` without its end of line; `capacity` has room for one more byte. */
static void emit(char *line)
{
    if (sink) {
        sink(sink_owner, line);
        return;
    }
    size_t size = strlen(line);
    line[size] = '\n';
    ssize_t written = write(STDERR_FILENO, line, size + 1);
    (void)written; /* there is nobody to tell */
    line[size] = '\0';
}

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static void emit_repeats(void)
{
    char line[LINE_MAX_BYTES + 32];
    if (repeats == 0)
        return;
    snprintf(line, sizeof(line) - 1, "%s repeated=%lu", last_line, repeats);
    repeats = 0;
    emit(line);
}

static void emit_merged(char *line)
{
    if (strcmp(line, last_line) != 0) {
        emit_repeats();
        memcpy(last_line, line, strlen(line) + 1);
        emit(line);
        return;
    }
    if (repeats++ == 0)
        repeats_since_s = seconds();
    else if (seconds() - repeats_since_s >= REPEAT_REPORT_S)
        emit_repeats();
}

/* Nothing in a line may look like another line or move the cursor of a terminal. */
static void blot_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void log_line(enum log_level level, const char *module, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    const size_t capacity = sizeof(line) - 1; /* the end of line */
    int head = snprintf(line, capacity, "<%d>%s: ", (int)level, module);
    if (head < 0 || (size_t)head >= capacity)
        return;
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is right above */
    vsnprintf(line + head, capacity - (size_t)head, format, arguments);
    va_end(arguments);
    blot_controls(line);
    if (is_merging)
        emit_merged(line);
    else
        emit(line);
}

const char *log_quote(char *to, unsigned long capacity, const char *value)
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;
    if (capacity < 3) {
        if (capacity > 0)
            to[0] = '\0';
        return to;
    }
    to[at++] = '"';
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        char piece[4];
        size_t size = 0;
        if (c < 0x20 || c >= 0x7f) {
            piece[size++] = '\\';
            piece[size++] = 'x';
            piece[size++] = hex[c >> 4];
            piece[size++] = hex[c & 15];
        } else {
            if (c == '"' || c == '\\')
                piece[size++] = '\\';
            piece[size++] = (char)c;
        }
        if (at + size + 2 > capacity) /* never half an escape */
            break;
        memcpy(to + at, piece, size);
        at += size;
    }
    to[at++] = '"';
    to[at] = '\0';
    return to;
}
