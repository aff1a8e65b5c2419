/* A line for each list: "KEY CHECKED DUE FAILURES ERROR", the key in 16 hexadecimal digits. */
#include "adblock/list_diary.h"

#include "adblock/slice.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "lists.diary"
#define NEW_NAME  FILE_NAME ".new"

enum { LINE_BYTES = LIST_DIARY_ERROR_MAX + 96, FILE_BYTES = LIST_DIARY_MAX * LINE_BYTES };

static bool parse_line(struct slice line, struct list_diary_entry *ret)
{
    struct list_diary_entry entry = {.key = 0};
    char text[LINE_BYTES];
    int at = 0;
    if (line.size >= sizeof(text) || memchr(line.data, '\0', line.size))
        return false;
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    if (sscanf(text, "%16" SCNx64 " %15" SCNd64 " %15" SCNd64 " %9u %n", &entry.key,
               &entry.checked_s, &entry.due_s, &entry.failures, &at) != 4 ||
        at == 0 || entry.checked_s < 0 || entry.due_s < 0)
        return false;
    snprintf(entry.error, sizeof(entry.error), "%s", text + at);
    *ret = entry;
    return true;
}

size_t list_diary_parse(const char *text, size_t size, struct list_diary_entry *ret, size_t max)
{
    struct slice rest = {text, size}, line;
    size_t count = 0;
    while (count < max && rest.size > 0 && slice_next(&rest, '\n', &line))
        count += parse_line(line, &ret[count]);
    return count;
}

size_t list_diary_read(int folder, struct list_diary_entry *ret, size_t max)
{
    char text[FILE_BYTES];
    _close_fd_ int fd = openat(folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    return size > 0 ? list_diary_parse(text, (size_t)size, ret, max) : 0;
}

/* Not flushed: after a power cut the lists are merely asked for again, conditionally. */
int list_diary_write(int folder, const struct list_diary_entry *entries, size_t count)
{
    int fd = openat(folder, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        const struct list_diary_entry *entry = &entries[i];
        fprintf(to, "%016" PRIx64 " %" PRId64 " %" PRId64 " %u %.*s\n", entry->key,
                entry->checked_s, entry->due_s, entry->failures, (int)strcspn(entry->error, "\n"),
                entry->error);
    }
    if (fclose(to) != 0 || renameat(folder, NEW_NAME, folder, FILE_NAME) < 0)
        return -errno;
    return 0;
}
