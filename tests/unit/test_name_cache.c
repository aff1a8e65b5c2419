#include "service/engine/name_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct address ip(const char *text)
{
    struct address address;
    assert_int_equal(address_parse_ip(text, &address), 0);
    return address;
}

static void test_last_name_wins(void **state)
{
    struct name_cache *cache = name_cache_new(10);
    struct address address = ip("192.0.2.1");

    (void)state;
    assert_null(name_cache_find(cache, &address, 0));
    name_cache_put(cache, &address, "one.example", 1000);
    assert_string_equal(name_cache_find(cache, &address, 999), "one.example");
    name_cache_put(cache, &address, "two.example", 1000);
    assert_string_equal(name_cache_find(cache, &address, 999), "two.example");
    assert_int_equal(name_cache_count(cache), 1);
    assert_null(name_cache_find(cache, &address, 1000));
    name_cache_free(cache);
}

static void test_port_and_mapping_play_no_part(void **state)
{
    struct name_cache *cache = name_cache_new(10);
    struct address plain = ip("192.0.2.1"), mapped = ip("::ffff:192.0.2.1");

    (void)state;
    plain.port = 443;
    name_cache_put(cache, &plain, "one.example", 1000);
    plain.port = 80;
    assert_non_null(name_cache_find(cache, &plain, 0));
    assert_non_null(name_cache_find(cache, &mapped, 0));
    name_cache_free(cache);
}

static void test_oldest_makes_room(void **state)
{
    struct name_cache *cache = name_cache_new(3);

    (void)state;
    for (int i = 1; i <= 4; i++) {
        char text[32];
        snprintf(text, sizeof(text), "192.0.2.%d", i);
        struct address address = ip(text);
        name_cache_put(cache, &address, text, 1000);
        if (i == 3) { /* asked for again: no longer the oldest */
            struct address first = ip("192.0.2.1");
            name_cache_put(cache, &first, "192.0.2.1", 1000);
        }
    }
    struct address first = ip("192.0.2.1"), second = ip("192.0.2.2");
    assert_int_equal(name_cache_count(cache), 3);
    assert_non_null(name_cache_find(cache, &first, 0));
    assert_null(name_cache_find(cache, &second, 0));
    name_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_name_wins),
        cmocka_unit_test(test_port_and_mapping_play_no_part),
        cmocka_unit_test(test_oldest_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
