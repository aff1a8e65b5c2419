#include "service/worker/place.h"

#include "base/err.h"
#include "service/control/control.h"
#include "service/control/siblings.h"

#include <unistd.h>

#define LOG_MODULE "worker"
#include "base/log.h"

void place_init(struct place *place)
{
    *place = (struct place){.count = 1, .names_fd = -1, .first_fd = -1};
}

static void close_given(int fd)
{
    if (fd >= 0)
        close(fd);
}

void place_done(struct place *place)
{
    siblings_free(place->siblings);
    close_given(place->names_fd);
    close_given(place->first_fd);
}

void place_take(struct place *place, struct loop *loop, unsigned number, unsigned count,
                int names_fd, loop_fn *on_counting, void *owner)
{
    place->number = number;
    place->count = count;
    place->names_fd = names_fd;
    if (number == 0 && count > 1)
        place->siblings = siblings_new(loop, on_counting, owner);
}

void place_take_sibling(struct place *place, unsigned number, int fd, struct control *control)
{
    int err = 0;

    if (place->siblings) {
        err = siblings_set(place->siblings, number, fd);
    } else if (control && place->number > 0) {
        err = control_serve(control, fd);
    } else {
        close_given(place->first_fd);
        place->first_fd = fd;
    }
    if (err < 0)
        log_error("cannot use the wire to another worker err=\"%s\"", err_text(err));
}

int place_serve(struct place *place, struct control *control)
{
    int fd = place->first_fd;

    place->first_fd = -1;
    return fd < 0 ? 0 : control_serve(control, fd);
}
