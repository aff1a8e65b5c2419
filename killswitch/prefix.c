/* Networks: which of them are a LAN. */
#include "killswitch/fence.h"

#include <string.h>

static const struct fence_prefix lan_ranges[] = {
    {{.family = 4, .ip = {10}}, 8},        {{.family = 4, .ip = {172, 16}}, 12},
    {{.family = 4, .ip = {192, 168}}, 16}, {{.family = 4, .ip = {169, 254}}, 16},
    {{.family = 6, .ip = {0xfc}}, 7},      {{.family = 6, .ip = {0xfe, 0x80}}, 10},
};

static bool bits_are_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool fence_prefix_is_lan(const struct fence_prefix *prefix)
{
    for (size_t i = 0; i < sizeof(lan_ranges) / sizeof(lan_ranges[0]); i++) {
        const struct fence_prefix *range = &lan_ranges[i];
        if (range->network.family == prefix->network.family && prefix->bits >= range->bits &&
            bits_are_equal(range->network.ip, prefix->network.ip, range->bits))
            return true;
    }
    return false;
}
