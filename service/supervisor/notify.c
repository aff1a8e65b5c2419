#include "service/supervisor/notify.h"

#include "base/cleanup.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* An address that begins with '@' is an abstract one: a zero byte in its place. */
static socklen_t manager_address(struct sockaddr_un *ret)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(ret->sun_path))
        return 0;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, strlen(path));
    if (path[0] == '@')
        ret->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
}

void notify_send(const char *text)
{
    struct sockaddr_un address;
    socklen_t size = manager_address(&address);
    if (size == 0)
        return;
    _close_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
}

uint64_t notify_watchdog_ms(void)
{
    const char *limit_us = getenv("WATCHDOG_USEC");
    return limit_us ? strtoull(limit_us, NULL, 10) / 2000 : 0;
}

void notify_forget(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}
