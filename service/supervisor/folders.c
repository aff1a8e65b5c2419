#include "service/supervisor/folders.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

int folder_make(const char *path)
{
    struct stat found;
    if (mkdir(path, 0755) == 0 || errno != EEXIST)
        return access(path, F_OK) < 0 ? -errno : 0;
    if (stat(path, &found) < 0)
        return -errno;
    return S_ISDIR(found.st_mode) ? 0 : -ENOTDIR;
}

int folder_lock(const char *run_dir, int *ret_fd)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/atlanticd.lock", run_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

/* The mode first, while the folder is still ours: to change somebody else's takes another
 * capability. */
static int give_away(int fd, uid_t user, gid_t group)
{
    struct stat found;
    if (fstat(fd, &found) < 0)
        return -errno;
    if ((found.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
        return -errno;
    if ((found.st_uid != user || found.st_gid != group) && fchown(fd, user, group) < 0)
        return -errno;
    return 0;
}

int folder_open_worker(const char *state_dir, uid_t user, gid_t group, int *ret_fd)
{
    _close_fd_ int parent = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    if (mkdirat(parent, "worker", 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, "worker", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int err = give_away(fd, user, group);
    if (err < 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}
