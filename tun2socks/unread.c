#include "tun2socks/unread.h"

#include "tun2socks/tcp_stack.h"

#include "lwip/pbuf.h"

#include <assert.h>
#include <string.h>

enum { PACK_MAX = 512, PACKED_BYTES = 4096 };

static void append(struct unread *unread, struct pbuf *pbuf)
{
    if (unread->last)
        unread->last->next = pbuf;
    else
        unread->first = pbuf;
    unread->last = pbuf;
    unread->packing_room = 0;
}

static bool pack(struct unread *unread, const struct pbuf *pbuf)
{
    if (pbuf->len > PACK_MAX || !unread->first)
        return false;
    if (unread->packing_room < pbuf->len) {
        struct pbuf *packed = pbuf_alloc(PBUF_RAW, PACKED_BYTES, PBUF_RAM);
        if (!packed)
            return false;
        packed->len = 0;
        append(unread, packed);
        unread->packing_room = PACKED_BYTES;
    }
    struct pbuf *last = unread->last;
    memcpy((uint8_t *)last->payload + last->len, pbuf->payload, pbuf->len);
    last->len = (u16_t)(last->len + pbuf->len);
    unread->packing_room -= pbuf->len;
    return true;
}

/* From here on each buffer is on its own: lwIP's chains know 16 bits of length, this one more. */
void unread_put(struct unread *unread, struct pbuf *chain)
{
    while (chain) {
        struct pbuf *pbuf = chain;
        chain = pbuf->next;
        pbuf->next = NULL;
        pbuf->tot_len = pbuf->len;
        unread->size += pbuf->len;
        if (pbuf->len == 0 || pack(unread, pbuf))
            pbuf_free(pbuf);
        else
            append(unread, pbuf);
    }
}

int unread_peek(const struct unread *unread, struct span *ret, int max)
{
    int count = 0;
    for (const struct pbuf *pbuf = unread->first; pbuf && count < max; pbuf = pbuf->next)
        ret[count++] = (struct span){
            .data = pbuf->payload, .size = pbuf->len, .chunk = tcp_stack_chunk_of(pbuf)};
    return count;
}

static void drop_first(struct unread *unread)
{
    struct pbuf *pbuf = unread->first;
    unread->first = pbuf->next;
    if (!unread->first) {
        unread->last = NULL;
        unread->packing_room = 0;
    }
    pbuf->next = NULL;
    pbuf_free(pbuf);
}

void unread_consume(struct unread *unread, size_t size)
{
    assert(size <= unread->size);
    unread->size -= size;
    while (size > 0) {
        struct pbuf *pbuf = unread->first;
        if (pbuf->len > size) {
            pbuf->payload = (uint8_t *)pbuf->payload + size;
            pbuf->len = (u16_t)(pbuf->len - size);
            return;
        }
        size -= pbuf->len;
        drop_first(unread);
    }
}

void unread_clear(struct unread *unread)
{
    while (unread->first)
        drop_first(unread);
    unread->size = 0;
}

size_t unread_size(const struct unread *unread)
{
    return unread->size;
}
