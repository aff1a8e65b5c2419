/* Masks and text. */
#include "adblock/address_prefix.h"

#define XXH_INLINE_ALL
#include <errno.h>
#include <xxhash.h>

int address_prefix_parse(struct slice text, struct address *ret, uint8_t *ret_bits)
{
    char ip[ADDRESS_TEXT_MAX];
    struct address address;
    size_t slash = slice_find(text, '/');
    if (!slice_copy(slice_until(text, slash), ip, sizeof(ip)) || address_parse_ip(ip, &address) < 0)
        return -EINVAL;
    long most = address.family == 4 ? 32 : 128;
    long bits = slash < text.size ? slice_number(slice_from(text, slash + 1), most) : most;
    if (bits < 0)
        return -EINVAL;
    *ret = address;
    *ret_bits = (uint8_t)bits;
    return 0;
}

bool address_prefix_has(const uint8_t *ip, unsigned bits, const uint8_t *address_ip)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(ip, address_ip, whole) != 0)
        return false;
    return rest == 0 || ((ip[whole] ^ address_ip[whole]) >> (8 - rest)) == 0;
}

uint64_t address_prefix_hash(const struct address *address, unsigned bits, uint64_t seed)
{
    uint8_t key[18] = {0};
    unsigned whole = bits / 8, rest = bits % 8;
    memcpy(key, address->ip, whole);
    if (rest)
        key[whole] = (uint8_t)(address->ip[whole] & (0xff << (8 - rest)));
    key[16] = address->family;
    key[17] = (uint8_t)bits;
    return XXH3_64bits_withSeed(key, sizeof(key), seed);
}
