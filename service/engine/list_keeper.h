/* Downloads the lists that the configuration names by URL, for all workers that share the folder;
 * only one of them has a keeper. libcurl goes through a door of our own, as every application does:
 * a SOCKS5 listener on a loopback port that the kernel chooses, with a login that nobody else has.
 * So downloads are judged, sent through the pool and counted like everything else, names are
 * resolved where all others are, and the fence needs no exception. */
#ifndef SERVICE_ENGINE_LIST_KEEPER_H
#define SERVICE_ENGINE_LIST_KEEPER_H

#include "adblock/list_updates.h"
#include "base/loop.h"
#include "proxy/door.h"
#include "service/config.h"

struct list_keeper;

/* `folder` is borrowed until the end. What comes in by the door goes to `on_inbound`. NULL: out of
 * memory. */
struct list_keeper *list_keeper_new(struct loop *loop, int folder,
                                    void (*on_inbound)(void *owner, struct inbound *inbound),
                                    void *owner);
void list_keeper_free(struct list_keeper *keeper); /* NULL is accepted */

/* Follow this configuration. The door opens with the first URL. 0 or < 0. */
int list_keeper_set(struct list_keeper *keeper, const struct config_filter *config);
/* As list_updates.h has it; NULL is a keeper without lists. */
int list_keeper_start(struct list_keeper *keeper, const char *url);
void list_keeper_hurry(struct list_keeper *keeper);
int list_keeper_status(const struct list_keeper *keeper, const char *url,
                       struct list_update_status *ret);

#endif
