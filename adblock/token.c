/* A token's hash reads its first and last eight bytes: enough to tell tokens apart, and a mistake
 * costs a comparison only. */
#include "adblock/token.h"

#define D 1
const uint8_t token_chars[256] = {
    ['%'] = D, ['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D,
    ['7'] = D, ['8'] = D, ['9'] = D, ['a'] = D, ['b'] = D, ['c'] = D, ['d'] = D, ['e'] = D,
    ['f'] = D, ['g'] = D, ['h'] = D, ['i'] = D, ['j'] = D, ['k'] = D, ['l'] = D, ['m'] = D,
    ['n'] = D, ['o'] = D, ['p'] = D, ['q'] = D, ['r'] = D, ['s'] = D, ['t'] = D, ['u'] = D,
    ['v'] = D, ['w'] = D, ['x'] = D, ['y'] = D, ['z'] = D,
};
#undef D

static uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

uint32_t token_hash(const char *text, size_t size)
{
    uint64_t first = load(text), last = 0;
    if (size < sizeof(first))
        first &= (UINT64_C(1) << (size * 8)) - 1;
    else
        last = load(text + size - sizeof(last));
    uint64_t hash = (first ^ size) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ (hash >> 29) ^ last) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32);
}

bool token_next(const char *text, size_t size, size_t *at, struct token *ret)
{
    size_t start = *at;
    while (start < size && !token_is_char(text[start]))
        start++;
    size_t end = start;
    while (end < size && token_is_char(text[end]))
        end++;
    *at = end;
    if (start == end)
        return false;
    *ret = (struct token){token_hash(text + start, end - start), (uint32_t)start,
                          (uint32_t)(end - start)};
    return true;
}
