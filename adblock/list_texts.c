#include "adblock/list_texts.h"
#include "adblock/list_format.h"

#include "base/cleanup.h"
#include "base/endpoint.h"
#include "base/err.h"
#include "base/whole.h"
#include "blocklists/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OWNED_PER_SOURCE = 3, LOOKED_AT_BYTES = 64 * 1024 };

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

static int check_file(int fd, struct stat *ret)
{
    struct stat file = {0};
    if (fstat(fd, &file) < 0)
        return -errno;
    if (S_ISDIR(file.st_mode))
        return -EISDIR;
    if (!S_ISREG(file.st_mode))
        return -EINVAL; /* /dev/zero, or a pipe that never ends */
    if (file.st_size > FILTER_TEXT_MAX_BYTES)
        return -EFBIG;
    *ret = file;
    return 0;
}

/* A descriptor at the file's beginning, or < 0. */
static int open_file(const char *path, struct stat *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int err = check_file(fd, ret);
    if (err == 0)
        return fd;
    close(fd);
    return err;
}

/* Whatever its format is said to be, a web page is no list. An empty file is an empty list. */
static int complain_text(struct complaint *complaint, const struct lists_source *list,
                         struct slice text)
{
    enum filter_format format;
    if (list_format_detect(text, &format) == 0)
        return 0;
    return complain(complaint, -EINVAL, list->name, list->path,
                    "not a list but a web page or binary data; download it again");
}

static int complain_file(struct complaint *complaint, const struct lists_source *list, int err)
{
    return err == -EFBIG ? complain_size(complaint, list->name, list->path)
                         : complain_reading(complaint, err, list->name, list->path);
}

static bool may_be_missing(const struct lists_source *list, int err)
{
    return err == -ENOENT && list->url;
}

static int look_at_start(struct complaint *complaint, const struct lists_source *list, int fd)
{
    _free_ char *start = malloc(LOOKED_AT_BYTES);
    ssize_t size = start ? whole_read(fd, start, LOOKED_AT_BYTES, 0) : -ENOMEM;
    if (size < 0)
        return complain_file(complaint, list, (int)size);
    return complain_text(complaint, list, (struct slice){start, (size_t)size});
}

/* A descriptor at the file's beginning; *ret_fd -1 and all facts 0 where there may be none yet. */
static int open_list(struct complaint *complaint, const struct lists_source *list, int *ret_fd,
                     struct stat *ret)
{
    struct stat st = {0};
    int fd = open_file(list->path, &st);
    if (fd < 0 && !may_be_missing(list, fd))
        return complain_file(complaint, list, fd);
    int err = fd >= 0 ? look_at_start(complaint, list, fd) : 0;
    if (err < 0) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret = fd >= 0 ? st : (struct stat){0};
    return 0;
}

int list_text_look(const struct lists_source *list, struct stat *ret, char *ret_error,
                   size_t capacity)
{
    struct complaint complaint = {ret_error, capacity};
    int fd = -1, err = 0;
    struct stat st = {0};
    if (list->path)
        err = open_list(&complaint, list, &fd, &st);
    if (err < 0)
        return err;
    if (fd >= 0)
        close(fd);
    *ret = st;
    return 0;
}

int list_text_too_large(const struct lists_source *list, char *ret_error, size_t capacity)
{
    struct complaint complaint = {ret_error, capacity};
    return complain_size(&complaint, list->name, list->path);
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
        .fd = -1,
    };
    texts->count++;
    return texts->owned[at] && texts->owned[at + 1] ? &texts->sources[texts->count - 1] : NULL;
}

static char **text_of_last(struct list_texts *texts)
{
    return &texts->owned[texts->count * OWNED_PER_SOURCE - 1];
}

static int add_list(struct list_texts *texts, const struct lists_source *list, size_t *total,
                    struct complaint *complaint)
{
    struct filter_source *source = add_source(texts, list->name, list->category, list->format);
    struct stat file;
    if (!source)
        return complain_reading(complaint, -ENOMEM, list->name, "memory");
    if (!list->path) {
        source->text = list->text ? list->text : builtin_list_text;
        source->size = list->text ? strlen(list->text) : builtin_list_size;
        return 0;
    }
    int err = open_list(complaint, list, &source->fd, &file);
    if (err < 0 || source->fd < 0)
        return err;
    source->text = NULL;
    source->size = (size_t)file.st_size;
    *total += source->size;
    if (*total > LIST_TEXTS_MAX_BYTES)
        return complain_size(complaint, list->name, list->path);
    return 0;
}

/* A name as the configuration takes it: itself and everything below, with "*." only below. */
static bool is_name(const char *text)
{
    struct endpoint endpoint;
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    return endpoint_from_host(name, strlen(name), 0, &endpoint) == 0 && endpoint_is_name(&endpoint);
}

int list_names_look(const char *title, const char *const *names, size_t count, char *ret_error,
                    size_t capacity)
{
    struct complaint complaint = {ret_error, capacity};
    for (size_t i = 0; i < count; i++)
        if (!is_name(names[i]))
            return complain(&complaint, -EINVAL, title, names[i],
                            "not a name; write a host name such as example.com");
    return 0;
}

static int add_names(struct list_texts *texts, const char *title, const char *const *names,
                     size_t count, struct complaint *complaint)
{
    struct filter_source *source = add_source(texts, title, title, FILTER_DOMAINS);
    size_t size = 0;
    int err = list_names_look(title, names, count, complaint->text, complaint->capacity);
    if (err < 0)
        return err;
    for (size_t i = 0; i < count; i++)
        size += strlen(names[i]) + 1;
    char *at = *text_of_last(texts) = malloc(size + 1);
    if (!source || !at)
        return complain_reading(complaint, -ENOMEM, title, "memory");
    source->text = at;
    source->size = size;
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s\n", names[i]);
    return 0;
}

/* Not mapped: a file that is cut short under a mapping would kill us. */
static void read_psl(struct list_texts *texts)
{
    struct stat file = {0};
    _close_fd_ int fd = open_file(FILTER_PSL_PATH, &file);
    _free_ char *text = fd >= 0 ? malloc((size_t)file.st_size + 1) : NULL;
    ssize_t size = text ? whole_read(fd, text, (size_t)file.st_size, 0) : -1;
    if (size < 0)
        return;
    texts->psl = text;
    texts->psl_size = (size_t)size;
    text = NULL;
}

int list_texts_open(const struct lists_options *options, struct list_texts *ret, char *ret_error,
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
        err = add_list(&texts, &options->sources[i], &total, &complaint);
    if (err == 0)
        err = add_names(&texts, "allow", options->allow, options->allow_count, &complaint);
    if (err == 0)
        err = add_names(&texts, "deny", options->deny, options->deny_count, &complaint);
    if (err < 0) {
        list_texts_close(&texts);
        return err;
    }
    read_psl(&texts);
    *ret = texts;
    return 0;
}

void list_texts_close(struct list_texts *texts)
{
    for (size_t i = 0; texts->owned && i < texts->count * OWNED_PER_SOURCE; i++)
        free(texts->owned[i]);
    for (size_t i = 0; i < texts->count; i++)
        if (texts->sources[i].fd >= 0)
            close(texts->sources[i].fd);
    free(texts->owned);
    free(texts->sources);
    free(texts->psl);
    *texts = (struct list_texts){0};
}
