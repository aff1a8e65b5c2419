#define XXH_INLINE_ALL
#include "adblock/list_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

uint64_t list_place_key(const char *url)
{
    return XXH3_64bits(url, strlen(url));
}

void list_place_path(int folder, uint64_t key, char to[LIST_PLACE_PATH_MAX])
{
    if (folder < 0)
        snprintf(to, LIST_PLACE_PATH_MAX, "/nonexistent/list");
    else
        snprintf(to, LIST_PLACE_PATH_MAX, "/proc/self/fd/%d/" LIST_PLACE_PREFIX "%016" PRIx64,
                 folder, key);
}

/* "list-0123456789abcdef", ".from", ".new" */
static bool is_stray(const char *name, const uint64_t *keys, size_t count)
{
    uint64_t key;
    if (sscanf(name, LIST_PLACE_PREFIX "%16" SCNx64, &key) != 1)
        return false;
    for (size_t i = 0; i < count; i++)
        if (keys[i] == key)
            return false;
    return true;
}

void list_place_sweep(int folder, const uint64_t *keys, size_t count)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (is_stray(entry->d_name, keys, count))
            (void)unlinkat(folder, entry->d_name, 0);
    closedir(dir);
}
