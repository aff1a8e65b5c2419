/* A downloaded list on disk: PATH, beside it PATH.from with what its server said of it, and
 * PATH.new while another version is on its way. A new version is looked over, flushed and renamed,
 * so that a kill at any moment leaves a whole list, the former or the new one. */
#ifndef ADBLOCK_LIST_FILE_H
#define ADBLOCK_LIST_FILE_H

#include <stddef.h>
#include <sys/types.h>

enum { LIST_FILE_PATH_MAX = 1024 };

/* For a conditional request (RFC 9110 sec. 13.1); "" where the server gave none. */
struct list_validators {
    char etag[256], modified[64];
};

/* Of the version on disk; both "" when there is none, when it came from another URL, or when it was
 * changed by somebody else. */
void list_file_validators(const char *path, const char *url, struct list_validators *ret);

/* The new version being written. */
struct list_file {
    char path[LIST_FILE_PATH_MAX];
    int fd; /* -1 when closed */
    size_t size;
};

/* 0; -EALREADY when one is on its way already, -ENAMETOOLONG, other negative errno. */
int list_file_open(struct list_file *file, const char *path);
int list_file_write(struct list_file *file, const void *data, size_t size);
/* Put it into force and close. May take long (it waits for the disk): for a thread of its own. 0;
 * -ENODATA empty, -EBADMSG a web page or binary data, other negative errno; then the former version
 * stays. */
int list_file_accept(struct list_file *file, const char *url,
                     const struct list_validators *validators);
void list_file_discard(struct list_file *file); /* also closed already */

#endif
