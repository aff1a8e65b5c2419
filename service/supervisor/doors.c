#include "service/supervisor/doors.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* the kernel lowers it to somaxconn */

static int listen_on(const struct address *address)
{
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(address, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    const int on = 1;
    int err = 0;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (address->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        bind(fd, (struct sockaddr *)&to, size) < 0 || listen(fd, BACKLOG) < 0)
        err = -errno;
    if (err == 0)
        return fd;
    close(fd);
    return err;
}

static int take_over(const struct doors *old, const struct address *address)
{
    for (size_t i = 0; old && i < old->count; i++)
        if (address_is_equal(&old->addresses[i], address))
            return fcntl(old->fds[i], F_DUPFD_CLOEXEC, 0);
    return -1;
}

static int explain(struct doors_error *error, const struct address *address, int err)
{
    char text[ADDRESS_TEXT_MAX];
    snprintf(error->text, sizeof(error->text), "cannot listen on %s: %s; %s",
             address_format(address, text), err_text(err),
             err == -EADDRINUSE ? "stop what uses it, or change local.listen"
                                : "change local.listen");
    return err;
}

static bool is_absent_family(const struct address *address, int err)
{
    return address->family == 6 && (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT);
}

int doors_open(const struct config_local *local, const struct doors *old, struct doors *ret,
               struct doors_error *error)
{
    struct doors doors = {0};
    for (unsigned i = 0; i < local->listen_count; i++) {
        const struct address *address = &local->listen[i];
        int fd = doors.count == IPC_FDS_MAX ? ERR_LIMIT : take_over(old, address);
        if (fd == -1)
            fd = listen_on(address);
        if (fd < 0 && is_absent_family(address, fd))
            continue;
        if (fd < 0) {
            doors_close(&doors);
            return explain(error, address, fd);
        }
        doors.addresses[doors.count] = *address;
        doors.fds[doors.count++] = fd;
    }
    *ret = doors;
    return 0;
}

void doors_close(struct doors *doors)
{
    for (size_t i = 0; i < doors->count; i++)
        close(doors->fds[i]);
    doors->count = 0;
}
