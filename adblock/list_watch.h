/* Tells that a downloaded list was replaced, by whichever process: all workers share the folder,
 * one of them downloads. Several in a row are told once. */
#ifndef ADBLOCK_LIST_WATCH_H
#define ADBLOCK_LIST_WATCH_H

#include "base/loop.h"

struct list_watch;

/* `on_change` comes from the loop. 0 or < 0. */
int list_watch_open(struct loop *loop, int folder, loop_fn *on_change, void *owner,
                    struct list_watch **ret);
void list_watch_close(struct list_watch *watch); /* NULL is accepted */

#endif
