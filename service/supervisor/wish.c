#include "service/supervisor/wish.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int wish_read(const char *state_dir, bool *ret_is_on)
{
    char path[PATH_MAX], text[8] = {0};
    snprintf(path, sizeof(path), "%s/wish", state_dir);
    _close_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (read(fd, text, sizeof(text) - 1) < 0)
        return -errno;
    bool is_on = strcmp(text, "on\n") == 0;
    if (!is_on && strcmp(text, "off\n") != 0)
        return -EINVAL;
    *ret_is_on = is_on;
    return 0;
}

static int write_draft(const char *path, bool is_on)
{
    const char *text = is_on ? "on\n" : "off\n";
    _close_fd_ int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

int wish_write(const char *state_dir, bool is_on)
{
    char path[PATH_MAX], draft[PATH_MAX];
    snprintf(path, sizeof(path), "%s/wish", state_dir);
    snprintf(draft, sizeof(draft), "%s/wish.new", state_dir);
    int err = write_draft(draft, is_on);
    if (err < 0)
        return err;
    if (rename(draft, path) < 0)
        return -errno;
    _close_fd_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 || fsync(dir) < 0 ? -errno : 0;
}
