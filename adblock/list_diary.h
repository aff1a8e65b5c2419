/* What became of each download, and when the next is due, kept in a small file over restarts. A
 * file that is damaged or missing only means that lists are asked for again. Times are Unix
 * seconds. */
#ifndef ADBLOCK_LIST_DIARY_H
#define ADBLOCK_LIST_DIARY_H

#include <stddef.h>
#include <stdint.h>

enum { LIST_DIARY_MAX = 128, LIST_DIARY_ERROR_MAX = 256 };

struct list_diary_entry {
    uint64_t key;                     /* list_place_key */
    int64_t checked_s;                /* when its server last answered; 0: never */
    int64_t due_s;                    /* when to ask again */
    unsigned failures;                /* in a row */
    char error[LIST_DIARY_ERROR_MAX]; /* of the last attempt; "" */
};

/* Pure. Returns how many entries there are. */
size_t list_diary_parse(const char *text, size_t size, struct list_diary_entry *ret, size_t max);

size_t list_diary_read(int folder, struct list_diary_entry *ret, size_t max);
/* Replaced whole. 0 or negative errno. */
int list_diary_write(int folder, const struct list_diary_entry *entries, size_t count);

#endif
