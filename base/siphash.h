/* SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) with one round per block
 * and three to finish: a keyed hash whose collisions cannot be chosen from outside. For tables, not
 * for signatures. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash13(const uint64_t key[2], const void *data, size_t size);

#endif
