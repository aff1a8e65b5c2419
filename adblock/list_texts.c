#include "adblock/list_texts.h"
#include "adblock/list_format.h"

#include "base/cleanup.h"
#include "base/endpoint.h"
#include "base/err.h"
#include "blocklists/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OWNED_PER_SOURCE = 3, FIRST_CAPACITY = 64 * 1024 };

/* Where the one line about a failure goes. */
struct complaint {
    char *text;
    size_t capacity;
};

static int complain(struct complaint *complaint, int err, const char *name, const char *path,
                    const char *what)
{
    snprintf(complaint->text, complaint->capacity, "list \"%s\": %s: %s", name, path, what);
    return err;
}

static int complain_reading(struct complaint *complaint, int err, const char *name,
                            const char *path)
{
    char what[160];
    snprintf(what, sizeof(what), "%s; check the path, and that Atlantic's user may read the file",
             err_text(err));
    return complain(complaint, err, name, path, what);
}

static int complain_size(struct complaint *complaint, const char *name, const char *path)
{
    return complain(complaint, -EFBIG, name, path,
                    "too large (a list may have 64 MiB, all together 256 MiB); leave it out");
}

static int read_all(int fd, size_t size_hint, char **ret, size_t *ret_size)
{
    size_t capacity = size_hint + 1 > FIRST_CAPACITY ? size_hint + 1 : FIRST_CAPACITY, size = 0;
    char *text = malloc(capacity);
    while (text) {
        ssize_t got = read(fd, text + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || size + (size_t)got > LIST_TEXT_MAX_BYTES) {
            int err = got < 0 ? -errno : -EFBIG;
            free(text);
            return err;
        }
        if (got == 0) {
            *ret = text;
            *ret_size = size;
            return 0;
        }
        size += (size_t)got;
        if (size == capacity) { /* it grew since it was looked at, or is a pipe */
            char *grown = realloc(text, capacity *= 2);
            if (!grown)
                break;
            text = grown;
        }
    }
    free(text);
    return -ENOMEM;
}

/* Read, not mapped: a file that is cut short under a mapping would kill us. */
static int read_file(const char *path, char **ret, size_t *ret_size)
{
    struct stat st;
    _close_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL; /* /dev/zero, or a pipe that never ends */
    if (st.st_size > LIST_TEXT_MAX_BYTES)
        return -EFBIG;
    return read_all(fd, (size_t)st.st_size, ret, ret_size);
}

/* The next place; its name and category become the texts' own. */
static struct filter_source *add_source(struct list_texts *texts, const char *name,
                                        const char *category, enum filter_format format)
{
    size_t at = texts->count * OWNED_PER_SOURCE;
    texts->owned[at] = strdup(name);
    texts->owned[at + 1] = strdup(category ? category : "");
    texts->sources[texts->count] = (struct filter_source){
        .name = texts->owned[at],
        .category = texts->owned[at + 1],
        .format = format,
        .text = "",
    };
    texts->count++;
    return texts->owned[at] && texts->owned[at + 1] ? &texts->sources[texts->count - 1] : NULL;
}

static char **text_of_last(struct list_texts *texts)
{
    return &texts->owned[texts->count * OWNED_PER_SOURCE - 1];
}

static int read_list(struct list_texts *texts, const struct lists_source *list, size_t *total,
                     struct complaint *complaint)
{
    struct filter_source *source = add_source(texts, list->name, list->category, list->format);
    enum filter_format format;
    if (!source)
        return complain_reading(complaint, -ENOMEM, list->name, "memory");
    if (!list->path) {
        source->text = builtin_list_text;
        source->size = builtin_list_size;
        return 0;
    }
    int err = read_file(list->path, text_of_last(texts), &source->size);
    if (err == -EFBIG)
        return complain_size(complaint, list->name, list->path);
    if (err < 0)
        return complain_reading(complaint, err, list->name, list->path);
    source->text = *text_of_last(texts);
    *total += source->size;
    if (*total > LIST_TEXTS_MAX_BYTES)
        return complain_size(complaint, list->name, list->path);
    /* Whatever its format is said to be, a web page is none. An empty file is an empty list. */
    if (list_format_detect((struct slice){source->text, source->size}, &format) < 0)
        return complain(complaint, -EINVAL, list->name, list->path,
                        "not a list but a web page or binary data; download it again");
    return 0;
}

/* A name as the configuration takes it: itself and everything below, with "*." only below. */
static bool is_name(const char *text)
{
    struct endpoint endpoint;
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    return endpoint_from_host(name, strlen(name), 0, &endpoint) == 0 && endpoint_is_name(&endpoint);
}

static int add_names(struct list_texts *texts, const char *title, const char *const *names,
                     size_t count, struct complaint *complaint)
{
    struct filter_source *source = add_source(texts, title, title, FILTER_DOMAINS);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_name(names[i]))
            return complain(complaint, -EINVAL, title, names[i],
                            "not a name; write a host name such as example.com");
        size += strlen(names[i]) + 1;
    }
    char *at = *text_of_last(texts) = malloc(size + 1);
    if (!source || !at)
        return complain_reading(complaint, -ENOMEM, title, "memory");
    source->text = at;
    source->size = size;
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s\n", names[i]);
    return 0;
}

int list_texts_read(const struct lists_options *options, struct list_texts *ret, char *ret_error,
                    size_t capacity)
{
    struct complaint complaint = {ret_error, capacity};
    struct list_texts texts = {0};
    size_t most = options->count + 2, total = 0;
    int err = 0;
    texts.sources = calloc(most, sizeof(*texts.sources));
    texts.owned = calloc(most * OWNED_PER_SOURCE, sizeof(*texts.owned));
    if (!texts.sources || !texts.owned)
        err = complain_reading(&complaint, -ENOMEM, "all", "memory");
    for (size_t i = 0; i < options->count && err == 0; i++)
        err = read_list(&texts, &options->sources[i], &total, &complaint);
    if (err == 0)
        err = add_names(&texts, "allow", options->allow, options->allow_count, &complaint);
    if (err == 0)
        err = add_names(&texts, "deny", options->deny, options->deny_count, &complaint);
    if (err < 0) {
        list_texts_done(&texts);
        return err;
    }
    (void)read_file(FILTER_PSL_PATH, &texts.psl, &texts.psl_size);
    *ret = texts;
    return 0;
}

void list_texts_done(struct list_texts *texts)
{
    for (size_t i = 0; texts->owned && i < texts->count * OWNED_PER_SOURCE; i++)
        free(texts->owned[i]);
    free(texts->owned);
    free(texts->sources);
    free(texts->psl);
    *texts = (struct list_texts){0};
}
