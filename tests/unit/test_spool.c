/* Records come back as they were added, from memory and from a file. */
#include "adblock/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct record {
    uint32_t a, b, c;
};

enum { PIECE = SPOOL_BUFFER_BYTES / sizeof(struct record) };

static int new_file(void)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static void add(struct spool *spool, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct record *record = spool_add(spool, sizeof(*record));
        assert_non_null(record);
        assert_int_equal(record->a | record->b | record->c, 0);
        *record = (struct record){i, ~i, 7};
    }
    spool_end(spool);
    assert_int_equal(spool->bytes, count * sizeof(struct record));
}

static void check(struct spool *spool, uint32_t count)
{
    const void *piece;
    uint32_t seen = 0;
    for (size_t at = 0, size; (size = spool_read(spool, at, &piece)) > 0; at += size) {
        const struct record *records = piece;
        assert_int_equal(size % sizeof(*records), 0);
        for (size_t i = 0; i < size / sizeof(*records); i++, seen++)
            assert_true(records[i].a == seen && records[i].b == ~seen && records[i].c == 7);
    }
    assert_int_equal(seen, count);
    assert_int_equal(spool_error(spool), 0);
}

static void test_in_memory_and_in_a_file(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct spool kept = {0}, filed = {0};
        int fd = new_file();
        spool_use_file(&filed, fd);
        add(&kept, counts[i]);
        add(&filed, counts[i]);
        for (int turn = 0; turn < 2; turn++) {
            check(&kept, counts[i]);
            check(&filed, counts[i]);
        }
        assert_in_range(filed.records.capacity, 0, 2 * SPOOL_BUFFER_BYTES);
        spool_done(&kept);
        spool_done(&filed);
        close(fd);
    }
}

static void test_a_full_disk_is_told(void **state)
{
    (void)state;
    struct spool spool = {0};
    const void *piece;
    int fd = open("/dev/full", O_RDWR);
    spool_use_file(&spool, fd);
    add(&spool, PIECE + 1);
    assert_int_equal(spool_read(&spool, 0, &piece), 0);
    assert_int_equal(spool_error(&spool), -ENOSPC);
    spool_done(&spool);
    close(fd);
}

static void test_a_file_that_was_cut_is_told(void **state)
{
    (void)state;
    struct spool spool = {0};
    const void *piece;
    int fd = new_file();
    spool_use_file(&spool, fd);
    add(&spool, PIECE + 1);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(spool_read(&spool, 0, &piece), 0);
    assert_int_equal(spool_error(&spool), -EIO);
    spool_done(&spool);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_memory_and_in_a_file),
        cmocka_unit_test(test_a_full_disk_is_told),
        cmocka_unit_test(test_a_file_that_was_cut_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
