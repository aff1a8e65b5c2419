/* Where downloaded lists lie: in a folder, each in a file that is named by its URL, so that a list
 * that is renamed, or chosen again, is still there. */
#ifndef ADBLOCK_LIST_PLACE_H
#define ADBLOCK_LIST_PLACE_H

#include <stddef.h>
#include <stdint.h>

#define LIST_PLACE_PREFIX "list-"
enum { LIST_PLACE_PATH_MAX = 64 };

/* The same for the same URL, in this and every later version. */
uint64_t list_place_key(const char *url);
/* A path that begins at the folder's descriptor, since the folder's own may be closed to us. With
 * no folder (-1) one at which there never is a file. */
void list_place_path(int folder, uint64_t key, char to[LIST_PLACE_PATH_MAX]);
/* Take away all lists but these, and what belongs to them. */
void list_place_sweep(int folder, const uint64_t *keys, size_t count);

#endif
