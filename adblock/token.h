/* Tokens: the longest runs of letters, digits and % in a URL. A rule whose pattern has a whole
 * token in it need not be looked at for URLs without that token. */
#ifndef ADBLOCK_TOKEN_H
#define ADBLOCK_TOKEN_H

#include "adblock/slice.h"

enum { TOKEN_PADDING = 8 };

/* Of text in lower case. */
bool token_is_char(char c);

struct token {
    uint32_t hash, start, size;
};

/* A walk through a text: begin with all but text and size zero. */
struct token_scan {
    const char *text; /* in lower case, with TOKEN_PADDING readable bytes behind it */
    size_t size;
    size_t next;    /* of the block behind this one */
    uint64_t edges; /* where tokens begin and end in this block */
    bool is_inside; /* a token, at the first of the edges */
    uint32_t start; /* of that token */
};

bool token_next(struct token_scan *scan, struct token *ret);
/* TOKEN_PADDING readable bytes behind the text. */
uint32_t token_hash(const char *text, size_t size);

#endif
