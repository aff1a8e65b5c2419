/* The first bits of an address, as rules about addresses name them. */
#ifndef ADBLOCK_ADDRESS_PREFIX_H
#define ADBLOCK_ADDRESS_PREFIX_H

#include "adblock/slice.h"
#include "base/endpoint.h"

/* "203.0.113.0/24", or an address alone. 0 or -EINVAL. */
int address_prefix_parse(struct slice text, struct address *ret, uint8_t *ret_bits);
bool address_prefix_has(const uint8_t *ip, unsigned bits, const uint8_t *address_ip);
/* Of the first bits; the others do not count. */
uint64_t address_prefix_hash(const struct address *address, unsigned bits, uint64_t seed);

#endif
