#include "ui/cli/program.h"

#include "ui/cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 512 };

static bool is_there(const char *dir, size_t dir_size, const char *below, const char *name,
                     char *to, size_t capacity)
{
    int size = snprintf(to, capacity, "%.*s/%s%s", (int)dir_size, dir, below, name);
    return size > 0 && (size_t)size < capacity && access(to, X_OK) == 0;
}

int program_find(const char *name, const char *self, char *to, size_t capacity)
{
    static const char *const places[] = {
        "",
        /* installed: bin, libexec, sbin */
        "../libexec/",
        "../libexec/atlantic/",
        "../sbin/",
        /* in the build folder */
        "../../service/supervisor/",
        "../../adblock/",
    };
    const char *given = getenv("ATLANTIC_LIBEXEC");
    const char *slash = strrchr(self, '/');
    if (given && is_there(given, strlen(given), "", name, to, capacity))
        return 0;
    for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
        if (is_there(self, (size_t)(slash - self), places[i], name, to, capacity))
            return 0;
    }
    return -ENOENT;
}

int program_run(const char *name, char **arguments)
{
    char self[PATH_MAX] = "", path[PATH_MAX];
    char *words[ARGUMENTS_MAX + 2] = {path};
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[size > 0 ? size : 0] = '\0';
    if (program_find(name, self, path, sizeof(path)) < 0) {
        fprintf(stderr,
                "atlantic: the program %s is not installed beside this one; set "
                "ATLANTIC_LIBEXEC to its folder\n",
                name);
        return CLI_FAILED;
    }
    for (size_t i = 0; arguments[i]; i++) {
        if (i == ARGUMENTS_MAX) {
            fprintf(stderr, "atlantic: more than %d arguments\n", ARGUMENTS_MAX);
            return CLI_USAGE;
        }
        words[i + 1] = arguments[i];
    }
    execv(path, words);
    fprintf(stderr, "atlantic: cannot run %s: %s\n", path, strerror(errno));
    return CLI_FAILED;
}

int program_ask(const char *name, char **arguments)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(program_run(name, arguments));
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        fprintf(stderr, "atlantic: cannot run %s: %s\n", name, strerror(errno));
        return CLI_FAILED;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK : CLI_FAILED;
}
