#include "service/engine/own_rules_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILE_NAME  "rules"
#define FRESH_NAME "rules.new"

struct own_rules_file {
    int dir_fd; /* our own copy; -1: nothing is kept */
    int changes;
    struct watch *watch;
    loop_fn *on_change;
    void *owner;
};

/* Is one of these events about our file? */
static bool is_ours(const char *events, size_t size)
{
    const struct inotify_event *event;

    for (size_t at = 0; at < size; at += sizeof(*event) + event->len) {
        event = (const struct inotify_event *)(const void *)(events + at);
        if ((event->mask & IN_Q_OVERFLOW) || (event->len && strcmp(event->name, FILE_NAME) == 0))
            return true;
    }
    return false;
}

static void on_events(void *owner, int events, int err)
{
    struct own_rules_file *file = owner;
    _Alignas(struct inotify_event) char data[4096];
    ssize_t size;
    bool is_changed = false;

    (void)events;
    (void)err;
    while ((size = read(file->changes, data, sizeof(data))) > 0)
        is_changed = is_ours(data, (size_t)size) || is_changed;
    if (is_changed)
        file->on_change(file->owner);
}

/* All that was given to the worker is the descriptor: its path may not be ours to walk. */
static int watch_folder(struct own_rules_file *file, struct loop *loop)
{
    char path[40];
    int err;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->dir_fd);
    file->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (file->changes < 0 || inotify_add_watch(file->changes, path, IN_MOVED_TO) < 0)
        return -errno;
    err = watch_open(loop, file->changes, on_events, file, &file->watch);
    return err < 0 ? err : watch_set(file->watch, WATCH_READ);
}

int own_rules_file_open(struct loop *loop, int dir_fd, loop_fn *on_change, void *owner,
                        struct own_rules_file **ret)
{
    struct own_rules_file *file = calloc(1, sizeof(*file));
    int err = 0;

    if (!file)
        return -ENOMEM;
    file->changes = -1;
    file->on_change = on_change;
    file->owner = owner;
    file->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (dir_fd >= 0)
        err = file->dir_fd < 0 ? -errno : watch_folder(file, loop);
    if (err < 0) {
        own_rules_file_close(file);
        return err;
    }
    *ret = file;
    return 0;
}

void own_rules_file_close(struct own_rules_file *file)
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

static ssize_t read_all(int fd, char *to, size_t capacity)
{
    size_t size = 0;
    ssize_t got;

    while ((got = read(fd, to + size, capacity - size)) != 0) {
        if (got < 0 && errno != EINTR)
            return -errno;
        size += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)size;
}

int own_rules_file_read(const struct own_rules_file *file, struct own_rules *ret)
{
    int fd = file->dir_fd < 0 ? -1 : openat(file->dir_fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
    char *text;
    ssize_t size;

    if (fd < 0)
        return file->dir_fd < 0 ? -ENOENT : -errno;
    text = malloc(OWN_RULES_TEXT_MAX + 1);
    size = text ? read_all(fd, text, OWN_RULES_TEXT_MAX + 1) : -ENOMEM;
    if (size >= 0)
        size = own_rules_parse(text, (size_t)size, ret);
    free(text);
    close(fd);
    return (int)size;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, text, size);
        if (put < 0 && errno != EINTR)
            return -errno;
        text += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
    }
    return fdatasync(fd) < 0 ? -errno : 0; /* a few ms, when a person asked for it */
}

static int replace(int dir_fd, const char *text, size_t size)
{
    int fd = openat(dir_fd, FRESH_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    int err;

    if (fd < 0)
        return -errno;
    err = write_all(fd, text, size);
    close(fd);
    if (err == 0 && renameat(dir_fd, FRESH_NAME, dir_fd, FILE_NAME) < 0)
        err = -errno;
    if (err < 0)
        unlinkat(dir_fd, FRESH_NAME, 0);
    return err;
}

int own_rules_file_write(const struct own_rules_file *file, const struct own_rules *rules)
{
    size_t size;
    char *text;
    int err;

    if (file->dir_fd < 0)
        return 0;
    text = own_rules_format(rules, &size);
    err = text ? replace(file->dir_fd, text, size) : -ENOMEM;
    free(text);
    return err;
}
