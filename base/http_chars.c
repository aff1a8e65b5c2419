#include "base/http_chars.h"

enum {
    TEXT = HTTP_VALUE | HTTP_TARGET,
    WORD = HTTP_TOKEN | TEXT,
};

const uint8_t http_chars[256] = {
    ['\t'] = HTTP_VALUE | HTTP_BLANK,
    [' '] = HTTP_VALUE | HTTP_BLANK,
    ['!'] = WORD,
    ['"'] = TEXT,
    ['#'] = HTTP_TOKEN | HTTP_VALUE,
    ['$' ... '\''] = WORD,
    ['(' ... ')'] = TEXT,
    ['*' ... '+'] = WORD,
    [','] = TEXT,
    ['-' ... '.'] = WORD,
    ['/'] = TEXT,
    ['0' ... '9'] = WORD,
    [':' ... '@'] = TEXT,
    ['A' ... 'Z'] = WORD,
    ['[' ... ']'] = TEXT,
    ['^' ... 'z'] = WORD,
    ['{'] = TEXT,
    ['|'] = WORD,
    ['}'] = TEXT,
    ['~'] = WORD,
    [0x80 ... 0xff] = TEXT, /* obs-text */
};
