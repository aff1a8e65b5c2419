#include "service/engine/schedule.h"

#include <string.h>

enum { MINUTES_PER_HOUR = 60, DAYS_AHEAD = 7 };

struct window {
    time_t from, to; /* without its end */
};

/* So many minutes after the midnight that begins the day of `now`, or the day so many days on, as
 * clocks on the wall show them. */
static time_t moment(time_t now, int days, unsigned minutes, int *ret_weekday)
{
    struct tm tm;

    localtime_r(&now, &tm);
    tm.tm_mday += days;
    tm.tm_hour = (int)(minutes / MINUTES_PER_HOUR);
    tm.tm_min = (int)(minutes % MINUTES_PER_HOUR);
    tm.tm_sec = 0;
    tm.tm_isdst = -1; /* whatever holds then */
    time_t at = mktime(&tm);
    if (ret_weekday)
        *ret_weekday = tm.tm_wday;
    return at;
}

static bool is_on_day(const struct config_schedule *schedule, int weekday)
{
    for (unsigned i = 0; i < schedule->days_count; i++)
        if (schedule->days[i] == (unsigned)weekday)
            return true;
    return schedule->days_count == 0;
}

/* The window that begins so many days from now; false if the schedule has none on that day. */
static bool find_window(const struct config_schedule *schedule, time_t now, int days,
                        struct window *ret)
{
    bool is_over_midnight = schedule->to_min <= schedule->from_min;
    int weekday;

    ret->from = moment(now, days, schedule->from_min, &weekday);
    ret->to = moment(now, days + is_over_midnight, schedule->to_min, NULL);
    return is_on_day(schedule, weekday);
}

static bool is_within(const struct config_schedule *schedule, time_t now)
{
    struct window window;

    for (int days = -1; days <= 0; days++)
        if (find_window(schedule, now, days, &window) && now >= window.from && now < window.to)
            return true;
    return false;
}

static bool has_word(char *const *words, unsigned count, const char *word)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static bool concerns(const struct config_schedule *schedule, const char *category, const char *list)
{
    if (!category)
        return schedule->categories_count == 0 && schedule->lists_count == 0;
    return has_word(schedule->categories, schedule->categories_count, category) ||
           has_word(schedule->lists, schedule->lists_count, list);
}

bool schedule_is_in_force(const struct config_filter *filter, const char *category,
                          const char *list, time_t now)
{
    bool is_limited = false, is_in_time = false;

    for (unsigned i = 0; i < filter->schedules_count; i++) {
        const struct config_schedule *schedule = &filter->schedules[i];
        if (!concerns(schedule, category, list))
            continue;
        bool is_now = is_within(schedule, now);
        if (is_now && !schedule->is_on)
            return false;
        is_limited |= schedule->is_on;
        is_in_time |= is_now;
    }
    return !is_limited || is_in_time;
}

static int64_t sooner(int64_t known, time_t edge, time_t now)
{
    return edge > now && edge < known ? edge : known;
}

int64_t schedule_next_edge(const struct config_filter *filter, time_t now)
{
    int64_t next = SCHEDULE_NEVER;
    struct window window;

    for (unsigned i = 0; i < filter->schedules_count; i++) {
        for (int days = -1; days <= DAYS_AHEAD; days++) {
            if (!find_window(&filter->schedules[i], now, days, &window))
                continue;
            next = sooner(next, window.from, now);
            next = sooner(next, window.to, now);
        }
    }
    return next;
}
