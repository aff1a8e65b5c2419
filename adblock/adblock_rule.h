/* A line of a filter list: Adblock Plus, uBlock Origin and AdGuard syntax, AdGuard's DNS modifiers,
 * and the hosts lines and bare names that such lists mix in. */
#ifndef ADBLOCK_ADBLOCK_RULE_H
#define ADBLOCK_ADBLOCK_RULE_H

#include "adblock/rule.h"

#include <stdbool.h>

enum { ADBLOCK_IF_MAX = 16 };

/* What carries over from line to line: "!#if" and its kin. Zero it at the beginning of a file. */
struct adblock_list {
    unsigned depth;                  /* of "!#if" */
    bool is_off[ADBLOCK_IF_MAX + 1]; /* by depth */
};

/* One line, trimmed. */
void adblock_rule_line(struct adblock_list *list, struct slice line, struct rule_sink *sink);

#endif
