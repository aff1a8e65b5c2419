#include "service/engine/stand_ins.h"

#include "base/err.h"
#include "base/siphash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* A name may be in any slot of its row. */
enum { ROW = 8, ROWS = STAND_INS_MAX / ROW, WRITING_MAX_S = 2 };

static const char magic[8] = "atlsti1";

/* 198.19.0.0 and fd00:6b73:0:5349::, where the first slot's addresses are; the tunnel's own are in
 * 198.18.0.0/16. */
static const uint8_t first4[4] = {198, 19, 0, 0};
static const uint8_t first6[16] = {0xfd, 0x00, 0x6b, 0x73, 0, 0, 0x53, 0x49};

struct slot {
    uint64_t used_at_s;
    char name[NAME_MAX_BYTES + 1]; /* "" free */
};

struct file {
    char magic[8];
    uint64_t key[2]; /* of the names' hash */
    uint64_t
        written_since_s;   /* a name is being written, by this process or another worker; 0: no */
    uint64_t touched_at_s; /* since the boot; a later value than now was another boot's */
    struct slot slots[STAND_INS_MAX];
};

struct stand_ins {
    struct file *file;
    struct stand_ins_stats stats;
};

uint64_t stand_ins_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec;
}

/* Real blocks: a hole on a full disk would be a SIGBUS in the middle of an answer. */
static int open_file(int dir_fd)
{
    int fd = openat(dir_fd, "stand-ins", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = fd < 0 ? -errno : -posix_fallocate(fd, 0, sizeof(struct file));

    if (err == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return err;
}

static void forget(struct file *file)
{
    uint64_t key[2] = {0};
    ssize_t got = getrandom(key, sizeof(key), 0);

    (void)got; /* without it the table works, only names could be chosen that are in one row */
    memset(file, 0, sizeof(*file));
    memcpy(file->key, key, sizeof(key));
    memcpy(file->magic, magic, sizeof(magic));
}

int stand_ins_open(int dir_fd, struct stand_ins **ret)
{
    struct stand_ins *table;
    void *memory;
    int fd = dir_fd < 0 ? -1 : open_file(dir_fd);
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

    if (dir_fd >= 0 && fd < 0)
        return fd;
    memory = mmap(NULL, sizeof(*table->file), PROT_READ | PROT_WRITE, flags, fd, 0);
    if (fd >= 0)
        close(fd);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    table = calloc(1, sizeof(*table));
    if (!table) {
        munmap(memory, sizeof(*table->file));
        return -ENOMEM;
    }
    table->file = memory;
    if (memcmp(table->file->magic, magic, sizeof(magic)) != 0 ||
        table->file->touched_at_s > stand_ins_now_s())
        forget(table->file);
    *ret = table;
    return 0;
}

void stand_ins_close(struct stand_ins *table)
{
    if (!table)
        return;
    munmap(table->file, sizeof(*table->file));
    free(table);
}

struct stand_ins_stats stand_ins_stats(const struct stand_ins *table)
{
    return table->stats;
}

/* --- addresses ------------------------------------------------------------------------------- */

static struct address address_of(size_t slot, uint8_t family)
{
    struct address address = {.family = family};
    size_t last = family == 4 ? 3 : 15;

    memcpy(address.ip, family == 4 ? first4 : first6, family == 4 ? 4 : 16);
    address.ip[last - 1] = (uint8_t)(slot >> 8);
    address.ip[last] = (uint8_t)slot;
    return address;
}

bool stand_ins_is(const struct address *address)
{
    struct address inner = address_unmapped(address);
    if (inner.family == 4)
        return memcmp(inner.ip, first4, 2) == 0;
    return inner.family == 6 && memcmp(inner.ip, first6, 8) == 0;
}

/* STAND_INS_MAX: an address that is never given. */
static size_t slot_of(const struct address *address)
{
    struct address inner = address_unmapped(address);
    size_t last = inner.family == 4 ? 3 : 15;
    size_t slot = (size_t)inner.ip[last - 1] << 8 | inner.ip[last];
    struct address ours;

    if (!stand_ins_is(&inner) || slot >= STAND_INS_MAX)
        return STAND_INS_MAX;
    ours = address_of(slot, inner.family);
    return memcmp(ours.ip, inner.ip, last + 1) == 0 ? slot : STAND_INS_MAX;
}

/* --- names ----------------------------------------------------------------------------------- */

static void use(struct stand_ins *table, struct slot *slot, uint64_t now_s)
{
    slot->used_at_s = now_s;
    table->file->touched_at_s = now_s;
}

static bool has_name(const struct slot *slot, const char *name)
{
    return strncmp(slot->name, name, sizeof(slot->name)) == 0;
}

/* The slot that has the name, or one that it may have: the one unused for longest. NULL: none. */
static struct slot *choose(struct slot *row, const char *name, uint64_t now_s)
{
    struct slot *oldest = row;

    for (size_t i = 0; i < ROW; i++) {
        if (has_name(&row[i], name))
            return &row[i];
        if (row[i].used_at_s < oldest->used_at_s)
            oldest = &row[i];
    }
    if (oldest->name[0] && now_s - oldest->used_at_s < STAND_INS_KEPT_S)
        return NULL;
    return oldest;
}

/* Of several workers one writes at a time; whoever was killed meanwhile is not waited for. */
static bool begin_writing(struct file *file, uint64_t now_s)
{
    uint64_t since_s = __atomic_load_n(&file->written_since_s, __ATOMIC_RELAXED);

    if (since_s != 0 && now_s < since_s + WRITING_MAX_S)
        return false;
    return __atomic_compare_exchange_n(&file->written_since_s, &since_s, now_s + 1, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void end_writing(struct file *file)
{
    __atomic_store_n(&file->written_since_s, 0, __ATOMIC_RELEASE);
}

/* Whoever is killed in between leaves a free slot. */
static void write_name(struct slot *slot, const char *name)
{
    __atomic_store_n(&slot->name[0], '\0', __ATOMIC_RELEASE);
    strncpy(slot->name + 1, name + 1, sizeof(slot->name) - 1);
    __atomic_store_n(&slot->name[0], name[0], __ATOMIC_RELEASE);
}

/* The slot of a name that has none yet; NULL: there is no place now. */
static struct slot *add(struct stand_ins *table, struct slot *row, const char *name, uint64_t now_s)
{
    struct slot *slot = NULL;

    if (!begin_writing(table->file, now_s))
        return NULL;
    slot = choose(row, name, now_s);
    if (slot && !has_name(slot, name)) {
        table->stats.replaced += slot->name[0] != '\0';
        write_name(slot, name);
        use(table, slot, now_s);
    }
    end_writing(table->file);
    return slot;
}

int stand_ins_give(struct stand_ins *table, const char *name, uint8_t family, uint64_t now_s,
                   struct address *ret)
{
    struct slot *slots = table->file->slots, *row, *slot;
    size_t size = strlen(name);

    assert(size > 0 && size <= NAME_MAX_BYTES);
    row = slots + siphash13(table->file->key, name, size) % ROWS * ROW;
    slot = choose(row, name, now_s);
    if (slot && !has_name(slot, name))
        slot = add(table, row, name, now_s);
    if (!slot) {
        table->stats.refused++;
        return ERR_LIMIT;
    }
    table->stats.given++;
    use(table, slot, now_s);
    *ret = address_of((size_t)(slot - slots), family);
    return 0;
}

const char *stand_ins_find(struct stand_ins *table, const struct address *address, uint64_t now_s)
{
    size_t at = slot_of(address);
    struct slot *slot = table->file->slots + at;

    if (at == STAND_INS_MAX || !slot->name[0])
        return NULL;
    slot->name[NAME_MAX_BYTES] = '\0'; /* whatever the file held */
    use(table, slot, now_s);
    return slot->name;
}

int stand_ins_translate(struct stand_ins *table, const struct endpoint *target, uint64_t now_s,
                        struct endpoint *ret)
{
    struct endpoint named = {.address.port = target->address.port};
    const char *name;

    if (!table || endpoint_is_name(target) || !stand_ins_is(&target->address)) {
        *ret = *target;
        return 0;
    }
    name = stand_ins_find(table, &target->address, now_s);
    if (!name)
        return -ECONNREFUSED;
    memcpy(named.name, name, strlen(name) + 1);
    *ret = named;
    return 0;
}
