/* The modifiers behind a rule's $. */
#ifndef ADBLOCK_RULE_OPTION_H
#define ADBLOCK_RULE_OPTION_H

#include "adblock/rule.h"

#include <stdbool.h>

enum rule_options_result {
    RULE_OPTIONS_OK,
    RULE_OPTIONS_IGNORED, /* well-formed, but about something else than whether a request may pass
                           */
    RULE_OPTIONS_DROPPED, /* *ret_reason says why */
};

/* Read the part behind the $ into `rule`, whose exception flag is set already. */
enum rule_options_result rule_options_read(struct slice options, struct rule *rule,
                                           const char **ret_reason);

/* Does the text look like modifiers at all: names, each with an optional value? */
bool rule_options_is_list(struct slice options);

/* A request's method as a bit of rule.methods; methods without a name of their own share one. */
uint16_t rule_method_bit(struct slice method);

#endif
