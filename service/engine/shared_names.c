/* A sequence lock for each slot: odd while somebody writes. Bytes are read without a lock, so a
 * reader may see a mixture; it looks at the number again and throws the mixture away. */
#include "service/engine/shared_names.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { ROW = 8 }; /* an address may be in any slot of its row */

struct slot {
    _Atomic uint32_t version;
    struct address address;
    uint64_t until_ms; /* 0: free */
    char name[NAME_MAX_BYTES + 1];
};

struct shared_names {
    struct slot *slots;
    size_t rows, size;
};

int shared_names_open(int fd, struct shared_names **ret)
{
    struct stat stat;
    struct shared_names *names = calloc(1, sizeof(*names));
    int err = !names ? -ENOMEM : fstat(fd, &stat) < 0 ? -errno : 0;
    if (err == 0) {
        names->size = (size_t)stat.st_size;
        names->rows = names->size / (ROW * sizeof(struct slot));
        err = names->rows == 0 ? -EINVAL : 0;
    }
    if (err == 0) {
        void *memory = mmap(NULL, names->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        err = memory == MAP_FAILED ? -errno : 0;
        names->slots = err < 0 ? NULL : memory;
    }
    if (err < 0) {
        free(names);
        return err;
    }
    *ret = names;
    return 0;
}

void shared_names_close(struct shared_names *names)
{
    if (!names)
        return;
    munmap(names->slots, names->size);
    free(names);
}

static struct slot *row_of(const struct shared_names *names, const struct address *address)
{
    return names->slots + address_hash(address, 0) % names->rows * ROW;
}

/* The one of this address, or the one to give up; NULL when all are being written. */
static struct slot *choose(struct slot *row, const struct address *address)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < ROW; i++) {
        if (atomic_load_explicit(&row[i].version, memory_order_relaxed) % 2)
            continue;
        if (address_is_equal(&row[i].address, address))
            return &row[i];
        if (!oldest || row[i].until_ms < oldest->until_ms)
            oldest = &row[i];
    }
    return oldest;
}

void shared_names_put(struct shared_names *names, const struct address *address, const char *name,
                      uint64_t until_ms)
{
    struct slot *slot = choose(row_of(names, address), address);
    if (!slot)
        return;
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    if (version % 2 ||
        !atomic_compare_exchange_strong_explicit(&slot->version, &version, version + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return; /* another worker has it: the name stays unknown */
    atomic_thread_fence(memory_order_release);
    slot->address = *address;
    slot->until_ms = until_ms;
    strncpy(slot->name, name, NAME_MAX_BYTES);
    atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

static bool read_slot(const struct slot *slot, const struct address *address, uint64_t now_ms,
                      char ret_name[NAME_MAX_BYTES + 1])
{
    char name[NAME_MAX_BYTES + 1];
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_acquire);
    if (version % 2 || !address_is_equal(&slot->address, address) || slot->until_ms <= now_ms)
        return false;
    memcpy(name, slot->name, NAME_MAX_BYTES);
    name[NAME_MAX_BYTES] = '\0';
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->version, memory_order_relaxed) != version)
        return false;
    memcpy(ret_name, name, sizeof(name));
    return true;
}

bool shared_names_find(const struct shared_names *names, const struct address *address,
                       uint64_t now_ms, char ret_name[NAME_MAX_BYTES + 1])
{
    const struct slot *row = row_of(names, address);
    for (size_t i = 0; i < ROW; i++)
        if (read_slot(&row[i], address, now_ms, ret_name))
            return true;
    return false;
}
