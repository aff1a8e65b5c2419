#include "base/map.h"
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

struct thing {
    int key;
    struct map_node node;
    int visits;
};

static bool has_key(const struct map_node *node, const void *key)
{
    return map_item(node, struct thing, node)->key == *(const int *)key;
}

static uint64_t hash_of(int key)
{
    return map_hash(&key, sizeof(key));
}

static struct thing *find(const struct map *map, int key)
{
    struct map_node *node = map_find(map, hash_of(key), &key);
    return node ? map_item(node, struct thing, node) : NULL;
}

static void an_empty_map_finds_nothing_and_holds_no_memory(void **state)
{
    struct map map;
    (void)state;
    map_init(&map, has_key);
    assert_null(find(&map, 1));
    assert_null(map.buckets);
    map_done(&map);
}

static void what_was_inserted_is_found_until_removed(void **state)
{
    enum { COUNT = 5000 };
    static struct thing things[COUNT];
    struct map map;
    (void)state;
    map_init(&map, has_key);
    for (int i = 0; i < COUNT; i++) {
        things[i].key = i;
        assert_int_equal(map_insert(&map, &things[i].node, hash_of(i)), 0);
    }
    assert_int_equal(map.count, COUNT);
    assert_true(map.capacity >= COUNT);
    for (int i = 0; i < COUNT; i += 2)
        map_remove(&map, &things[i].node);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(find(&map, i), i % 2 ? &things[i] : NULL);
    for (int i = 1; i < COUNT; i += 2)
        map_remove(&map, &things[i].node);
    assert_int_equal(map.count, 0);
    assert_true(map.capacity <= 16);
    map_done(&map);
}

static void nodes_of_one_hash_are_told_apart_by_their_key(void **state)
{
    struct thing things[3] = {{.key = 0}, {.key = 1}, {.key = 2}};
    struct map map;
    (void)state;
    map_init(&map, has_key);
    for (int i = 0; i < 3; i++)
        map_insert(&map, &things[i].node, 42);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(map_find(&map, 42, &i), &things[i].node);
    map_remove(&map, &things[1].node);
    assert_null(map_find(&map, 42, &things[1].key));
    assert_non_null(map_find(&map, 42, &things[2].key));
    map_done(&map);
}

static void visit_and_remove(void *owner, struct map_node *node)
{
    struct thing *thing = map_item(node, struct thing, node);
    thing->visits++;
    if (thing->key % 3)
        map_remove(owner, node);
}

static void each_visits_all_once_even_when_they_are_removed(void **state)
{
    enum { COUNT = 1000 };
    static struct thing things[COUNT];
    struct map map;
    (void)state;
    map_init(&map, has_key);
    for (int i = 0; i < COUNT; i++) {
        things[i].key = i;
        map_insert(&map, &things[i].node, hash_of(i));
    }
    map_each(&map, visit_and_remove, &map);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(things[i].visits, 1);
        assert_ptr_equal(find(&map, i), i % 3 ? NULL : &things[i]);
    }
    map_done(&map);
}

/* Made by an independent implementation that reproduces the vector of SipHash-2-4 in the paper. */
static void siphash_gives_the_known_values(void **state)
{
    const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t data[16];
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    assert_int_equal(siphash13(key, data, 0), 0xabac0158050fc4dc);
    assert_int_equal(siphash13(key, data, 1), 0xc9f49bf37d57ca93);
    assert_int_equal(siphash13(key, data, 8), 0x369095118d299a8e);
    assert_int_equal(siphash13(key, data, 15), 0xd320d86d2a519956);
}

static void the_hash_of_equal_bytes_is_equal_at_any_alignment(void **state)
{
    const char *text = "xexample.org";
    char copy[12];
    (void)state;
    memcpy(copy, text + 1, 11);
    assert_int_equal(map_hash(text + 1, 11), map_hash(copy, 11));
    assert_int_not_equal(map_hash(copy, 11), map_hash(copy, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing_and_holds_no_memory),
        cmocka_unit_test(what_was_inserted_is_found_until_removed),
        cmocka_unit_test(nodes_of_one_hash_are_told_apart_by_their_key),
        cmocka_unit_test(each_visits_all_once_even_when_they_are_removed),
        cmocka_unit_test(siphash_gives_the_known_values),
        cmocka_unit_test(the_hash_of_equal_bytes_is_equal_at_any_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
