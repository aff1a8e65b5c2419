#include "base/whole.h"

#include <errno.h>
#include <unistd.h>

ssize_t whole_read(int fd, void *to, size_t size, size_t at)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(at + done));
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -errno;
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

int whole_write(int fd, const void *data, size_t size, size_t at)
{
    size_t done = 0;

    while (done < size) {
        ssize_t put = pwrite(fd, (const char *)data + done, size - done, (off_t)(at + done));
        if (put == 0)
            return -EIO;
        if (put < 0 && errno != EINTR)
            return -errno;
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}
