/* The character classes of RFC 9110 sec. 5.5, 5.6 and of request targets. For the HTTP parsers. */
#ifndef BASE_HTTP_CHARS_H
#define BASE_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum http_chars {
    HTTP_TOKEN = 1,  /* methods and header names */
    HTTP_VALUE = 2,  /* header values, reasons, chunk extensions: no controls but tab */
    HTTP_TARGET = 4, /* request targets: what clients really send, which is more than a URI, but
                      * no space, control or fragment */
    HTTP_BLANK = 8,  /* space and tab */
};

extern const uint8_t http_chars[256];

static inline bool http_char_is(char c, enum http_chars set)
{
    return (http_chars[(uint8_t)c] & set) != 0;
}

#endif
