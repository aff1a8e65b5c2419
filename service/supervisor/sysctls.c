#include "service/supervisor/sysctls.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* src_valid_mark  replies of our marked flows pass a strict rp_filter
 * fwmark_reflect  the kernel's own answers (resets, ICMP) travel as the flow they answer
 * arp_*           nobody on the link hears that the TUN's address is here (CVE-2019-14899)
 * A stricter value than ours stays. */
struct setting {
    const char *path;
    long least;
};
static const struct setting settings[] = {
    {"/proc/sys/net/ipv4/conf/all/src_valid_mark", 1},
    {"/proc/sys/net/ipv4/conf/all/arp_ignore", 2},
    {"/proc/sys/net/ipv4/conf/all/arp_announce", 2},
    {"/proc/sys/net/ipv4/fwmark_reflect", 1},
    {"/proc/sys/net/ipv6/fwmark_reflect", 1},
};
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static int read_value(const char *path, long *ret)
{
    char text[32];
    _close_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    if (size < 0)
        return -errno;
    text[size] = '\0';
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text)
        return -EINVAL;
    *ret = value;
    return 0;
}

static int write_value(const char *path, long value)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "%ld\n", value);
    _close_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, (size_t)size) < 0 ? -errno : 0;
}

/* The file: one "PATH BEFORE OURS" a line. Absent: nothing is remembered. */
static int remember(const char *memory, const long *before, const bool *changes)
{
    char draft[PATH_MAX];
    snprintf(draft, sizeof(draft), "%s.new", memory);
    _close_fd_ int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -errno;
    for (size_t i = 0; i < SETTINGS; i++)
        if (changes[i] &&
            dprintf(fd, "%s %ld %ld\n", settings[i].path, before[i], settings[i].least) < 0)
            return -errno;
    return rename(draft, memory) < 0 ? -errno : 0;
}

int sysctls_set(const char *memory)
{
    long before[SETTINGS] = {0};
    bool changes[SETTINGS] = {false};
    for (size_t i = 0; i < SETTINGS; i++)
        changes[i] = read_value(settings[i].path, &before[i]) == 0 && before[i] < settings[i].least;

    /* What an earlier process of ours remembered is the truth; now the values are already ours. */
    if (access(memory, F_OK) != 0) {
        int err = remember(memory, before, changes);
        if (err < 0)
            return err;
    }
    for (size_t i = 0; i < SETTINGS; i++) {
        int err = changes[i] ? write_value(settings[i].path, settings[i].least) : 0;
        if (err < 0)
            return err;
    }
    return 0;
}

static bool is_ours(const char *path)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(path, settings[i].path) == 0)
            return true;
    return false;
}

int sysctls_restore(const char *memory)
{
    _fclose_ FILE *file = fopen(memory, "re");
    if (!file)
        return errno == ENOENT ? 0 : -errno;
    char path[128];
    long before, ours, now = 0;
    int err = 0;
    while (fscanf(file, "%127s %ld %ld", path, &before, &ours) == 3) {
        if (!is_ours(path) || read_value(path, &now) < 0 || now != ours)
            continue;
        int failed = write_value(path, before);
        err = failed < 0 ? failed : err;
    }
    if (err == 0 && unlink(memory) < 0)
        err = -errno;
    return err;
}

void sysctls_set_device(const char *device)
{
    /* rp_filter 2: answers that seem to come from a LAN address enter by the TUN. The device's
     * value counts only where it is larger than that of `all`. */
    const struct setting ours[] = {
        {"/proc/sys/net/ipv4/conf/%s/ignore_routes_with_linkdown", 1},
        {"/proc/sys/net/ipv4/conf/%s/rp_filter", 2},
        {"/proc/sys/net/ipv6/conf/%s/ignore_routes_with_linkdown", 1},
        {"/proc/sys/net/ipv6/conf/%s/accept_ra", 0},
    };
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        const char *at = strstr(ours[i].path, "%s");
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%.*s%s%s", (int)(at - ours[i].path), ours[i].path, device,
                 at + 2);
        write_value(path, ours[i].least); /* comfort, not protection: failing is fine */
    }
}
