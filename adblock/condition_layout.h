/* How conditions lie in the image. For condition*.c alone. */
#ifndef ADBLOCK_CONDITION_LAYOUT_H
#define ADBLOCK_CONDITION_LAYOUT_H

#include <stdint.h>

enum { CONDITION_ALIGNMENT = 8 };
#define CONDITION_NOT UINT64_C(1) /* lowest bit of a hash: keep off */

struct condition_head {
    uint32_t count;
    uint16_t has_positive, has_negative;
};

/* domain, to, denyallow: sorted by hash */
struct condition_hosts {
    struct condition_head head;
    uint64_t items[];
};

struct condition_client {
    uint8_t is_not, family, bits, unused; /* family 0: a name */
    uint32_t text;
    uint8_t ip[16];
};
struct condition_clients {
    struct condition_head head;
    struct condition_client items[];
};

/* ctag: places in strings; dnstype: types. The lowest bit says "not". */
struct condition_words {
    struct condition_head head;
    uint32_t items[];
};

#endif
