/* The compiled form in a file: written beside its place and renamed, mapped for reading. */
#include "adblock/filter_state.h"
#include "base/cleanup.h"
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

int filter_save(const struct filter *filter, const char *path)
{
    char beside[PATH_MAX];
    int written = snprintf(beside, sizeof(beside), "%s.new", path);
    if (written < 0 || (size_t)written >= sizeof(beside))
        return -ENAMETOOLONG;
    _close_fd_ int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int err = whole_write(fd, filter->image.data, filter->image.size, 0);
    if (err == 0 && fsync(fd) < 0)
        err = -errno;
    if (err == 0 && rename(beside, path) < 0)
        err = -errno;
    if (err < 0)
        unlink(beside);
    return err;
}

int filter_open(const char *path, struct filter **ret)
{
    struct stat status;
    _close_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size <= 0)
        return -EBADMSG;
    size_t size = (size_t)status.st_size;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return -errno;
    int err = filter_from_image(data, size, true, ret);
    if (err < 0)
        munmap(data, size);
    return err;
}

void filter_warm(const struct filter *filter)
{
    if (filter && filter->is_mapped)
        image_warm(filter->image.data, filter->image.size);
}

void filter_rest(const struct filter *filter)
{
    if (filter && filter->is_mapped)
        image_rest(filter->image.data, filter->image.size);
}
