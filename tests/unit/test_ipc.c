/* The wire between the halves: what goes through whole, and what is the end of the worker. */
#include "base/err.h"
#include "service/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct wire {
    int fds[2];
    struct ipc_message message;
    int got[IPC_FDS_MAX];
    size_t count;
};

static int open_wire(void **state)
{
    static struct wire wire;
    memset(&wire, 0, sizeof(wire));
    *state = &wire;
    return ipc_pair(wire.fds);
}

static int close_wire(void **state)
{
    struct wire *wire = *state;
    close(wire->fds[0]);
    close(wire->fds[1]);
    return 0;
}

static int receive(struct wire *wire, bool from_worker)
{
    return ipc_receive(wire->fds[1], from_worker, &wire->message, wire->got, &wire->count);
}

static void carries_a_message_and_its_descriptors(void **state)
{
    struct wire *wire = *state;
    struct ipc_message message = {.kind = IPC_TUN, .flag = 1};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ipc_send(wire->fds[0], &message, ends, 2), 0);
    assert_int_equal(receive(wire, false), 0);
    assert_int_equal(wire->message.kind, IPC_TUN);
    assert_int_equal(wire->message.flag, 1);
    assert_int_equal(wire->count, 2);
    assert_true(fcntl(wire->got[0], F_GETFD) & FD_CLOEXEC);

    char byte = 'x';
    assert_int_equal(write(wire->got[1], &byte, 1), 1);
    byte = 0;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(wire->got[i]);
    }
}

static void says_when_there_is_nothing_and_when_it_is_over(void **state)
{
    struct wire *wire = *state;
    assert_int_equal(receive(wire, true), -EAGAIN);
    close(wire->fds[0]);
    assert_int_equal(receive(wire, true), ERR_EOF);
    wire->fds[0] = dup(wire->fds[1]);
}

static void refuses_kinds_of_the_other_direction(void **state)
{
    struct wire *wire = *state;
    const uint32_t wrong_from_worker[] = {0, IPC_CONFIG, IPC_TUN, IPC_STOP, 99, IPC_FAILED + 1};
    for (size_t i = 0; i < sizeof(wrong_from_worker) / sizeof(wrong_from_worker[0]); i++) {
        struct ipc_message message = {.kind = wrong_from_worker[i]};
        assert_int_equal(ipc_send(wire->fds[0], &message, NULL, 0), 0);
        assert_int_equal(receive(wire, true), -EBADMSG);
    }
    struct ipc_message message = {.kind = IPC_ADMIT};
    assert_int_equal(ipc_send(wire->fds[0], &message, NULL, 0), 0);
    assert_int_equal(receive(wire, false), -EBADMSG);
}

static void refuses_wrong_sizes(void **state)
{
    struct wire *wire = *state;
    struct {
        struct ipc_message message;
        char more;
    } large = {.message = {.kind = IPC_PONG}};
    assert_true(send(wire->fds[0], &large, sizeof(large.message) - 1, 0) > 0);
    assert_int_equal(receive(wire, true), -EBADMSG);
    assert_true(send(wire->fds[0], &large, sizeof(large.message) + 1, 0) > 0);
    assert_int_equal(receive(wire, true), -EBADMSG);
}

static void refuses_a_broken_address(void **state)
{
    struct wire *wire = *state;
    struct ipc_message message = {.kind = IPC_ADMIT, .address = {.family = 5}};
    assert_int_equal(ipc_send(wire->fds[0], &message, NULL, 0), 0);
    assert_int_equal(receive(wire, true), -EBADMSG);
    message = (struct ipc_message){.kind = IPC_WHOSE, .peer = {.family = 5}};
    assert_int_equal(ipc_send(wire->fds[0], &message, NULL, 0), 0);
    assert_int_equal(receive(wire, true), -EBADMSG);
}

static void closes_descriptors_the_worker_may_not_send(void **state)
{
    struct wire *wire = *state;
    struct ipc_message message = {.kind = IPC_PONG};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ipc_send(wire->fds[0], &message, &ends[1], 1), 0);
    close(ends[1]);
    assert_int_equal(receive(wire, true), -EBADMSG);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0); /* no writer is left */
    close(ends[0]);
}

static void ends_texts(void **state)
{
    struct wire *wire = *state;
    struct ipc_message message = {.kind = IPC_REPORT};
    memset(message.name, 'n', sizeof(message.name));
    memset(message.text, 't', sizeof(message.text));
    assert_int_equal(ipc_send(wire->fds[0], &message, NULL, 0), 0);
    assert_int_equal(receive(wire, true), 0);
    assert_int_equal(strlen(wire->message.name), IPC_NAME_MAX - 1);
    assert_int_equal(strlen(wire->message.text), IPC_TEXT_MAX - 1);
}

static void a_full_wire_does_not_block(void **state)
{
    struct wire *wire = *state;
    struct ipc_message message = {.kind = IPC_PING};
    int err = 0;
    for (int i = 0; i < 100000 && !err; i++)
        err = ipc_send(wire->fds[0], &message, NULL, 0);
    assert_int_equal(err, -EAGAIN);
}

#define on_wire(test) cmocka_unit_test_setup_teardown(test, open_wire, close_wire)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_wire(carries_a_message_and_its_descriptors),
        on_wire(says_when_there_is_nothing_and_when_it_is_over),
        on_wire(refuses_kinds_of_the_other_direction),
        on_wire(refuses_wrong_sizes),
        on_wire(refuses_a_broken_address),
        on_wire(closes_descriptors_the_worker_may_not_send),
        on_wire(ends_texts),
        on_wire(a_full_wire_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
