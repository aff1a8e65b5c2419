/* One line per event on stderr: `<level>module: message key=value key="quoted"`. The journal reads
 * the level and adds the time. Equal lines in a row are merged ("repeated=41").
 *
 * error    a person must act           warning  we coped
 * notice   fence, upstream up/down, start/stop
 * info     configuration changes       debug    per flow; off by default
 *
 * Never at any level: credentials, payload. Host names only at debug or with log.names=true.
 *
 * A source file that logs defines LOG_MODULE before it includes this. Not thread safe by itself:
 * a line is one write(2), only the merging belongs to the loop's thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* Lines above `level` are dropped. Names appear in values only if `with_names` or at debug. */
void log_setup(enum log_level level, bool with_names);
bool log_is_on(enum log_level level);
bool log_has_names(void);

/* For tests: lines go to `fn` instead of stderr; NULL restores. */
typedef void log_sink_fn(void *owner, const char *line);
void log_set_sink(log_sink_fn *fn, void *owner);

void log_line(enum log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Quote a value that may hold spaces or control characters; returns `to`, always terminated. */
const char *log_quote(char *to, unsigned long capacity, const char *value);

#define log_at(level, ...)                                                                         \
    do {                                                                                           \
        if (log_is_on(level))                                                                      \
            log_line(level, LOG_MODULE, __VA_ARGS__);                                              \
    } while (0)
#define log_error(...)   log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)

#endif
