/* Which part of the filter is in force at a moment, by the schedules of the configuration, and when
 * that changes next. Local time: a window that begins at 22:00 does so on the day when the clocks
 * change too, and one that ends before it begins ends on the next day. Pure. */
#ifndef SERVICE_ENGINE_SCHEDULE_H
#define SERVICE_ENGINE_SCHEDULE_H

#include "service/config.h"

#include <stdbool.h>
#include <time.h>

#define SCHEDULE_NEVER INT64_MAX

/* Of a list, by its category and name; both NULL: the filter as a whole. Where schedules say "on",
 * in one of their windows only; never in a window of one that says "off". */
bool schedule_is_in_force(const struct config_filter *filter, const char *category,
                          const char *list, time_t now);
/* The first moment behind `now` at which that may change; SCHEDULE_NEVER without schedules. */
int64_t schedule_next_edge(const struct config_filter *filter, time_t now);

#endif
