#include "base/kept_file.h"

#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = KEPT_FILE_NAME_MAX + 16 };

struct kept_file {
    int dir_fd; /* our own copy; -1: nothing is kept */
    char name[KEPT_FILE_NAME_MAX + 1];
    char fresh_name[PATH_MAX_BYTES], damaged_name[PATH_MAX_BYTES];
    int changes;
    struct watch *watch;
    loop_fn *on_change;
    void *owner;
};

/* --- watching -------------------------------------------------------------------------------- */

/* Is one of these events about our file? */
static bool is_ours(const struct kept_file *file, const char *events, size_t size)
{
    const struct inotify_event *event;

    for (size_t at = 0; at < size; at += sizeof(*event) + event->len) {
        event = (const struct inotify_event *)(const void *)(events + at);
        if ((event->mask & IN_Q_OVERFLOW) || (event->len && strcmp(event->name, file->name) == 0))
            return true;
    }
    return false;
}

static void on_events(void *owner, int events, int err)
{
    struct kept_file *file = owner;
    _Alignas(struct inotify_event) char data[4096];
    ssize_t size;
    bool is_changed = false;

    (void)events;
    (void)err;
    while ((size = read(file->changes, data, sizeof(data))) > 0)
        is_changed = is_ours(file, data, (size_t)size) || is_changed;
    if (is_changed)
        file->on_change(file->owner);
}

/* All that was given to us is the descriptor: its path may not be ours to walk. */
static int watch_folder(struct kept_file *file, struct loop *loop)
{
    const uint32_t mask = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
    char path[40];
    int err;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->dir_fd);
    file->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (file->changes < 0 || inotify_add_watch(file->changes, path, mask) < 0)
        return -errno;
    err = watch_open(loop, file->changes, on_events, file, &file->watch);
    return err < 0 ? err : watch_set(file->watch, WATCH_READ);
}

/* --- life ------------------------------------------------------------------------------------ */

int kept_file_open(struct loop *loop, int dir_fd, const char *name, loop_fn *on_change, void *owner,
                   struct kept_file **ret)
{
    struct kept_file *file = calloc(1, sizeof(*file));
    int err = 0;

    if (!file)
        return -ENOMEM;
    snprintf(file->name, sizeof(file->name), "%s", name);
    snprintf(file->fresh_name, sizeof(file->fresh_name), "%s.new", file->name);
    snprintf(file->damaged_name, sizeof(file->damaged_name), "%s.damaged", file->name);
    file->changes = -1;
    file->on_change = on_change;
    file->owner = owner;
    file->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (dir_fd >= 0)
        err = file->dir_fd < 0 ? -errno : watch_folder(file, loop);
    if (err < 0) {
        kept_file_close(file);
        return err;
    }
    *ret = file;
    return 0;
}

void kept_file_close(struct kept_file *file)
{
    if (!file)
        return;
    watch_close(file->watch);
    if (file->changes >= 0)
        close(file->changes);
    if (file->dir_fd >= 0)
        close(file->dir_fd);
    free(file);
}

/* --- reading --------------------------------------------------------------------------------- */

int kept_file_read(const struct kept_file *file, size_t limit, char **ret_text, size_t *ret_size)
{
    int fd = file->dir_fd < 0 ? -1 : openat(file->dir_fd, file->name, O_RDONLY | O_CLOEXEC);
    char *text;
    ssize_t size;

    if (fd < 0)
        return file->dir_fd < 0 ? -ENOENT : -errno;
    text = malloc(limit + 1);
    size = text ? whole_read(fd, text, limit + 1, 0) : -ENOMEM;
    close(fd);
    if (size > (ssize_t)limit)
        size = -EBADMSG;
    if (size < 0) {
        free(text);
        return (int)size;
    }
    *ret_text = text;
    *ret_size = (size_t)size;
    return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

/* The new name must be on the disk too, or a crash brings the old one back. */
static int rename_durably(const struct kept_file *file, const char *from, const char *to)
{
    if (renameat(file->dir_fd, from, file->dir_fd, to) < 0)
        return -errno;
    fsync(file->dir_fd); /* what fails here cannot be taken back any more */
    return 0;
}

int kept_file_write(const struct kept_file *file, const char *text, size_t size)
{
    int fd, err;

    if (file->dir_fd < 0)
        return 0;
    fd = openat(file->dir_fd, file->fresh_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    err = whole_write(fd, text, size, 0);
    if (err == 0 && fdatasync(fd) < 0)
        err = -errno;
    close(fd);
    if (err == 0)
        err = rename_durably(file, file->fresh_name, file->name);
    if (err < 0)
        unlinkat(file->dir_fd, file->fresh_name, 0);
    return err;
}

int kept_file_put_aside(const struct kept_file *file)
{
    return file->dir_fd < 0 ? -ENOENT : rename_durably(file, file->name, file->damaged_name);
}

bool kept_file_was_put_aside(const struct kept_file *file)
{
    return file->dir_fd >= 0 &&
           faccessat(file->dir_fd, file->damaged_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
