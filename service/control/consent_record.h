/* Who agreed to the query log, when, to which text, and who took it back: a list of events, and its
 * text in a file. Data alone; who keeps and obeys it is `consent`.
 *
 * The text is lines, the oldest event first, and a checksum, so that no damaged one is ever taken
 * for a yes:
 *
 *   atlantic consent 1
 *   given 2026-01-31T08:00:00Z text 1 region DE user 1000
 *   withdrawn 2026-02-01T08:00:00Z text 1 region - user 0
 *   check 0123456789abcdef */
#ifndef SERVICE_CONTROL_CONSENT_RECORD_H
#define SERVICE_CONTROL_CONSENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CONSENT_EVENTS_MAX = 128, /* beyond that the oldest go */
    CONSENT_RECORD_TEXT_MAX = 16 * 1024,
    CONSENT_REGION_MAX = 3,
};

struct consent_event {
    bool is_given; /* false: withdrawn, or refused */
    int64_t at_s;  /* Unix time */
    unsigned version;
    uid_t uid;
    char region[CONSENT_REGION_MAX]; /* "" not known */
};

/* {0} is empty. */
struct consent_record {
    size_t count;
    struct consent_event events[CONSENT_EVENTS_MAX]; /* the oldest first */
};

enum consent_state {
    CONSENT_NONE,      /* nobody was asked yet */
    CONSENT_GIVEN,     /* for the very text that was asked about */
    CONSENT_WITHDRAWN, /* or refused */
    CONSENT_OUTDATED,  /* given, but for another text */
    CONSENT_DAMAGED,   /* there is something that cannot be read */
};

void consent_record_add(struct consent_record *record, const struct consent_event *event);
/* What the record means for this version of the text; *ret_event: which of its events says so, NULL
 * for none. */
enum consent_state consent_record_state(const struct consent_record *record, unsigned version,
                                        const struct consent_event **ret_event);

/* 0; -EBADMSG it is damaged, or of a later program. On failure *ret is untouched. */
int consent_record_parse(const char *text, size_t size, struct consent_record *ret);
/* The size of the text, without its terminator. */
size_t consent_record_format(const struct consent_record *record, char to[CONSENT_RECORD_TEXT_MAX]);
/* The checksum of the lines above it. */
uint64_t consent_record_check(const char *text, size_t size);

#endif
