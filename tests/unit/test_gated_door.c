/* Two that meet only in the engine: what the door forwards, behind a gate that judges it. */
#include "adblock/http_gate.h"
#include "base/err.h"
#include "door_rig.h"
#include "tests/fake/fake_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct filter filter = {.blocked = {"/ads"}, .list = "ours", .rule = "/ads"};
static int judged;

static const struct filter *in_force(void *owner)
{
    (void)owner;
    return &filter;
}

static void on_request(void *owner, const struct filter_request *request,
                       const struct verdict *verdict)
{
    (void)owner;
    (void)request;
    (void)verdict;
    judged++;
}

static struct stream *admit_behind_gate(struct door_rig *rig, int index)
{
    static const struct http_gate_events events = {in_force, on_request};
    struct stream *client = door_rig_admit(rig, index), *gate;
    assert_int_equal(http_gate_new(rig->loop, client, "", false, &events, NULL, &gate), 0);
    return gate;
}

static void test_blocked_and_admitted_on_one_connection(void **state)
{
    struct door_rig *rig = *state;
    int fd = door_rig_connect(rig);
    judged = 0;
    for (int i = 0; i < 2; i++) {
        door_rig_send_text(fd, "GET http://a/ads HTTP/1.1\r\nHost: a\r\n\r\n");
        struct stream *gate = admit_behind_gate(rig, 2 * i);
        const char *page = door_rig_read_response(rig, fd);
        assert_memory_equal(page, "HTTP/1.1 403 ", 13);
        assert_int_equal(door_rig_wait_end(rig, gate), ERR_EOF);
        stream_finish(gate);
        stream_close(gate);
        door_rig_send_text(fd, "GET http://b/ok HTTP/1.1\r\nHost: b\r\n\r\n");
        gate = admit_behind_gate(rig, 2 * i + 1);
        door_rig_expect_up(rig, gate, "GET /ok HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
        door_rig_write_down(gate, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_int_equal(door_rig_wait_end(rig, gate), ERR_EOF);
        stream_finish(gate);
        stream_close(gate);
        door_rig_expect_text(rig, fd,
                             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                             "Connection: keep-alive\r\n\r\nok");
    }
    assert_int_equal(judged, 4);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_blocked_and_admitted_on_one_connection,
                                        door_rig_set_up, door_rig_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
