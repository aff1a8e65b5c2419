#include "proxy/udp_batch.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    int receiver, sender; /* connected to it */
    unsigned received, wanted;
    size_t sizes[UDP_BATCH_MAX];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    f->receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    f->sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->receiver, (struct sockaddr *)&name, size), 0);
    assert_int_equal(getsockname(f->receiver, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(connect(f->sender, (struct sockaddr *)&name, size), 0);
    f->wanted = UDP_BATCH_MAX;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close(f->receiver);
    close(f->sender);
    free(f);
    return 0;
}

static bool on_received(void *owner, const struct address *from, const uint8_t *data, size_t size)
{
    struct fixture *f = owner;
    assert_true(address_is_loopback(from));
    assert_int_equal(data[0], 'x');
    f->sizes[f->received++] = size;
    return f->received < f->wanted;
}

static void send_some(const struct fixture *f, size_t count)
{
    static const char data[] = "xxxxx";
    for (size_t i = 0; i < count; i++)
        assert_int_equal(send(f->sender, data, 1 + i % 3, 0), 1 + i % 3);
}

static void all_that_is_there_comes_at_once(void **state)
{
    struct fixture *f = *state;
    send_some(f, 5);
    udp_batch_receive(f->receiver, on_received, f);
    assert_int_equal(f->received, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(f->sizes[i], 1 + i % 3);
    udp_batch_receive(f->receiver, on_received, f); /* nothing: does not wait */
    assert_int_equal(f->received, 5);
}

static void who_has_lost_interest_gets_no_more(void **state)
{
    struct fixture *f = *state;
    f->wanted = 2;
    send_some(f, 5);
    udp_batch_receive(f->receiver, on_received, f);
    assert_int_equal(f->received, 2);
}

static int receive_room(int fd)
{
    int bytes = 0;
    socklen_t size = sizeof(bytes);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
    return bytes;
}

/* A question and its answer are not worth it. */
static void room_is_made_at_the_third_use(void **state)
{
    struct fixture *f = *state;
    const int small = 8192;
    uint8_t uses = 0;
    setsockopt(f->receiver, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    int before = receive_room(f->receiver);
    for (int i = 0; i < UDP_BATCH_FEW; i++)
        udp_batch_note(&uses, f->receiver);
    assert_int_equal(receive_room(f->receiver), before);
    udp_batch_note(&uses, f->receiver);
    assert_true(receive_room(f->receiver) > before);
    setsockopt(f->receiver, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    udp_batch_note(&uses, f->receiver); /* once is enough */
    assert_int_equal(receive_room(f->receiver), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_is_there_comes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_lost_interest_gets_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_is_made_at_the_third_use, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
