/* Datagrams that wait: copies, so many and no more. */
#include "service/engine/udp_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static int open_queue(void **state)
{
    static struct udp_queue queue;

    udp_queue_init(&queue, &queue);
    *state = &queue;
    return 0;
}

static int close_queue(void **state)
{
    struct udp_queue *queue = *state;

    udp_queue_done(queue);
    assert_true(list_is_empty(&queue->all));
    assert_int_equal(queue->count, 0);
    assert_int_equal(queue->bytes, 0);
    return 0;
}

static struct udp_queued *add(struct udp_queue *queue, const void *data, size_t size)
{
    static const struct endpoint peer = {.name = "a.example", .address.port = 1};
    static const struct address stand_in = {.family = 4};

    return udp_queue_add(queue, &peer, &stand_in, data, size);
}

static void test_it_is_a_copy(void **state)
{
    char text[] = "words";
    struct udp_queued *item = add(*state, text, sizeof(text));

    memset(text, 0, sizeof(text));
    assert_memory_equal(item->bytes, "words", sizeof(text));
    assert_int_equal(item->size, sizeof(text));
    assert_string_equal(item->peer.name, "a.example");
    assert_int_equal(item->stand_in.family, 4);
    assert_ptr_equal(item->queue, *state);
    assert_ptr_equal(item->queue->owner, *state);
    assert_null(item->lookup);
}

static void test_so_many(void **state)
{
    struct udp_queued *first = add(*state, "", 0);

    for (int i = 1; i < UDP_QUEUE_MAX; i++)
        assert_non_null(add(*state, "", 0));
    assert_null(add(*state, "", 0));
    udp_queued_free(first);
    assert_non_null(add(*state, "", 0));
}

static void test_so_large(void **state)
{
    static const uint8_t half[UDP_QUEUE_MAX_BYTES / 2];
    struct udp_queued *first = add(*state, half, sizeof(half));

    assert_non_null(first);
    assert_non_null(add(*state, half, sizeof(half)));
    assert_null(add(*state, "a", 1));
    assert_non_null(add(*state, "", 0));
    udp_queued_free(first);
    assert_non_null(add(*state, "a", 1));
}

#define QUEUE_TEST(f) cmocka_unit_test_setup_teardown(f, open_queue, close_queue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_it_is_a_copy),
        QUEUE_TEST(test_so_many),
        QUEUE_TEST(test_so_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
