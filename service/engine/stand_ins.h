/* Addresses that stand for names (dns.mode: stand-in): an application gets one at once instead of
 * the name's own addresses, and whoever connects to it is taken to the name, which the upstream
 * looks up. From 198.18.0.0/15, which no network uses (RFC 2544), and from a prefix of private
 * IPv6 addresses (RFC 4193).
 *
 * A table of fixed size in a file, mapped: it outlives the worker, and an address never stands for
 * another name while an application may remember it. A name's place is one of a few that its hash
 * tells; where all of them are in use, it gets none, and its own addresses are asked for. */
#ifndef SERVICE_ENGINE_STAND_INS_H
#define SERVICE_ENGINE_STAND_INS_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STAND_INS_MAX = 16384,
    /* How long after its last use an address may still be remembered: longer than the answers' TTL,
     * because many applications do not look at it. */
    STAND_INS_KEPT_S = 6 * 60 * 60,
};

struct stand_ins;

struct stand_ins_stats {
    uint64_t given, replaced, refused; /* refused: no place was free */
};

/* `dir_fd` is borrowed until return; < 0: not in a file, for this process alone. What is kept there
 * from before this boot is forgotten. 0 or < 0. */
int stand_ins_open(int dir_fd, struct stand_ins **ret);
void stand_ins_close(struct stand_ins *table); /* NULL is accepted */

/* The name's address of this family, 4 or 6. 0 or ERR_LIMIT. `now_s`: since the boot. */
int stand_ins_give(struct stand_ins *table, const char *name, uint8_t family, uint64_t now_s,
                   struct address *ret);
/* Does the address lie where stand-ins do? The port plays no part. */
bool stand_ins_is(const struct address *address);
/* Whom it stands for, and that it is in use; NULL: for nobody. Valid until the next give. */
const char *stand_ins_find(struct stand_ins *table, const struct address *address, uint64_t now_s);
/* Whom a conversation is for: the name, where `target` is a stand-in; otherwise, and without a
 * table, `target`. -ECONNREFUSED: an address that stands for nobody. */
int stand_ins_translate(struct stand_ins *table, const struct endpoint *target, uint64_t now_s,
                        struct endpoint *ret);
struct stand_ins_stats stand_ins_stats(const struct stand_ins *table);
uint64_t stand_ins_now_s(void);

#endif
