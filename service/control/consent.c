#include "service/control/consent.h"

#include "base/kept_file.h"

#define LOG_MODULE "consent"
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_NAME "consent"

struct consent {
    struct kept_file *file;
    const struct consent_text *text;
    char region[CONSENT_REGION_MAX];
    bool is_required, is_wanted;
    struct consent_record record;
    bool is_damaged; /* something was recorded, but cannot be read */
    bool is_unkept;  /* withdrawn, but the disk does not know: it is not asked any more */
    bool has_folder;
    loop_fn *on_change;
    void *owner;
};

/* --- what is recorded ------------------------------------------------------------------------ */

static int read_record(const struct consent *consent, struct consent_record *ret)
{
    size_t size;
    char *text;
    int err = kept_file_read(consent->file, CONSENT_RECORD_TEXT_MAX, &text, &size);
    if (err < 0)
        return err;
    err = consent_record_parse(text, size, ret);
    free(text);
    return err;
}

/* What cannot be read is no consent: nothing may be kept in the hope that it was given. That goes
 * for one that was put aside and has no successor too: the disk was full when it was withdrawn. */
static void take_record(struct consent *consent)
{
    struct consent_record record = {.count = 0};
    int err = read_record(consent, &record);
    bool is_damaged = err < 0 && (err != -ENOENT || kept_file_was_put_aside(consent->file));
    if (is_damaged && !consent->is_damaged)
        log_error("the record of consent to the query log cannot be read, so there is none; see: "
                  "atlantic consent err=\"%s\"",
                  err_text(err));
    consent->is_damaged = is_damaged;
    consent->record = record;
}

static int write_record(const struct consent *consent, const struct consent_record *record)
{
    char text[CONSENT_RECORD_TEXT_MAX];
    size_t size = consent_record_format(record, text);
    if (!consent->has_folder)
        return -ENOENT;
    if (consent->is_damaged)                /* or put aside already */
        kept_file_put_aside(consent->file); /* what is left of the history */
    return kept_file_write(consent->file, text, size);
}

static enum consent_state find_state(const struct consent *consent,
                                     const struct consent_event **ret_event)
{
    enum consent_state state =
        consent_record_state(&consent->record, consent->text->version, ret_event);
    return consent->is_damaged ? CONSENT_DAMAGED : state;
}

static enum consent_state state_of(const struct consent *consent)
{
    const struct consent_event *event;
    return find_state(consent, &event);
}

static void on_file_changed(void *owner)
{
    struct consent *consent = owner;
    if (consent->is_unkept)
        return;
    take_record(consent);
    consent->on_change(consent->owner);
}

/* --- life ------------------------------------------------------------------------------------ */

int consent_open(struct loop *loop, int dir_fd, const struct consent_text *text, loop_fn *on_change,
                 void *owner, struct consent **ret)
{
    struct consent *consent = calloc(1, sizeof(*consent));
    if (!consent)
        return -ENOMEM;
    *consent = (struct consent){.text = text,
                                .is_required = true,
                                .has_folder = dir_fd >= 0,
                                .on_change = on_change,
                                .owner = owner};
    int err = kept_file_open(loop, dir_fd, FILE_NAME, on_file_changed, consent, &consent->file);
    if (err < 0) {
        consent_close(consent);
        return err;
    }
    take_record(consent);
    *ret = consent;
    return 0;
}

void consent_close(struct consent *consent)
{
    if (!consent)
        return;
    kept_file_close(consent->file);
    free(consent);
}

void consent_set_terms(struct consent *consent, const char *region, bool is_required,
                       bool is_wanted)
{
    if (!consent)
        return;
    snprintf(consent->region, sizeof(consent->region), "%s", region ? region : "");
    consent->is_required = is_required;
    consent->is_wanted = is_wanted;
}

/* --- what it means --------------------------------------------------------------------------- */

/* A no is a no in every region, and what cannot be read may have been one. */
bool consent_permits(const struct consent *consent)
{
    enum consent_state state = consent ? state_of(consent) : CONSENT_DAMAGED;
    bool may_be_no = state == CONSENT_WITHDRAWN || state == CONSENT_DAMAGED;
    return state == CONSENT_GIVEN || (!may_be_no && !consent->is_required);
}

bool consent_is_missing(const struct consent *consent)
{
    return consent && consent->is_wanted && !consent_permits(consent);
}

struct consent_facts consent_facts(const struct consent *consent)
{
    struct consent_facts facts = {.record = &consent->record,
                                  .text = consent->text,
                                  .region = consent->region,
                                  .is_required = consent->is_required};
    facts.state = find_state(consent, &facts.event);
    return facts;
}

/* --- changes --------------------------------------------------------------------------------- */

static struct consent_record record_with(const struct consent *consent, bool is_given, uid_t uid,
                                         int64_t at_s)
{
    struct consent_record record = consent->record;
    struct consent_event event = {
        .is_given = is_given, .at_s = at_s, .version = consent->text->version, .uid = uid};
    snprintf(event.region, sizeof(event.region), "%s", consent->region);
    consent_record_add(&record, &event);
    return record;
}

static void follow(struct consent *consent, const struct consent_record *record)
{
    const struct consent_event *last = &record->events[record->count - 1];
    consent->record = *record;
    consent->is_damaged = false;
    log_notice("consent to the query log was %s text=%u user=%u",
               last->is_given ? "given" : "withdrawn", consent->text->version, (unsigned)last->uid);
    consent->on_change(consent->owner);
}

int consent_give(struct consent *consent, uid_t uid, int64_t at_s)
{
    if (state_of(consent) == CONSENT_GIVEN)
        return 0;
    struct consent_record record = record_with(consent, true, uid, at_s);
    int err = write_record(consent, &record);
    if (err < 0)
        return err;
    consent->is_unkept = false;
    follow(consent, &record);
    return 0;
}

/* Leaves nothing that could be read as a yes, but something, so that nobody thinks that nothing was
 * said. To put the record aside needs no room, and once is enough; where there is none, an empty
 * one does as well. */
static int spoil_record(const struct consent *consent)
{
    int err = kept_file_put_aside(consent->file);
    if (err != -ENOENT)
        return err;
    return kept_file_was_put_aside(consent->file) ? 0 : kept_file_write(consent->file, "", 0);
}

/* A full disk must not keep a consent alive that was withdrawn, nor a log that nobody needs to be
 * asked for. */
int consent_withdraw(struct consent *consent, uid_t uid, int64_t at_s)
{
    bool is_withdrawn = state_of(consent) == CONSENT_WITHDRAWN;
    if (is_withdrawn && !consent->is_unkept)
        return 0;
    struct consent_record record =
        is_withdrawn ? consent->record : record_with(consent, false, uid, at_s);
    int err = write_record(consent, &record);
    consent->is_unkept = err < 0;
    if (err < 0 && consent->has_folder && spoil_record(consent) == 0)
        log_error("a withdrawal cannot be written; the record is one that cannot be read now "
                  "err=\"%s\"",
                  err_text(err));
    follow(consent, &record);
    return err;
}
