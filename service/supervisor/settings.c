#include "service/supervisor/settings.h"

#include "base/cleanup.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { COPY_BYTES = 4096 };
static const size_t file_max_bytes = (size_t)8 << 20; /* config_read has its own, smaller limit */

static int copy_all(int from, int to)
{
    char part[COPY_BYTES];
    size_t total = 0;
    ssize_t size;
    while ((size = read(from, part, sizeof(part))) > 0) {
        total += (size_t)size;
        if (total > file_max_bytes)
            return -EFBIG;
        if (write(to, part, (size_t)size) != size)
            return -EIO;
    }
    explicit_bzero(part, sizeof(part)); /* credentials */
    return size < 0 ? -errno : 0;
}

static int seal(int fd)
{
    const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    return fcntl(fd, F_ADD_SEALS, all) < 0 ? -errno : 0;
}

/* The file as it is now, in memory that nobody changes. */
static int take_copy(const char *path, int *ret_fd)
{
    _close_fd_ int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat found;
    if (file < 0 || fstat(file, &found) < 0)
        return -errno;
    if (S_ISDIR(found.st_mode))
        return -EISDIR;
    int copy = memfd_create("atlantic.yaml", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        return -errno;
    int err = copy_all(file, copy);
    if (err == 0)
        err = seal(copy);
    if (err < 0) {
        close(copy);
        return err;
    }
    *ret_fd = copy;
    return 0;
}

static int find_user(struct settings *settings, struct config_error *error)
{
    const struct passwd *user = getpwnam(settings->config->user);
    if (!user) {
        snprintf(error->text, sizeof(error->text),
                 "there is no user '%s' for the worker; make one (systemd-sysusers) or name "
                 "another in worker.user",
                 settings->config->user);
        return -ENOENT;
    }
    if (user->pw_uid == 0) {
        snprintf(error->text, sizeof(error->text),
                 "the user '%s' for the worker is root; name another in worker.user",
                 settings->config->user);
        return -EPERM;
    }
    settings->user = user->pw_uid;
    const struct group *group = getgrnam(settings->config->group);
    if (!group) {
        snprintf(error->text, sizeof(error->text),
                 "there is no group '%s' for the worker; make one (systemd-sysusers) or name "
                 "another in worker.group",
                 settings->config->group);
        return -ENOENT;
    }
    settings->group = group->gr_gid;
    return 0;
}

static int read_config(const char *path, struct settings *settings, struct config_error *error)
{
    const char *name = path ? path : CONFIG_PATH;
    int err = take_copy(name, &settings->config_fd);
    if (err == -ENOENT && !path)
        return config_parse("(embedded)", NULL, 0, &settings->config, error);
    if (err < 0) {
        snprintf(error->text, sizeof(error->text), "%s: %s", name, err_text(err));
        return err;
    }
    return config_read(name, settings->config_fd, &settings->config, error);
}

enum exit_status settings_read(const char *path, struct settings *ret, struct config_error *error)
{
    struct settings settings = {.config_fd = -1};
    enum exit_status status = EXIT_FINE;
    if (read_config(path, &settings, error) < 0)
        status = EXIT_CONFIG;
    else if (find_user(&settings, error) < 0)
        status = EXIT_NO_USER;
    if (status != EXIT_FINE) {
        settings_done(&settings);
        return status;
    }
    *ret = settings;
    return EXIT_FINE;
}

void settings_done(struct settings *settings)
{
    config_unref(settings->config);
    if (settings->config_fd >= 0)
        close(settings->config_fd);
    settings->config = NULL;
    settings->config_fd = -1;
}

enum exit_status settings_show(const char *path)
{
    struct settings settings = {.config_fd = -1};
    struct config_error error;
    if (read_config(path, &settings, &error) < 0) {
        fprintf(stderr, "%s\n", error.text);
        settings_done(&settings);
        return EXIT_CONFIG;
    }
    _free_ char *text = config_format(settings.config);
    settings_done(&settings);
    return text && fputs(text, stdout) >= 0 ? EXIT_FINE : EXIT_TROUBLE;
}
