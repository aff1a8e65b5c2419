/* A small file in a folder of which we have but the descriptor: read whole, replaced whole, so that
 * a process that is killed at any moment leaves the old one or the new one; watched, so that what
 * one process writes, all of them obey. For what a person decided, not for what is counted. */
#ifndef BASE_KEPT_FILE_H
#define BASE_KEPT_FILE_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

enum { KEPT_FILE_NAME_MAX = 31 };

struct kept_file;

/* `dir_fd` and `name` are borrowed until the call returns; -1: nothing is kept. `on_change` comes
 * from the loop after the file was replaced or taken away, by ourselves too. 0 or < 0. */
int kept_file_open(struct loop *loop, int dir_fd, const char *name, loop_fn *on_change, void *owner,
                   struct kept_file **ret);
void kept_file_close(struct kept_file *file); /* NULL is accepted */
/* Allocated, not terminated. 0; -ENOENT there is none; -EBADMSG it is longer than `limit`; others.
 */
int kept_file_read(const struct kept_file *file, size_t limit, char **ret_text, size_t *ret_size);
/* On the disk when it returns, after some ms. 0, also if nothing is kept; < 0 and the file is as
 * before. */
int kept_file_write(const struct kept_file *file, const char *text, size_t size);
/* Out of the way, as NAME.damaged; replaces the one before. 0 or < 0. */
int kept_file_put_aside(const struct kept_file *file);
/* Was one put aside, ever? */
bool kept_file_was_put_aside(const struct kept_file *file);

#endif
