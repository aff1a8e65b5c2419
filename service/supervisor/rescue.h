/* What atlanticd does without staying: lock the host before the network comes up, and put
 * everything back when nothing else helps. No worker, no sockets, no loop. */
#ifndef SUPERVISOR_RESCUE_H
#define SUPERVISOR_RESCUE_H

#include "service/supervisor/exit_status.h"

/* config_path NULL: the usual one, if it is there. A configuration that is wrong does not keep the
 * fence down: the embedded default tells enough to lock. */

/* Arm the fence, with nothing admitted, if the wish is on. */
enum exit_status rescue_lock(const char *config_path, const char *state_dir);
/* Fence, rules, routes, device, kernel settings: all back, and the wish is off. */
enum exit_status rescue_clean_up(const char *config_path, const char *run_dir,
                                 const char *state_dir);

#endif
