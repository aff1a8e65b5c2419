/* What a struct filter is, for filter*.c alone. */
#ifndef ADBLOCK_FILTER_STATE_H
#define ADBLOCK_FILTER_STATE_H

#include "adblock/filter.h"
#include "adblock/hostset.h"
#include "adblock/image.h"

#include <stdatomic.h>

struct filter {
    atomic_uint references;
    struct image image;
    struct hostset names;
    bool is_mapped;
};

/* A rule's number in a verdict: an entry of the names, or one of the rules behind them. */
#define FILTER_RULE_BIT UINT32_C(0x80000000)

/* Takes the block: malloc'ed, or mapped. 0; -EBADMSG, -ENOMEM (the block stays the caller's). */
int filter_from_image(uint8_t *data, size_t size, bool is_mapped, struct filter **ret);

#endif
