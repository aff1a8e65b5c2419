#include "service/control/consent_record.h"

#include "base/siphash.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LINE_MAX_BYTES = 96,
    CHECK_BYTES = sizeof("check 0123456789abcdef\n") - 1,
};
#define TIME_FORM "%Y-%m-%dT%H:%M:%SZ"

static const char head[] = "atlantic consent 1\n";

static_assert(sizeof(head) + (size_t)CONSENT_EVENTS_MAX * LINE_MAX_BYTES + CHECK_BYTES <=
                  CONSENT_RECORD_TEXT_MAX,
              "its room");

void consent_record_add(struct consent_record *record, const struct consent_event *event)
{
    if (record->count == CONSENT_EVENTS_MAX) {
        record->count--;
        memmove(record->events, record->events + 1, record->count * sizeof(*record->events));
    }
    record->events[record->count++] = *event;
}

enum consent_state consent_record_state(const struct consent_record *record, unsigned version,
                                        const struct consent_event **ret_event)
{
    const struct consent_event *given = NULL;
    *ret_event = NULL;
    for (size_t i = record->count; i > 0; i--) {
        const struct consent_event *event = &record->events[i - 1];
        if (!event->is_given) {
            *ret_event = given ? given : event;
            return given ? CONSENT_OUTDATED : CONSENT_WITHDRAWN;
        }
        if (event->version == version) {
            *ret_event = event;
            return CONSENT_GIVEN;
        }
        given = given ? given : event;
    }
    *ret_event = given;
    return given ? CONSENT_OUTDATED : CONSENT_NONE;
}

/* --- text ------------------------------------------------------------------------------------ */

uint64_t consent_record_check(const char *text, size_t size)
{
    static const uint64_t key[2] = {0x61746c616e746963, 0x636f6e73656e7431};
    return siphash13(key, text, size);
}

static size_t format_event(const struct consent_event *event, char to[LINE_MAX_BYTES])
{
    char at[32] = "";
    struct tm tm;
    time_t at_s = (time_t)event->at_s;
    if (gmtime_r(&at_s, &tm))
        strftime(at, sizeof(at), TIME_FORM, &tm);
    int size = snprintf(to, LINE_MAX_BYTES, "%s %s text %u region %s user %u\n",
                        event->is_given ? "given" : "withdrawn", at, event->version,
                        event->region[0] ? event->region : "-", (unsigned)event->uid);
    return (size_t)size;
}

size_t consent_record_format(const struct consent_record *record, char to[CONSENT_RECORD_TEXT_MAX])
{
    size_t size = sizeof(head) - 1;
    memcpy(to, head, size);
    for (size_t i = 0; i < record->count; i++)
        size += format_event(&record->events[i], to + size);
    snprintf(to + size, CHECK_BYTES + 1, "check %016" PRIx64 "\n", consent_record_check(to, size));
    return size + CHECK_BYTES;
}

static bool is_region(const char *text)
{
    return strcmp(text, "-") == 0 ||
           (isupper((unsigned char)text[0]) && isupper((unsigned char)text[1]));
}

/* Only a line that is written the same way again is one of ours. */
static int parse_event(const char *line, size_t size, struct consent_event *ret)
{
    struct consent_event event = {0};
    char copy[LINE_MAX_BYTES], again[LINE_MAX_BYTES], verb[10], at[21],
        region[CONSENT_REGION_MAX] = "";
    unsigned long version, uid;
    struct tm tm = {0};
    if (size >= sizeof(copy))
        return -EBADMSG;
    memcpy(copy, line, size);
    copy[size] = '\0';
    if (sscanf(copy, "%9s %20s text %9lu region %2s user %10lu", verb, at, &version, region,
               &uid) != 5 ||
        !strptime(at, TIME_FORM, &tm) || uid > UINT32_MAX || !is_region(region))
        return -EBADMSG;
    event.is_given = strcmp(verb, "given") == 0;
    event.at_s = timegm(&tm);
    event.version = (unsigned)version;
    event.uid = (uid_t)uid;
    if (strcmp(region, "-") != 0)
        memcpy(event.region, region, sizeof(event.region));
    if (format_event(&event, again) != size || memcmp(line, again, size) != 0)
        return -EBADMSG;
    *ret = event;
    return 0;
}

static int parse_events(const char *text, size_t size, struct consent_record *record)
{
    for (const char *end = text + size; text < end;) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        struct consent_event event;
        if (!line_end || record->count == CONSENT_EVENTS_MAX ||
            parse_event(text, (size_t)(line_end + 1 - text), &event) < 0)
            return -EBADMSG;
        consent_record_add(record, &event);
        text = line_end + 1;
    }
    return 0;
}

static bool has_check(const char *text, size_t size)
{
    char expected[CHECK_BYTES + 1];
    snprintf(expected, sizeof(expected), "check %016" PRIx64 "\n",
             consent_record_check(text, size - CHECK_BYTES));
    return memcmp(text + size - CHECK_BYTES, expected, CHECK_BYTES) == 0;
}

int consent_record_parse(const char *text, size_t size, struct consent_record *ret)
{
    const size_t head_size = sizeof(head) - 1;
    if (size < head_size + CHECK_BYTES || size >= CONSENT_RECORD_TEXT_MAX ||
        memcmp(text, head, head_size) != 0 || !has_check(text, size))
        return -EBADMSG;
    struct consent_record record = {.count = 0};
    int err = parse_events(text + head_size, size - head_size - CHECK_BYTES, &record);
    if (err == 0)
        *ret = record;
    return err;
}
