#include "tests/fake/tun_rig.h"
#include "tun2socks/fragments.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DATA_BYTES = 4000, PIECE = 1480 };

struct rig {
    struct loop *loop;
    struct fragments fragments;
    uint8_t whole[PACKET_BYTES_MAX];
    size_t total; /* of the IP payload */
    struct packet packet;
    void *memory;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    rig->loop = loop_new();
    loop_fake_clock(rig->loop, 0);
    fragments_init(&rig->fragments, rig->loop);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    fragments_done(&rig->fragments);
    loop_free(rig->loop);
    free(rig);
    return 0;
}

static void make(struct rig *rig, const char *from, const char *to)
{
    uint8_t data[DATA_BYTES];
    struct address src = rig_address(from);
    struct address dst = rig_address(to);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    size_t size = packet_udp(rig->whole, &src, &dst, data, sizeof(data));
    rig->total = size - (src.family == 4 ? 20 : 40);
}

static int put(struct rig *rig, size_t offset, size_t size, bool has_more, uint32_t id)
{
    static uint8_t bytes[PACKET_BYTES_MAX];
    struct packet fragment;
    size_t total = packet_fragment_of(bytes, rig->whole, offset, size, has_more, id);
    assert_int_equal(packet_parse(bytes, total, &fragment), 0);
    assert_true(fragment.fragment.is_one);
    return fragments_put(&rig->fragments, &fragment, &rig->packet, &rig->memory);
}

static void expect_whole(struct rig *rig, int result)
{
    assert_int_equal(result, 1);
    assert_int_equal(rig->packet.payload_size, rig->total);
    assert_true(packet_has_valid_checksum(&rig->packet));
    assert_int_equal(rig->packet.to.port, 53);
    free(rig->memory);
    assert_int_equal(rig->fragments.count, 0);
}

static void puts_pieces_together_in_any_order(void **state)
{
    static const char *const pairs[][2] = {{"10.0.0.1:1", "192.0.2.7:53"},
                                           {"[fd00::1]:1", "[2001:db8::7]:53"}};
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}};
    struct rig *rig = *state;
    for (int family = 0; family < 2; family++) {
        make(rig, pairs[family][0], pairs[family][1]);
        for (size_t i = 0; i < 4; i++) {
            int result = 0;
            for (int j = 0; j < 3; j++) {
                assert_int_equal(result, 0);
                size_t offset = (size_t)orders[i][j] * PIECE;
                bool has_more = orders[i][j] < 2;
                result = put(rig, offset, has_more ? PIECE : rig->total - offset, has_more, 9);
            }
            expect_whole(rig, result);
        }
    }
}

static void drops_the_whole_at_an_overlap(void **state)
{
    struct rig *rig = *state;
    make(rig, "10.0.0.1:1", "192.0.2.7:53");
    assert_int_equal(put(rig, 0, PIECE, true, 1), 0);
    assert_int_equal(put(rig, PIECE - 8, PIECE, true, 1), -EBADMSG);
    assert_int_equal(rig->fragments.count, 0);
    assert_int_equal(rig->fragments.dropped, 1);
}

/* A last fragment that ends before bytes that are there would leave a hole that nobody filled. */
static void drops_the_whole_at_a_false_end(void **state)
{
    struct rig *rig = *state;
    make(rig, "10.0.0.1:1", "192.0.2.7:53");
    assert_int_equal(put(rig, 16, 8, true, 1), 0);
    assert_int_equal(put(rig, 8, 8, false, 1), -EBADMSG);
    assert_int_equal(rig->fragments.count, 0);
}

static void keeps_conversations_apart(void **state)
{
    struct rig *rig = *state;
    make(rig, "10.0.0.1:1", "192.0.2.7:53");
    assert_int_equal(put(rig, 0, PIECE, true, 1), 0);
    assert_int_equal(put(rig, PIECE, rig->total - PIECE, false, 2), 0);
    assert_int_equal(rig->fragments.count, 2);
    assert_int_equal(put(rig, PIECE, rig->total - PIECE, false, 1), 1);
    assert_true(packet_has_valid_checksum(&rig->packet));
    free(rig->memory);
    assert_int_equal(rig->fragments.count, 1);
}

static void is_bounded_and_forgets_the_oldest(void **state)
{
    struct rig *rig = *state;
    make(rig, "10.0.0.1:1", "192.0.2.7:53");
    for (uint32_t id = 0; id < FRAGMENTS_MAX_DATAGRAMS + 10; id++)
        assert_int_equal(put(rig, 0, PIECE, true, id), 0);
    assert_int_equal(rig->fragments.count, FRAGMENTS_MAX_DATAGRAMS);
    assert_int_equal(rig->fragments.dropped, 10);
}

static void forgets_after_a_while(void **state)
{
    struct rig *rig = *state;
    make(rig, "10.0.0.1:1", "192.0.2.7:53");
    assert_int_equal(put(rig, 0, PIECE, true, 1), 0);
    loop_fake_clock(rig->loop, 60000);
    loop_run_once(rig->loop, 0);
    assert_int_equal(rig->fragments.count, 0);
    assert_false(timer_is_active(&rig->fragments.expiry));
}

/* Fragments of a fragment: what comes out is no packet, its transport header was never looked at.
 */
static void refuses_a_fragment_within(void **state)
{
    static const uint8_t inner[] = {17, 0, 0, 8, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct rig *rig = *state;
    make(rig, "[fd00::1]:1", "[2001:db8::7]:53");
    rig->whole[6] = 44; /* a fragment header comes next (RFC 8200 sec. 4.5) */
    memcpy(rig->whole + 40, inner, sizeof(inner));
    assert_int_equal(put(rig, 0, 8, true, 9), 0);
    assert_int_equal(put(rig, 8, sizeof(inner) - 8, false, 9), -EBADMSG);
    assert_int_equal(rig->fragments.count, 0);
}

static void refuses_nonsense(void **state)
{
    struct rig *rig = *state;
    make(rig, "10.0.0.1:1", "192.0.2.7:53");
    assert_int_equal(put(rig, 0, 1001, true, 1), -EBADMSG);    /* not a multiple of 8 */
    assert_int_equal(put(rig, 8, 0, true, 1), -EBADMSG);       /* empty */
    assert_int_equal(put(rig, 65528, 64, false, 1), -EBADMSG); /* beyond the largest packet */
    assert_int_equal(rig->fragments.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(puts_pieces_together_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_the_whole_at_an_overlap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_the_whole_at_a_false_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_conversations_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_bounded_and_forgets_the_oldest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_after_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_fragment_within, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_nonsense, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
