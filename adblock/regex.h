/* Regular expressions of rules: PCRE2 with its JIT, made when a rule is first needed and kept. */
#ifndef ADBLOCK_REGEX_H
#define ADBLOCK_REGEX_H

#include "adblock/slice.h"

#include <stdatomic.h>

/* One for each rule that is a regular expression; zero it at first. Shared by threads. */
struct regex {
    atomic_uintptr_t code;
};

enum { REGEX_MATCH_LIMIT = 100000 }; /* steps of the interpreter, where there is no JIT */

/* Is this an expression at all? For the compiler; *ret_reason says why not. */
bool regex_is_valid(struct slice pattern, const char **ret_reason);
/* False also where a limit is hit. */
bool regex_match(struct regex *regex, struct slice pattern, bool is_caseless, const char *subject,
                 size_t size);
void regex_done(struct regex *regex);

#endif
