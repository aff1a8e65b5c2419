/* Tokens: the longest runs of letters, digits and % in a URL. A rule whose pattern has a whole
 * token in it need not be looked at for URLs without that token. */
#ifndef ADBLOCK_TOKEN_H
#define ADBLOCK_TOKEN_H

#include "adblock/slice.h"

enum { TOKEN_PADDING = 8 };

extern const uint8_t token_chars[256]; /* of lower case text */

static inline bool token_is_char(char c)
{
    return token_chars[(unsigned char)c];
}

struct token {
    uint32_t hash, start;
    uint32_t size;
};

/* The next token from *at on; `text` is in lower case with TOKEN_PADDING readable bytes behind it.
 */
bool token_next(const char *text, size_t size, size_t *at, struct token *ret);
uint32_t token_hash(const char *text, size_t size);

#endif
