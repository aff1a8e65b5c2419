/* Arrays that double. */
#include "adblock/growing.h"

#include <stdlib.h>
#include <string.h>

enum { GROWING_MIN_BYTES = 4096 };

void growing_done(struct growing *growing)
{
    free(growing->data);
    *growing = (struct growing){0};
}

void *growing_add(struct growing *growing, size_t size)
{
    if (growing->size + size > growing->capacity) {
        size_t capacity = growing->capacity ? growing->capacity : GROWING_MIN_BYTES;
        while (capacity < growing->size + size)
            capacity *= 2;
        uint8_t *data = growing->failed ? NULL : realloc(growing->data, capacity);
        if (!data) {
            growing->failed = true;
            return NULL;
        }
        growing->data = data;
        growing->capacity = capacity;
    }
    if (size == 0)
        return growing->data;
    uint8_t *at = growing->data + growing->size;
    memset(at, 0, size);
    growing->size += size;
    return at;
}

size_t growing_append(struct growing *growing, const void *data, size_t size)
{
    size_t start = growing->size;
    void *at = size ? growing_add(growing, size) : NULL;
    if (at)
        memcpy(at, data, size);
    return start;
}

void growing_align(struct growing *growing, size_t alignment)
{
    size_t over = growing->size % alignment;
    if (over)
        growing_add(growing, alignment - over);
}
