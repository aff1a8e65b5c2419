/* usage.live: a header and slots of 128 bytes. Each counter is one aligned word with one writer, so
 * a kill between two instructions leaves each either before or after an addition. */
#include "service/control/usage_live.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "atlusg1";

struct usage_live_file {
    char magic[8];
    uint64_t ledger;
    int64_t day;
    uint64_t reserved[13];
    struct usage_live_slot slots[USAGE_SLOTS];
};
static_assert(sizeof(struct usage_live_slot) == 128, "a slot never straddles two pages");

static int open_file(int dir_fd)
{
    int fd = openat(dir_fd, "usage.live", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int result = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        result = errno == EWOULDBLOCK ? -EBUSY : -errno;
    /* Real blocks: a hole on a full disk would be a SIGBUS in the middle of a transfer. */
    else
        result = -posix_fallocate(fd, 0, sizeof(struct usage_live_file));
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

int usage_live_open(struct usage_live *live, int dir_fd)
{
    int fd = dir_fd < 0 ? -1 : open_file(dir_fd);
    if (dir_fd >= 0 && fd < 0)
        return fd;
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, sizeof(*live->file), PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        int err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    *live = (struct usage_live){.fd = fd, .file = memory};
    if (memcmp(live->file->magic, magic, sizeof(magic)) != 0)
        usage_live_reset(live, 0);
    return 0;
}

void usage_live_close(struct usage_live *live)
{
    if (live->file)
        munmap(live->file, sizeof(*live->file));
    if (live->fd >= 0)
        close(live->fd);
    *live = (struct usage_live){.fd = -1};
}

uint64_t usage_live_ledger(const struct usage_live *live)
{
    return live->file->ledger;
}

int64_t usage_live_day(const struct usage_live *live)
{
    return live->file->day;
}

void usage_live_set_day(struct usage_live *live, int64_t day)
{
    live->file->day = day;
}

void usage_live_reset(struct usage_live *live, uint64_t ledger)
{
    memset(live->file, 0, sizeof(*live->file));
    live->file->ledger = ledger;
    memcpy(live->file->magic, magic, sizeof(magic));
}

struct usage_live_slot *usage_live_next(const struct usage_live *live,
                                        const struct usage_live_slot *slot)
{
    size_t index = slot ? (size_t)(slot - live->file->slots) + 1 : 0;
    for (; index < USAGE_SLOTS; index++) {
        struct usage_live_slot *next = &live->file->slots[index];
        if (next->is_used)
            return next;
    }
    return NULL;
}

struct usage_live_slot *usage_live_find(const struct usage_live *live, const char *name)
{
    /* Slots are never given back, so the first free one ends the search. */
    for (size_t i = 0; i < USAGE_SLOTS && live->file->slots[i].is_used; i++) {
        struct usage_live_slot *slot = &live->file->slots[i];
        if (strncmp(slot->name, name, USAGE_NAME_MAX) == 0)
            return slot;
    }
    return NULL;
}

struct usage_live_slot *usage_live_add(struct usage_live *live, const char *name,
                                       const struct usage_counters *begin)
{
    for (size_t i = 0; i < USAGE_SLOTS; i++) {
        struct usage_live_slot *slot = &live->file->slots[i];
        if (slot->is_used)
            continue;
        memset(slot, 0, sizeof(*slot));
        slot->counters = *begin;
        strncpy(slot->name, name, USAGE_NAME_MAX);
        /* A kill before this line leaves a free slot. */
        __atomic_store_n(&slot->is_used, 1, __ATOMIC_RELEASE);
        return slot;
    }
    return NULL;
}
