#include "tun2socks/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* RFC 1071 sec. 3 */
static void sums_the_example_of_the_rfc(void **state)
{
    const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    const uint8_t sum[] = {0xdd, 0xf2};
    uint16_t folded = checksum_fold(checksum_add(0, data, sizeof(data)));
    (void)state;
    assert_memory_equal(&folded, sum, 2);
}

static uint16_t slowly(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? (uint32_t)data[i] << 8 : data[i]; /* little endian words */
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void agrees_with_the_slow_way_at_every_size(void **state)
{
    uint8_t data[200];
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof(data); size++) {
        uint16_t got = checksum_fold(checksum_add(0, data, size));
        uint16_t want = slowly(data, size);
        assert_memory_equal(&got, &want, 2);
    }
}

static void does_not_overflow_with_the_largest_packet(void **state)
{
    static uint8_t data[65535];
    (void)state;
    memset(data, 0xff, sizeof(data));
    uint16_t got = checksum_fold(checksum_add(0, data, 65534));
    assert_int_equal(got, 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_the_example_of_the_rfc),
        cmocka_unit_test(agrees_with_the_slow_way_at_every_size),
        cmocka_unit_test(does_not_overflow_with_the_largest_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
