/* Bytes are classed eight at a time into one bit each, so that the walk goes from edge to edge, not
 * from byte to byte. A token's hash reads its first and last eight bytes: enough to tell tokens
 * apart, and a mistake costs a comparison only. */
#include "adblock/token.h"

enum { WORD = sizeof(uint64_t), BLOCK = 64 };

#define ONES UINT64_C(0x0101010101010101)
#define HIGH (ONES * 0x80)

bool token_is_char(char c)
{
    return char_is_digit(c) || (c >= 'a' && c <= 'z') || c == '%';
}

static uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* The high bit of each byte of `low` (7 bits each) that is from `first` to `last`. */
static uint64_t in_range(uint64_t low, uint8_t first, uint8_t last)
{
    return (low + ONES * (0x80U - first)) & ~(low + ONES * (0x7fU - last));
}

/* A bit for each of eight bytes: is it of a token? */
static uint64_t class_word(uint64_t word)
{
    uint64_t low = word & ~HIGH;
    uint64_t marks = in_range(low, '0', '9') | in_range(low, 'a', 'z') | in_range(low, '%', '%');
    marks &= ~word & HIGH;
    return ((marks >> 7) * UINT64_C(0x0102040810204080)) >> 56; /* gathers the bits */
}

/* The same for a block; bytes behind the end are of no token. */
static uint64_t class_block(const char *text, size_t size)
{
    uint64_t bits = 0;
    size_t whole = size < BLOCK ? size : BLOCK;
    for (size_t at = 0; at < whole; at += WORD)
        bits |= class_word(load(text + at)) << at;
    return whole < BLOCK ? bits & ((UINT64_C(1) << whole) - 1) : bits;
}

uint32_t token_hash(const char *text, size_t size)
{
    size_t bits = (size < WORD ? size : WORD) * 8;
    uint64_t mask = ~UINT64_C(0) >> (64 - bits);
    uint64_t first = load(text) & mask;
    uint64_t last = load(text + (size > WORD ? size - WORD : 0)) & mask;
    uint64_t hash = (first ^ size) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ (hash >> 29) ^ last) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32);
}

/* Go on to the next block with an edge. At the text's end a token that is open ends. */
static bool next_block(struct token_scan *scan)
{
    while (!scan->edges) {
        if (scan->next >= scan->size)
            return false;
        uint64_t bits = class_block(scan->text + scan->next, scan->size - scan->next);
        scan->edges = bits ^ (bits << 1 | scan->is_inside);
        scan->next += BLOCK;
    }
    return true;
}

static bool give(struct token_scan *scan, size_t end, struct token *ret)
{
    size_t size = end - scan->start;
    scan->is_inside = false;
    *ret = (struct token){token_hash(scan->text + scan->start, size), scan->start, (uint32_t)size};
    return true;
}

bool token_next(struct token_scan *scan, struct token *ret)
{
    while (next_block(scan)) {
        size_t at = scan->next - BLOCK + (size_t)__builtin_ctzll(scan->edges);
        scan->edges &= scan->edges - 1;
        if (scan->is_inside)
            return give(scan, at, ret);
        scan->is_inside = true;
        scan->start = (uint32_t)at;
    }
    return scan->is_inside && give(scan, scan->size, ret);
}
