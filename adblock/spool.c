#include "adblock/spool.h"

#include "base/whole.h"

#include <errno.h>

void spool_use_file(struct spool *spool, int fd)
{
    spool->fd = fd;
    spool->has_file = true;
}

void spool_done(struct spool *spool)
{
    growing_done(&spool->records);
    *spool = (struct spool){0};
}

static void flush(struct spool *spool)
{
    struct growing *records = &spool->records;
    if (spool->err == 0)
        spool->err = whole_write(spool->fd, records->data, records->size, spool->filed);
    spool->filed += records->size;
    records->size = 0;
}

void *spool_add(struct spool *spool, size_t record_bytes)
{
    if (spool->has_file && spool->records.size == SPOOL_BUFFER_BYTES)
        flush(spool);
    spool->bytes += record_bytes;
    return growing_add(&spool->records, record_bytes);
}

void spool_end(struct spool *spool)
{
    if (spool->has_file)
        flush(spool);
}

/* The file's next piece takes the buffer's place. */
static size_t read_piece(struct spool *spool, size_t at)
{
    struct growing *records = &spool->records;
    size_t size = spool->bytes - at;
    if (size > SPOOL_BUFFER_BYTES)
        size = SPOOL_BUFFER_BYTES;
    records->size = 0;
    if (!growing_add(records, size))
        return 0;
    ssize_t got = whole_read(spool->fd, records->data, size, at);
    if (got != (ssize_t)size)
        spool->err = got < 0 ? (int)got : -EIO;
    return spool->err < 0 ? 0 : size;
}

size_t spool_read(struct spool *spool, size_t at, const void **ret)
{
    if (spool_error(spool) < 0 || at >= spool->bytes)
        return 0;
    size_t size = spool->has_file ? read_piece(spool, at) : spool->bytes - at;
    *ret = spool->records.data + (spool->has_file ? 0 : at);
    return size;
}

int spool_error(const struct spool *spool)
{
    return spool->records.failed ? -ENOMEM : spool->err;
}
