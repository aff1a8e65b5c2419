/* Consent to the query log: asked for where the region's row of the policy table says so, recorded
 * in the worker's folder, obeyed by all workers. Whoever withdrew it is obeyed in every region, and
 * so is a record that cannot be read: it may have said so.
 * Without a record that can be read, for the text as it is now, there is no consent. */
#ifndef SERVICE_CONTROL_CONSENT_H
#define SERVICE_CONTROL_CONSENT_H

#include "base/loop.h"
#include "blocklists/consent.h"
#include "service/control/consent_record.h"

struct consent;

/* `dir_fd` is borrowed until the call returns; -1: nothing can be recorded, and nothing is given.
 * `text` is borrowed as long as the consent. `on_change`: what consent_permits says may have
 * changed; from the loop, or from within give and withdraw. 0 or < 0. */
int consent_open(struct loop *loop, int dir_fd, const struct consent_text *text, loop_fn *on_change,
                 void *owner, struct consent **ret);
void consent_close(struct consent *consent); /* NULL is accepted */

/* NULL, where none could be opened, is accepted by the next three: nothing is permitted then, and
 * nobody can be asked. */
/* What the configuration says: the region ("" or NULL: not known), whether consent is required
 * there, and whether a log is wanted at all. Required until it is told. */
void consent_set_terms(struct consent *consent, const char *region, bool is_required,
                       bool is_wanted);
/* May the query log be kept? */
bool consent_permits(const struct consent *consent);
/* Would it be kept, but for the consent? */
bool consent_is_missing(const struct consent *consent);

/* For the text as it is now. On the disk when it returns 0; < 0: all is as before. */
int consent_give(struct consent *consent, uid_t uid, int64_t at_s);
/* In force in any case; < 0: but it may not be known at the next start. */
int consent_withdraw(struct consent *consent, uid_t uid, int64_t at_s);

struct consent_facts {
    enum consent_state state;
    const struct consent_event *event; /* that says so; NULL: none */
    const struct consent_record *record;
    const struct consent_text *text;
    const char *region; /* "" not known */
    bool is_required;
};
/* Borrowed until the next turn of the loop. */
struct consent_facts consent_facts(const struct consent *consent);

#endif
