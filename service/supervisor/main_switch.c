#define LOG_MODULE "supervisor"

#include "service/supervisor/main_switch.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/wish.h"

#include <stdio.h>

enum { RELEASE_MS = 1000 };

static int write_wish(struct main_switch *main_switch, bool is_on, struct protection_error *error)
{
    int err = wish_write(main_switch->state_dir, is_on);
    if (err < 0) {
        snprintf(error->text, sizeof(error->text), "cannot write %s/wish: %s",
                 main_switch->state_dir, err_text(err));
        return err;
    }
    main_switch->is_wished = is_on;
    return 0;
}

/* Both are tried; the first failure is told. */
static int take_down(struct protection *protection, struct protection_error *error)
{
    struct protection_error also;
    int err = protection_down(protection, error);
    int open_err = protection_open(protection, err < 0 ? &also : error);
    return err < 0 ? err : open_err;
}

static void finish_off(struct main_switch *main_switch)
{
    struct protection_error error;
    bool was_on = protection_is_armed(main_switch->protection);
    timer_stop(&main_switch->release);
    int err = take_down(main_switch->protection, &error);
    if (err < 0)
        log_error("%s", error.text);
    else if (was_on)
        log_notice("protection is off: this host is as it was");
    main_switch->on_off(main_switch->owner, err < 0 ? error.text : NULL);
}

static void on_release_over(void *owner)
{
    finish_off(owner);
}

void main_switch_init(struct main_switch *main_switch, struct loop *loop)
{
    timer_init(&main_switch->release, loop, on_release_over, main_switch);
}

void main_switch_done(struct main_switch *main_switch)
{
    timer_stop(&main_switch->release);
}

int main_switch_on(struct main_switch *main_switch, struct protection_error *error)
{
    struct protection_error ignored;
    if (main_switch_is_going_off(main_switch))
        finish_off(main_switch);
    int err = write_wish(main_switch, true, error);
    if (err < 0 || protection_is_up(main_switch->protection))
        return err;
    bool was_armed = protection_is_armed(main_switch->protection);
    err = protection_up(main_switch->protection, error);
    if (err < 0 && was_armed) { /* an earlier wish goes on being tried */
        protection_keep_up(main_switch->protection);
        return err;
    }
    if (err < 0) { /* the one who asks is there to hear it: no host is locked by a failed wish */
        take_down(main_switch->protection, &ignored);
        write_wish(main_switch, false, &ignored);
        return err;
    }
    log_notice("protection is on tun=%s", protection_tun(main_switch->protection));
    main_switch_hand_tun_to_all(main_switch);
    return 0;
}

/* Those that have something to let go of. */
static unsigned ask_for_release(struct main_switch *main_switch)
{
    unsigned asked = 0;
    for (unsigned i = 0; i < crew_size(main_switch->crew); i++) {
        struct worker *worker = crew_worker(main_switch->crew, i);
        if (!worker_is_ready(worker))
            continue;
        worker_send(worker, &(struct ipc_message){.kind = IPC_TUN_OFF}, NULL, 0);
        asked |= 1u << i;
    }
    return asked;
}

int main_switch_off(struct main_switch *main_switch, struct protection_error *error)
{
    int err = write_wish(main_switch, false, error);
    if (err < 0 || main_switch_is_going_off(main_switch))
        return err;
    if (!protection_is_up(main_switch->protection) || !crew_has_ready(main_switch->crew)) {
        finish_off(main_switch);
        return 0;
    }
    main_switch->holders = ask_for_release(main_switch);
    timer_start(&main_switch->release, RELEASE_MS);
    return 0;
}

bool main_switch_is_going_off(const struct main_switch *main_switch)
{
    return timer_is_active(&main_switch->release);
}

void main_switch_was_released(struct main_switch *main_switch, unsigned number)
{
    main_switch->holders &= ~(1u << number);
    if (main_switch_is_going_off(main_switch) && main_switch->holders == 0)
        finish_off(main_switch);
}

void main_switch_hand_tun(struct main_switch *main_switch, unsigned number)
{
    struct worker *worker = crew_worker(main_switch->crew, number);
    if (!protection_is_up(main_switch->protection) || !worker_is_ready(worker) ||
        main_switch_is_going_off(main_switch))
        return;
    bool has_vnet;
    int fd = protection_queue(main_switch->protection, number, &has_vnet);
    struct ipc_message message = {.kind = IPC_TUN, .flag = has_vnet};
    if (fd >= 0)
        worker_send(worker, &message, &fd, 1);
}

void main_switch_hand_tun_to_all(struct main_switch *main_switch)
{
    for (unsigned i = 0; i < crew_size(main_switch->crew); i++)
        main_switch_hand_tun(main_switch, i);
}
