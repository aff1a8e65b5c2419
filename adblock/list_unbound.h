/* unbound.conf(5): local-zone and local-data. A zone and the data in it may be on lines far from
 * each other, so a first look at all lines notes what each name has and is. */
#ifndef ADBLOCK_LIST_UNBOUND_H
#define ADBLOCK_LIST_UNBOUND_H

#include "adblock/hash_index.h"
#include "adblock/list_lines.h"
#include "adblock/rule.h"

struct list_unbound {
    struct hash_index names; /* what is known of a name: enum in the source */
    uint32_t root;           /* of "." */
};

/* Look through the whole list, which is at its beginning before and after. 0; -ENOMEM; what reading
 * says. */
int list_unbound_init(struct list_unbound *unbound, struct list_lines *lines);
void list_unbound_done(struct list_unbound *unbound);
/* One line, trimmed. */
void list_unbound_line(const struct list_unbound *unbound, struct slice line,
                       struct rule_sink *sink);

#endif
