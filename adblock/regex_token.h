/* Literal tokens of a regular expression: whatever it matches contains them whole. */
#ifndef ADBLOCK_REGEX_TOKEN_H
#define ADBLOCK_REGEX_TOKEN_H

#include "adblock/slice.h"

/* The next one, of a pattern with its slashes, from *at (0 at first) on. False at the end. Careful
 * rather than complete: an expression that is not understood has none. */
bool regex_token_next(struct slice pattern, size_t *at, struct slice *ret);

#endif
