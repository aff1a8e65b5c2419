#include "tests/unit/socket_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

struct address socket_name(int fd)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof(name);
    struct address address;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(address_from_sockaddr((struct sockaddr *)&name, &address), 0);
    return address;
}
