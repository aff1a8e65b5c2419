/* The user's own rules in the worker's folder: one small file, replaced whole, so that a worker
 * that is killed leaves the old one or the new one. Watched: what one worker writes, all of them
 * obey. */
#ifndef SERVICE_ENGINE_OWN_RULES_FILE_H
#define SERVICE_ENGINE_OWN_RULES_FILE_H

#include "base/loop.h"
#include "service/engine/own_rules.h"

struct own_rules_file;

/* `dir_fd` is borrowed until the call returns; -1: nothing is kept. `on_change` comes from the loop
 * after each write, our own ones included. 0 or < 0. */
int own_rules_file_open(struct loop *loop, int dir_fd, loop_fn *on_change, void *owner,
                        struct own_rules_file **ret);
void own_rules_file_close(struct own_rules_file *file); /* NULL is accepted */
/* 0; -ENOENT nothing was ever written; -EBADMSG it is damaged; others. */
int own_rules_file_read(const struct own_rules_file *file, struct own_rules *ret);
/* 0; < 0 and the file is as before. */
int own_rules_file_write(const struct own_rules_file *file, const struct own_rules *rules);

#endif
