#include "tun2socks/checksum.h"

#include <arpa/inet.h>
#include <string.h>

/* One's complement addition is the same in any byte order and may be done in larger words; carries
 * gather in the upper half (2^32 words of 32 bits would be needed to overflow it). */
uint64_t checksum_add(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint32_t word;
    while (size >= 4 * sizeof(word)) {
        uint32_t words[4];
        memcpy(words, at, sizeof(words));
        sum += (uint64_t)words[0] + words[1] + words[2] + words[3];
        at += sizeof(words);
        size -= sizeof(words);
    }
    while (size >= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum += word;
        at += sizeof(word);
        size -= sizeof(word);
    }
    if (size > 0) {
        word = 0;
        memcpy(&word, at, size);
        sum += word;
    }
    return sum;
}

uint64_t checksum_pseudo(const struct address *from, const struct address *to, uint8_t protocol,
                         size_t payload_size)
{
    size_t address_size = from->family == 4 ? 4 : 16;
    uint64_t sum = (uint64_t)htonl((uint32_t)payload_size) + htonl((uint32_t)protocol);
    sum = checksum_add(sum, from->ip, address_size);
    return checksum_add(sum, to->ip, address_size);
}

uint16_t checksum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

uint16_t checksum_finish(uint64_t sum)
{
    return (uint16_t)~checksum_fold(sum);
}
