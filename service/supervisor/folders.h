/* The supervisor's places on disk: the run folder with its lock and sockets, the state folder with
 * the wish and, inside it, the worker's own. */
#ifndef SUPERVISOR_FOLDERS_H
#define SUPERVISOR_FOLDERS_H

#include <sys/types.h>

/* Make it if needed (0755, root). */
int folder_make(const char *path);
/* One atlanticd per run folder: 0 and a descriptor that holds the lock while open; -EWOULDBLOCK
 * another has it. */
int folder_lock(const char *run_dir, int *ret_fd);
/* STATE_DIR/worker, 0700, owned by the worker's user. */
int folder_open_worker(const char *state_dir, uid_t user, gid_t group, int *ret_fd);

#endif
