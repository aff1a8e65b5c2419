#include "service/engine/stand_ins.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct stand_ins *table;

static int setup(void **state)
{
    (void)state;
    return stand_ins_open(-1, &table);
}

static int teardown(void **state)
{
    (void)state;
    stand_ins_close(table);
    return 0;
}

static struct address give(const char *name, uint8_t family, uint64_t now_s)
{
    struct address address;

    assert_int_equal(stand_ins_give(table, name, family, now_s, &address), 0);
    assert_int_equal(address.family, family);
    assert_true(stand_ins_is(&address));
    return address;
}

static void test_a_name_keeps_its_addresses(void **state)
{
    struct address first = give("web.example", 4, 1), other = give("other.example", 4, 1);
    struct address six = give("web.example", 6, 1), again = give("web.example", 4, 1000000);
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    assert_true(address_is_equal(&first, &again));
    assert_false(address_is_equal(&first, &other));
    assert_string_equal(stand_ins_find(table, &first, 2), "web.example");
    assert_string_equal(stand_ins_find(table, &six, 2), "web.example");
    assert_string_equal(stand_ins_find(table, &other, 2), "other.example");
    assert_memory_equal(address_format_ip(&first, text), "198.19.", 7);
    assert_memory_equal(address_format_ip(&six, text), "fd00:6b73:0:5349::", 18);
}

static void test_addresses_of_nobody(void **state)
{
    const char *texts[] = {"198.19.255.1:80", "198.19.64.0:80", "[fd00:6b73:0:5349::ffff]:80",
                           "[fd00:6b73:0:5349:1::1]:80"};
    struct address address;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(address_parse(texts[i], &address), 0);
        assert_true(stand_ins_is(&address));
        assert_null(stand_ins_find(table, &address, 1));
    }
    assert_int_equal(address_parse("198.18.0.1:80", &address), 0); /* the tunnel's own */
    assert_false(stand_ins_is(&address));
    address = give("web.example", 4, 1);
    address.ip[3] ^= 1;
    assert_null(stand_ins_find(table, &address, 1));
}

/* However many names: none gets an address that stood for another one until lately. */
static void test_no_address_changes_hands_while_it_may_be_remembered(void **state)
{
    struct address kept[STAND_INS_MAX];
    char name[64];
    int refused = 0;

    (void)state;
    for (unsigned i = 0; i < STAND_INS_MAX; i++) {
        snprintf(name, sizeof(name), "host-%u.example", i);
        if (stand_ins_give(table, name, 4, 100, &kept[i]) < 0) {
            kept[i].family = 0;
            refused++;
        }
    }
    assert_in_range(refused, 1, STAND_INS_MAX / 4); /* rows fill unevenly */
    assert_int_equal(stand_ins_stats(table).refused, refused);
    assert_int_equal(stand_ins_stats(table).replaced, 0);
    for (unsigned i = 0; i < STAND_INS_MAX; i++) {
        if (!kept[i].family)
            continue;
        snprintf(name, sizeof(name), "host-%u.example", i);
        assert_string_equal(stand_ins_find(table, &kept[i], 200), name);
    }
    /* Later there is room again: for those that nobody used, not for those that somebody did. */
    stand_ins_find(table, &kept[0], 100 + STAND_INS_KEPT_S);
    for (unsigned i = 0; i < STAND_INS_MAX; i++) {
        struct address address;
        snprintf(name, sizeof(name), "later-%u.example", i);
        stand_ins_give(table, name, 4, 300 + STAND_INS_KEPT_S, &address);
    }
    assert_true(stand_ins_stats(table).replaced > STAND_INS_MAX / 2);
    assert_string_equal(stand_ins_find(table, &kept[0], 301 + STAND_INS_KEPT_S), "host-0.example");
}

static void test_it_outlives_the_process(void **state)
{
    char path[] = "/tmp/stand-ins-XXXXXX";
    struct address address;
    int dir;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY);
    teardown(NULL);
    assert_int_equal(stand_ins_open(dir, &table), 0);
    address = give("web.example", 4, stand_ins_now_s());
    teardown(NULL);
    assert_int_equal(stand_ins_open(dir, &table), 0);
    assert_string_equal(stand_ins_find(table, &address, stand_ins_now_s()), "web.example");
    give("web.example", 4, stand_ins_now_s() + 1000000); /* as if written in a longer boot */
    teardown(NULL);
    assert_int_equal(stand_ins_open(dir, &table), 0);
    assert_null(stand_ins_find(table, &address, stand_ins_now_s()));
    unlinkat(dir, "stand-ins", 0);
    close(dir);
    rmdir(path);
}

static void test_translate(void **state)
{
    struct address address = give("web.example", 6, 1);
    struct endpoint target, meant;

    (void)state;
    address.port = 443;
    target = endpoint_from_address(&address);
    assert_int_equal(stand_ins_translate(table, &target, 2, &meant), 0);
    assert_string_equal(meant.name, "web.example");
    assert_int_equal(meant.address.port, 443);
    assert_int_equal(stand_ins_translate(NULL, &target, 2, &meant), 0);
    assert_true(endpoint_is_equal(&meant, &target));
    target.address.ip[15] ^= 1;
    assert_int_equal(stand_ins_translate(table, &target, 2, &meant), -ECONNREFUSED);
    assert_int_equal(endpoint_parse("192.0.2.1:80", 0, &target), 0);
    assert_int_equal(stand_ins_translate(table, &target, 2, &meant), 0);
    assert_true(endpoint_is_equal(&meant, &target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_name_keeps_its_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses_of_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_address_changes_hands_while_it_may_be_remembered,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_outlives_the_process, setup, teardown),
        cmocka_unit_test_setup_teardown(test_translate, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
