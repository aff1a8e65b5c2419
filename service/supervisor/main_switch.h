/* On and off: the wish on disk, the protection of the host, and the workers' hold on the TUN, in
 * the order that leaks nothing. */
#ifndef SUPERVISOR_MAIN_SWITCH_H
#define SUPERVISOR_MAIN_SWITCH_H

#include "base/loop.h"
#include "service/supervisor/crew.h"
#include "service/supervisor/protection.h"

/* Embedded in its owner; everything is borrowed. */
struct main_switch {
    struct protection *protection;
    struct crew *crew;
    const char *state_dir;
    /* Off is done; inside main_switch_off or later. `error` NULL or what could not be put back. */
    void (*on_off)(void *owner, const char *error);
    void *owner;

    bool is_wished;
    struct timer release; /* the workers' time to let go of the TUN before off goes on */
    unsigned holders;     /* a bit for each that has not let go yet */
};

void main_switch_init(struct main_switch *main_switch,
                      struct loop *loop); /* fields above are set */
void main_switch_done(struct main_switch *main_switch);

/* All or nothing: < 0 with *error, then this host is as it was and the wish is off. A fence that
 * was armed before stays, and so does that wish. */
int main_switch_on(struct main_switch *main_switch, struct protection_error *error);
/* The wish is off from now on; on_off tells when the host is. < 0 with *error: nothing was changed.
 */
int main_switch_off(struct main_switch *main_switch, struct protection_error *error);
bool main_switch_is_going_off(const struct main_switch *main_switch);
/* Do not wait for this worker any longer: it let go, or it is gone. */
void main_switch_was_released(struct main_switch *main_switch, unsigned number);
/* Its queue of the TUN to this worker, if there are both. */
void main_switch_hand_tun(struct main_switch *main_switch, unsigned number);
void main_switch_hand_tun_to_all(struct main_switch *main_switch);

#endif
