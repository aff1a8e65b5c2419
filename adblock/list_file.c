#include "adblock/list_file.h"
#include "adblock/list_format.h"

#include "base/cleanup.h"
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOKED_AT_BYTES = 64 * 1024, LINE_BYTES = 4096, SUFFIX_BYTES = 8 };

/* PATH with ".new" or ".from". */
struct sibling {
    char path[LIST_FILE_PATH_MAX + SUFFIX_BYTES];
};

static struct sibling sibling(const char *path, const char *suffix)
{
    struct sibling ret;
    snprintf(ret.path, sizeof(ret.path), "%s%s", path, suffix);
    return ret;
}

/* The value of "key=value", or NULL. */
static const char *value_of(const char *line, const char *key)
{
    size_t size = strlen(key);
    return strncmp(line, key, size) == 0 && line[size] == '=' ? line + size + 1 : NULL;
}

static void copy(char *to, size_t capacity, const char *value)
{
    if (strlen(value) < capacity)
        memcpy(to, value, strlen(value) + 1);
}

void list_file_validators(const char *path, const char *url, struct list_validators *ret)
{
    struct list_validators validators = {.etag = ""};
    struct stat st;
    char line[LINE_BYTES];
    bool is_same_url = false, is_same_size = false;
    _fclose_ FILE *from = fopen(sibling(path, ".from").path, "re");
    *ret = validators;
    if (!from || stat(path, &st) < 0)
        return;
    while (fgets(line, sizeof(line), from)) {
        const char *value = NULL;
        line[strcspn(line, "\n")] = '\0';
        if ((value = value_of(line, "url")))
            is_same_url = strcmp(value, url) == 0;
        else if ((value = value_of(line, "size")))
            is_same_size = strtoll(value, NULL, 10) == st.st_size;
        else if ((value = value_of(line, "etag")))
            copy(validators.etag, sizeof(validators.etag), value);
        else if ((value = value_of(line, "modified")))
            copy(validators.modified, sizeof(validators.modified), value);
    }
    if (is_same_url && is_same_size)
        *ret = validators;
}

/* The lock goes with the descriptor, so what a kill left behind is simply used again. Behind the
 * lock the file may have become the list itself, if its writer was just done. */
static int lock(int fd, const char *path)
{
    struct stat ours, now;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EALREADY : -errno;
    if (fstat(fd, &ours) < 0 || stat(path, &now) < 0 || ours.st_ino != now.st_ino)
        return -EALREADY;
    return ftruncate(fd, 0) < 0 ? -errno : 0;
}

int list_file_open(struct list_file *file, const char *path)
{
    struct sibling new = sibling(path, ".new");
    if (strlen(path) >= LIST_FILE_PATH_MAX)
        return -ENAMETOOLONG;
    int fd = open(new.path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int err = lock(fd, new.path);
    if (err < 0) {
        close(fd);
        return err;
    }
    *file = (struct list_file){.fd = fd};
    memcpy(file->path, path, strlen(path) + 1);
    return 0;
}

int list_file_write(struct list_file *file, const void *data, size_t size)
{
    int err = whole_write(file->fd, data, size, file->size);
    if (err == 0)
        file->size += size;
    return err;
}

static int look_over(const struct list_file *file)
{
    _free_ char *start = malloc(LOOKED_AT_BYTES);
    enum filter_format format;
    ssize_t size = start ? whole_read(file->fd, start, LOOKED_AT_BYTES, 0) : -ENOMEM;
    if (size < 0)
        return (int)size;
    struct slice text = slice_trim((struct slice){start, (size_t)size});
    if (text.size == 0)
        return -ENODATA;
    return list_format_detect(text, &format) < 0 ? -EBADMSG : 0;
}

/* Written after the list: should we die between the two, the sizes differ or the old validators
 * are sent, and the list is only downloaded once more. */
static void write_from(const struct list_file *file, const char *url,
                       const struct list_validators *validators)
{
    struct sibling from = sibling(file->path, ".from");
    _fclose_ FILE *to = fopen(from.path, "we");
    if (to)
        fprintf(to, "url=%s\nsize=%zu\netag=%s\nmodified=%s\n", url, file->size, validators->etag,
                validators->modified);
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct sibling folder = sibling(path, "");
    folder.path[slash && slash > path ? slash - path : 1] = '\0';
    _close_fd_ int fd = open(slash ? folder.path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)fsync(fd);
}

int list_file_accept(struct list_file *file, const char *url,
                     const struct list_validators *validators)
{
    int err = look_over(file);
    if (err < 0)
        return err;
    if (fsync(file->fd) < 0 || rename(sibling(file->path, ".new").path, file->path) < 0)
        return -errno;
    sync_folder(file->path);
    write_from(file, url, validators);
    close(file->fd);
    file->fd = -1;
    return 0;
}

void list_file_discard(struct list_file *file)
{
    if (file->fd < 0)
        return;
    (void)unlink(sibling(file->path, ".new").path);
    close(file->fd);
    file->fd = -1;
}
