#include "adblock/spool.h"

#include <errno.h>
#include <unistd.h>

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
    for (size_t at = 0; at < records->size && spool->err == 0;) {
        ssize_t written =
            pwrite(spool->fd, records->data + at, records->size - at, (off_t)(spool->filed + at));
        if (written > 0)
            at += (size_t)written;
        else if (written == 0 || errno != EINTR)
            spool->err = written == 0 ? -EIO : -errno;
    }
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
    size_t size = spool->bytes - at, got = 0;
    if (size > SPOOL_BUFFER_BYTES)
        size = SPOOL_BUFFER_BYTES;
    records->size = 0;
    if (!growing_add(records, size))
        return 0;
    while (got < size) {
        ssize_t more = pread(spool->fd, records->data + got, size - got, (off_t)(at + got));
        if (more > 0) {
            got += (size_t)more;
        } else if (more == 0 || errno != EINTR) {
            spool->err = more == 0 ? -EIO : -errno;
            return 0;
        }
    }
    return size;
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
