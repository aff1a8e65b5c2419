/* What the worker lives on and may not open itself: the checked configuration, the listening
 * sockets, control.sock, its state folder. Held by the supervisor over the worker's deaths. */
#ifndef SUPERVISOR_PROVISIONS_H
#define SUPERVISOR_PROVISIONS_H

#include "service/supervisor/crew.h"
#include "service/supervisor/doors.h"
#include "service/supervisor/settings.h"

struct provisions {
    struct settings settings;
    struct doors doors;
    char *control_path;
    int control_fd, state_fd; /* -1 before they are opened */
};

struct provisions_error {
    char text[640]; /* the one line to tell */
};

/* EXIT_FINE, and `settings` is taken over; EXIT_LISTEN, EXIT_TROUBLE, and it is not. */
enum exit_status provisions_open(struct settings *settings, const char *run_dir,
                                 const char *state_dir, struct provisions *ret,
                                 struct provisions_error *error);
/* Accepts a zeroed one whose descriptors are -1. */
void provisions_close(struct provisions *provisions);
/* To a fresh worker, ending with IPC_START; control.sock is for one of them alone. */
void provisions_hand_over(const struct provisions *provisions, struct worker *worker,
                          bool with_control);
void provisions_send_config(const struct settings *settings, struct worker *worker);

/* The part that a reload changes. */
struct renewal {
    struct settings settings;
    struct doors doors;
};
/* Read again; nothing is changed. The worker's user stays what it was. 0 or < 0 with *error. */
int renewal_open(const struct provisions *provisions, const char *config_path, struct renewal *ret,
                 struct provisions_error *error);
void renewal_close(struct renewal *renewal);
/* The new takes the place of the old, which goes; *renewal is empty then. The workers, which have
 * accepted the configuration, are told of new sockets. */
void renewal_apply(struct renewal *renewal, struct provisions *provisions, const struct crew *crew);

#endif
