#include "service/supervisor/holder.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 65536,
    YOUNGEST_MAX = 64, /* numbers of processes and threads */
    GLANCE_US = 1000,
    GLANCE_DESCRIPTORS = 1024, /* of each */
    LOOKS_PER_CLOCK = 256,     /* at descriptors */
};

struct hunt {
    struct holder_memory *memory;
    struct holder_wanted *wanted;
    size_t count, left; /* not found yet */
    uint64_t end_us;
    size_t descriptors_max; /* to look at, of each process */
};

static bool is_over(const struct hunt *hunt)
{
    return hunt->left == 0 || clock_us() >= hunt->end_us;
}

/* --- the owner's eyes ------------------------------------------------------------------------ */

#ifdef SYS_setresuid32
enum { SET_USER = SYS_setresuid32, SET_GROUP = SYS_setresgid32 };
#else
enum { SET_USER = SYS_setresuid, SET_GROUP = SYS_setresgid };
#endif

/* The calls themselves, not libc's, which would change all threads: this one alone is meant. The
 * saved user stays root, so the way back is open. */
static bool become(uid_t user, gid_t group)
{
    if (syscall(SET_GROUP, -1, group, -1) < 0)
        return false;
    if (syscall(SET_USER, -1, user, -1) == 0)
        return true;
    syscall(SET_GROUP, -1, 0, -1);
    return false;
}

static void become_root(void)
{
    if (syscall(SET_USER, -1, 0, -1) < 0 || syscall(SET_GROUP, -1, 0, -1) < 0)
        abort(); /* cannot be; a thread that is not what the others think is not to go on */
}

/* --- one process ----------------------------------------------------------------------------- */

static void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static void take_base_name(const char *path, char to[HOLDER_NAME_MAX])
{
    static const char deleted[] = " (deleted)"; /* replaced by a newer one while it runs */
    const char *slash = strrchr(path, '/');
    size_t size = strlen(slash ? slash + 1 : path), tail = sizeof(deleted) - 1;
    if (size > tail && strcmp(path + strlen(path) - tail, deleted) == 0)
        size -= tail;
    snprintf(to, HOLDER_NAME_MAX, "%.*s", (int)size, slash ? slash + 1 : path);
}

static void read_own_name(int proc_fd, char to[HOLDER_NAME_MAX])
{
    int fd = openat(proc_fd, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, to, HOLDER_NAME_MAX - 1);
    if (fd >= 0)
        close(fd);
    to[size > 0 ? size : 0] = '\0';
    to[strcspn(to, "\n")] = '\0';
}

/* Of the executable; else what the process calls itself; "" if it is gone. */
static void read_name(int proc_fd, char to[HOLDER_NAME_MAX])
{
    char path[PATH_MAX];
    ssize_t size = readlinkat(proc_fd, "exe", path, sizeof(path) - 1);
    if (size > 0) {
        path[size] = '\0';
        take_base_name(path, to);
    } else {
        read_own_name(proc_fd, to);
    }
    make_printable(to);
}

static struct holder_wanted *find_wanted(const struct hunt *hunt, uint32_t inode)
{
    for (size_t i = 0; i < hunt->count; i++)
        if (hunt->wanted[i].inode == inode && !hunt->wanted[i].name[0])
            return &hunt->wanted[i];
    return NULL;
}

static void look_at_link(struct hunt *hunt, int proc_fd, const char *link)
{
    static const char socket[] = "socket:[";
    struct holder_wanted *wanted;
    if (strncmp(link, socket, sizeof(socket) - 1) != 0)
        return;
    uint32_t inode = (uint32_t)strtoul(link + sizeof(socket) - 1, NULL, 10);
    while ((wanted = find_wanted(hunt, inode))) {
        read_name(proc_fd, wanted->name);
        if (!wanted->name[0])
            return; /* it is gone */
        hunt->left--;
    }
}

static DIR *open_descriptors(int proc_fd)
{
    int fd = openat(proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0)
        close(fd);
    return dir;
}

/* False: it is not shown to us. */
static bool look_at_descriptors(struct hunt *hunt, int proc_fd)
{
    char link[64];
    DIR *dir = open_descriptors(proc_fd);
    const struct dirent *entry;
    bool is_shown = true;
    if (!dir)
        return errno != EACCES && errno != EPERM;
    for (size_t seen = 0; is_shown && hunt->left > 0 && seen < hunt->descriptors_max; seen++) {
        if (seen % LOOKS_PER_CLOCK == 0 && is_over(hunt))
            break; /* one process alone can have a million */
        entry = readdir(dir);
        if (!entry)
            break;
        if (entry->d_name[0] == '.')
            continue;
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (size > 0) {
            link[size] = '\0';
            look_at_link(hunt, proc_fd, link);
        } else {
            is_shown = errno != EACCES && errno != EPERM;
        }
    }
    closedir(dir);
    return is_shown;
}

static bool is_wanted_user(const struct hunt *hunt, uid_t user)
{
    for (size_t i = 0; i < hunt->count; i++)
        if (hunt->wanted[i].user == user && !hunt->wanted[i].name[0])
            return true;
    return false;
}

/* True if something was found there. */
static bool look_into(struct hunt *hunt, pid_t pid)
{
    char path[32];
    struct stat facts;
    size_t before = hunt->left;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    int proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc_fd < 0)
        return false;
    if (fstat(proc_fd, &facts) == 0 && is_wanted_user(hunt, facts.st_uid)) {
        bool is_shown = look_at_descriptors(hunt, proc_fd);
        if (!is_shown && facts.st_uid != 0 && become(facts.st_uid, facts.st_gid)) {
            look_at_descriptors(hunt, proc_fd);
            become_root();
        }
    }
    close(proc_fd);
    return hunt->left < before;
}

/* --- where to look --------------------------------------------------------------------------- */

static void remember(struct holder_memory *memory, pid_t pid)
{
    size_t at = 0;
    while (at < HOLDER_RECENT_MAX - 1 && memory->recent[at] != pid)
        at++;
    memmove(memory->recent + 1, memory->recent, at * sizeof(pid));
    memory->recent[0] = pid;
}

static void look_at(struct hunt *hunt, pid_t pid)
{
    if (look_into(hunt, pid))
        remember(hunt->memory, pid);
}

/* The number that was given out last, of a process or a thread (proc(5): the end of loadavg); 0 if
 * it cannot be had. */
static pid_t last_number(void)
{
    char text[128];
    int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *space = strrchr(text, ' ');
    return space ? (pid_t)strtol(space + 1, NULL, 10) : 0;
}

/* Without a list of all, which alone takes longer than this. */
static void look_at_youngest(struct hunt *hunt)
{
    pid_t last = last_number();
    for (pid_t pid = last; pid > 0 && pid > last - YOUNGEST_MAX && !is_over(hunt); pid--)
        look_at(hunt, pid);
}

static void look_at_recent(struct hunt *hunt)
{
    struct holder_memory then = *hunt->memory;
    for (size_t i = 0; i < HOLDER_RECENT_MAX && !is_over(hunt); i++)
        if (then.recent[i] > 0)
            look_at(hunt, then.recent[i]);
}

/* In the order of their numbers, as the kernel lists them. */
static size_t list_processes(pid_t *pids, size_t max)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;
    while (dir && count < max && (entry = readdir(dir)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            pids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    if (dir)
        closedir(dir);
    return count;
}

static void look_at_all(struct hunt *hunt)
{
    pid_t *pids = calloc(PROCESSES_MAX, sizeof(*pids));
    size_t count = pids ? list_processes(pids, PROCESSES_MAX) : 0;
    while (count > 0 && !is_over(hunt))
        look_at(hunt, pids[--count]);
    free(pids);
}

size_t holder_glance(struct holder_memory *memory, struct holder_wanted *wanted, size_t count)
{
    struct hunt hunt = {memory, wanted, count, count, clock_us() + GLANCE_US, GLANCE_DESCRIPTORS};
    look_at_youngest(&hunt);
    look_at_recent(&hunt);
    return hunt.left;
}

size_t holder_search(struct holder_memory *memory, struct holder_wanted *wanted, size_t count,
                     unsigned limit_ms)
{
    struct hunt hunt = {memory,  wanted, count, count, clock_us() + 1000 * (uint64_t)limit_ms,
                        SIZE_MAX};
    look_at_recent(&hunt);
    if (hunt.left > 0)
        look_at_all(&hunt);
    return hunt.left;
}
