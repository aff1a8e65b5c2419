/* usage.live and, for each further worker, usage.N.live: a header and slots of 128 bytes. Each
 * counter is one aligned word with one writer, so a kill between two instructions leaves each
 * either before or after an addition. */
#include "service/control/usage_live.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_STEP_MS = 10, PATIENCE_STEPS = 300 };

static const char magic[8] = "atlusg1";

struct usage_live_file {
    char magic[8];
    uint64_t ledger;
    int64_t day;
    uint64_t id;
    uint64_t reserved[12];
    struct usage_live_slot slots[USAGE_SLOTS];
};
static_assert(sizeof(struct usage_live_slot) == 128, "a slot never straddles two pages");

static int open_named(int dir_fd, unsigned place, int flags)
{
    char name[32] = "usage.live";
    if (place > 0)
        snprintf(name, sizeof(name), "usage.%u.live", place);
    int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    return fd < 0 ? -errno : fd;
}

static int lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* Whoever keeps the ledger holds the file of a worker that is gone for a moment, to book it. */
static int lock_patiently(int fd)
{
    const struct timespec pause = {.tv_nsec = PATIENCE_STEP_MS * 1000000L};
    int result;
    for (int steps = PATIENCE_STEPS; (result = lock(fd)) == -EBUSY && steps > 0; steps--)
        nanosleep(&pause, NULL);
    return result;
}

static int open_file(int dir_fd, unsigned place)
{
    int fd = open_named(dir_fd, place, O_CREAT);
    if (fd < 0)
        return fd;
    int result = place == 0 ? lock(fd) : lock_patiently(fd);
    /* Real blocks: a hole on a full disk would be a SIGBUS in the middle of a transfer. */
    if (result == 0)
        result = -posix_fallocate(fd, 0, sizeof(struct usage_live_file));
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* Takes the descriptor, -1 for none. */
static int map(struct usage_live *live, int fd, unsigned place)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, sizeof(*live->file), PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        int err = -errno;
        assert(err < 0);
        if (fd >= 0)
            close(fd);
        return err;
    }
    *live = (struct usage_live){.fd = fd, .place = place, .file = memory};
    return 0;
}

static bool is_ours(const struct usage_live *live)
{
    return memcmp(live->file->magic, magic, sizeof(magic)) == 0;
}

int usage_live_open(struct usage_live *live, int dir_fd, unsigned place)
{
    int fd = dir_fd < 0 ? -1 : open_file(dir_fd, place);
    if (dir_fd >= 0 && fd < 0)
        return fd;
    int result = map(live, fd, place);
    if (result == 0 && !is_ours(live))
        usage_live_reset(live, 0);
    return result;
}

int usage_live_peek(struct usage_live *live, int dir_fd, unsigned place)
{
    struct usage_live found;
    struct stat stat;
    int fd = open_named(dir_fd, place, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &stat) < 0 || stat.st_size < (off_t)sizeof(*live->file)) {
        close(fd); /* its maker is not that far yet */
        return -ENOENT;
    }
    int result = map(&found, fd, place);
    if (result < 0)
        return result;
    if (!is_ours(&found)) {
        usage_live_close(&found);
        return -ENOENT;
    }
    *live = found;
    return 0;
}

int usage_live_lock(const struct usage_live *live)
{
    return lock(live->fd);
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

void usage_live_set_ledger(struct usage_live *live, uint64_t ledger)
{
    live->file->ledger = ledger;
}

uint64_t usage_live_id(const struct usage_live *live)
{
    return live->file->id;
}

int64_t usage_live_day(const struct usage_live *live)
{
    return live->file->day;
}

void usage_live_set_day(struct usage_live *live, int64_t day)
{
    live->file->day = day;
}

/* The top bit is left out: SQLite's numbers have a sign. */
static uint64_t random_id(void)
{
    uint64_t id = 0;
    while (id == 0) {
        if (getrandom(&id, sizeof(id), 0) != sizeof(id))
            id = 0;
        id &= INT64_MAX;
    }
    return id;
}

void usage_live_reset(struct usage_live *live, uint64_t ledger)
{
    memset(live->file, 0, sizeof(*live->file));
    live->file->ledger = ledger;
    live->file->id = live->place > 0 ? random_id() : 0;
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
