/* An array that grows while a filter is compiled. Failure is sticky: `failed` is asked once, at the
 * end, and what was added after it is lost. */
#ifndef ADBLOCK_GROWING_H
#define ADBLOCK_GROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct growing {
    uint8_t *data;
    size_t size, capacity; /* bytes */
    bool failed;
};

void growing_done(struct growing *growing);
/* Room for `size` more bytes, zeroed; NULL (and `failed`) if there is no memory. */
void *growing_add(struct growing *growing, size_t size);
/* Returns where in the array the bytes begin. */
size_t growing_append(struct growing *growing, const void *data, size_t size);
/* Fill with zeros up to a multiple of `alignment`. */
void growing_align(struct growing *growing, size_t alignment);

#endif
