#include "service/control/usage_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { BUSY_MS = 2000 };

int usage_sqlite_err(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return -EBADMSG;
    default: return -EIO;
    }
}

/* Names are used as they are. SQLite would resolve /proc/self/fd/N to the folder's path, which the
 * worker may not be able to walk: all it was given is the descriptor. */
static int keep_name(sqlite3_vfs *vfs, const char *name, int capacity, char *to)
{
    (void)vfs;
    return snprintf(to, (size_t)capacity, "%s", name) < capacity ? SQLITE_OK : SQLITE_CANTOPEN;
}

static sqlite3_vfs by_descriptor;

static void make_vfs(void)
{
    by_descriptor = *sqlite3_vfs_find("unix");
    by_descriptor.zName = "atlantic";
    by_descriptor.xFullPathname = keep_name;
    by_descriptor.pNext = NULL;
    if (sqlite3_vfs_register(&by_descriptor, 0) != SQLITE_OK)
        by_descriptor.zName = NULL;
}

static const char *vfs_name(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_vfs);
    return by_descriptor.zName;
}

int usage_sqlite_open(int dir_fd, const char *name, bool may_make, sqlite3 **ret)
{
    char path[64] = ":memory:";
    if (dir_fd >= 0) {
        /* SQLite gives its other files the mode of this one. */
        int fd = openat(dir_fd, name, O_RDWR | (may_make ? O_CREAT : 0) | O_CLOEXEC, 0640);
        if (fd < 0)
            return -errno;
        close(fd);
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
    }
    int code =
        sqlite3_open_v2(path, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, vfs_name());
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(*ret, BUSY_MS);
    return usage_sqlite_err(code);
}
