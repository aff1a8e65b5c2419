/* ClientHello -> server name (RFC 8446 sec. 4.1.2, RFC 6066 sec. 3), over any number of records and
 * segments, without consuming anything. */
#ifndef ADBLOCK_TLS_HELLO_H
#define ADBLOCK_TLS_HELLO_H

#include <stddef.h>
#include <stdint.h>

enum tls_hello_result { TLS_HELLO_MORE, TLS_HELLO_NAME, TLS_HELLO_NO_NAME, TLS_HELLO_NOT_TLS };

struct tls_hello {
    char name[256]; /* lower case, checked; "" if there is none */
    int has_ech;    /* encrypted_client_hello: the name is the outer one */
};

enum tls_hello_result tls_hello_parse(const uint8_t *data, size_t size, struct tls_hello *ret);

#endif
