/* Lists of names: hosts(5), one name a line, dnsmasq. unbound's are read by list_unbound, zone
 * files by list_rpz, rules by adblock_rule. */
#ifndef ADBLOCK_LIST_NAMES_H
#define ADBLOCK_LIST_NAMES_H

#include "adblock/rule.h"

#include <stdbool.h>

/* Each takes one line, trimmed, and hands its rules to the sink. */
void list_names_hosts(struct slice line, struct rule_sink *sink);
void list_names_domains(struct slice line, struct rule_sink *sink);
void list_names_dnsmasq(struct slice line, struct rule_sink *sink);

/* A line that list_names_dnsmasq reads. */
bool list_names_is_dnsmasq(struct slice line);

/* An IP address. */
bool list_names_is_address(struct slice word);
/* A full host name: two labels or more, of letters, digits, '-' and '_' or of UTF-8; the last one
 * not a number. One trailing dot is allowed. */
bool list_names_is_name(struct slice word);

#endif
