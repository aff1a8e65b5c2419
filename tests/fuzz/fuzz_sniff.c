/* The first bytes of anything. More bytes never take back what fewer bytes said. */
#include "adblock/sniff.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sniff whole, part;
    enum sniff_result result = sniff_look(data, size, &whole);
    assert(result != SNIFF_MORE || size < SNIFF_MAX_BYTES);
    assert(strlen(whole.host) < sizeof(whole.host));
    enum sniff_result half = sniff_look(data, size / 2, &part);
    if (half != SNIFF_MORE)
        assert(half == result && (part.host[0] == '\0' || strcmp(part.host, whole.host) == 0));
    return 0;
}
