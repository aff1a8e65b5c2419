/* A piece of somebody else's text: not terminated, borrowed, never written to. What the list
 * parsers cut lines with. */
#ifndef ADBLOCK_SLICE_H
#define ADBLOCK_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size;
};

#define SLICE(literal) ((struct slice){literal, sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool char_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline char char_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c;
}

static inline bool char_is_alnum(char c)
{
    char lower = char_lower(c);
    return char_is_digit(c) || (lower >= 'a' && lower <= 'z');
}

static inline struct slice slice_trim(struct slice slice)
{
    while (slice.size > 0 && char_is_space(slice.data[0]))
        slice.data++, slice.size--;
    while (slice.size > 0 && char_is_space(slice.data[slice.size - 1]))
        slice.size--;
    return slice;
}

static inline struct slice slice_from(struct slice slice, size_t start)
{
    return (struct slice){slice.data + start, slice.size - start};
}

static inline struct slice slice_until(struct slice slice, size_t end)
{
    return (struct slice){slice.data, end};
}

static inline struct slice slice_at_most(struct slice slice, size_t size)
{
    return slice.size > size ? slice_until(slice, size) : slice;
}

static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_equals_fold(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (char_lower(a.data[i]) != char_lower(b.data[i]))
            return false;
    return true;
}

static inline bool slice_starts(struct slice slice, struct slice with)
{
    return slice.size >= with.size && memcmp(slice.data, with.data, with.size) == 0;
}

static inline bool slice_ends(struct slice slice, struct slice with)
{
    return slice.size >= with.size &&
           memcmp(slice.data + slice.size - with.size, with.data, with.size) == 0;
}

/* The place of `c`, or the slice's size. */
static inline size_t slice_find(struct slice slice, char c)
{
    const char *found = slice.size ? memchr(slice.data, c, slice.size) : NULL;
    return found ? (size_t)(found - slice.data) : slice.size;
}

static inline bool slice_has(struct slice slice, char c)
{
    return slice_find(slice, c) < slice.size;
}

/* Cut the part before the next `separator` off *rest. False when nothing is left. */
static inline bool slice_next(struct slice *rest, char separator, struct slice *ret)
{
    if (!rest->data)
        return false;
    size_t end = slice_find(*rest, separator);
    *ret = slice_until(*rest, end);
    *rest = end < rest->size ? slice_from(*rest, end + 1) : (struct slice){NULL, 0};
    return true;
}

/* Cut the next word, as blanks divide them. False when there is none. */
static inline bool slice_word(struct slice *rest, struct slice *ret)
{
    struct slice left = slice_trim(*rest);
    size_t end = 0;
    while (end < left.size && !char_is_space(left.data[end]))
        end++;
    *ret = slice_until(left, end);
    *rest = slice_from(left, end);
    return end > 0;
}

/* Decimal digits and nothing else, up to `max`; -1 otherwise. */
static inline long slice_number(struct slice slice, long max)
{
    long value = 0;
    if (slice.size == 0)
        return -1;
    for (size_t i = 0; i < slice.size; i++) {
        if (!char_is_digit(slice.data[i]) || (value = value * 10 + (slice.data[i] - '0')) > max)
            return -1;
    }
    return value;
}

/* Terminate in `to`; false if it does not fit. */
static inline bool slice_copy(struct slice slice, char *to, size_t capacity)
{
    if (slice.size >= capacity)
        return false;
    if (slice.size > 0)
        memcpy(to, slice.data, slice.size);
    to[slice.size] = '\0';
    return true;
}

#endif
