#include "adblock/filter_store.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX "filter-"
#define NEW    ".new"

/* "filter-" and 32 digits */
struct store_name {
    char text[48];
};

struct store_path {
    char text[96];
};

static struct store_name name_of(const uint64_t fingerprint[2])
{
    struct store_name name;
    snprintf(name.text, sizeof(name.text), PREFIX "%016" PRIx64 "%016" PRIx64, fingerprint[0],
             fingerprint[1]);
    return name;
}

/* Paths begin at the descriptor: the folder's own may be closed to us. */
static struct store_path path_of(int folder, const uint64_t fingerprint[2])
{
    struct store_path path;
    snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d/%s", folder,
             name_of(fingerprint).text);
    return path;
}

int filter_store_open(int folder, const uint64_t fingerprint[2], struct filter **ret)
{
    return filter_open(path_of(folder, fingerprint).text, ret);
}

/* Also what a kill left half written. */
static void sweep(int folder, const char *keep)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        bool is_ours = strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0;
        if (is_ours && strcmp(entry->d_name, keep) != 0)
            (void)unlinkat(folder, entry->d_name, 0);
    }
    closedir(dir);
}

static struct store_path path_beside(int folder, const uint64_t fingerprint[2])
{
    struct store_path path = path_of(folder, fingerprint);
    strcat(path.text, NEW);
    return path;
}

int filter_store_begin(int folder, const uint64_t fingerprint[2])
{
    int fd =
        open(path_beside(folder, fingerprint).text, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : fd;
}

int filter_store_scratch(int folder)
{
    int fd =
        openat(folder, PREFIX "scratch", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || unlinkat(folder, PREFIX "scratch", 0) == 0)
        return fd < 0 ? -errno : fd;
    int err = -errno;
    close(fd);
    return err;
}

void filter_store_abandon(int folder, const uint64_t fingerprint[2])
{
    (void)unlink(path_beside(folder, fingerprint).text);
}

int filter_store_finish(int folder, const uint64_t fingerprint[2], int fd)
{
    struct store_path beside = path_beside(folder, fingerprint);
    if (fsync(fd) < 0 || rename(beside.text, path_of(folder, fingerprint).text) < 0)
        return -errno;
    _close_fd_ int self = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self < 0 || fsync(self) < 0)
        return -errno;
    sweep(folder, name_of(fingerprint).text);
    return 0;
}

int filter_store_lock(int folder)
{
    int fd = openat(folder, "compile.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}
