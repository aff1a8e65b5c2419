/* Names in memory that several processes share. */
#include "service/engine/name_cache.h"
#include "service/engine/shared_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 64 * 1024, ROUNDS = 20000 };

static int memory(size_t size)
{
    int fd = memfd_create("test_shared_names", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static struct shared_names *open_names(int fd)
{
    struct shared_names *names = NULL;
    assert_int_equal(shared_names_open(fd, &names), 0);
    return names;
}

static struct address number(unsigned i)
{
    struct address address = {.family = 4};
    memcpy(address.ip, &i, sizeof(i));
    return address;
}

static void what_one_writes_the_other_reads(void **state)
{
    (void)state;
    int fd = memory(SIZE);
    struct shared_names *one = open_names(fd), *other = open_names(fd);
    struct address address = number(7);
    char name[NAME_MAX_BYTES + 1];
    assert_false(shared_names_find(other, &address, 0, name));
    shared_names_put(one, &address, "one.example", 1000);
    assert_true(shared_names_find(other, &address, 999, name));
    assert_string_equal(name, "one.example");
    shared_names_put(other, &address, "two.example", 2000);
    assert_true(shared_names_find(one, &address, 1000, name));
    assert_string_equal(name, "two.example");
    assert_false(shared_names_find(one, &address, 2000, name));
    shared_names_close(one);
    shared_names_close(other);
    close(fd);
}

static void the_one_that_ends_first_makes_room(void **state)
{
    (void)state;
    int fd = memory(4096); /* one row */
    struct shared_names *names = open_names(fd);
    char name[NAME_MAX_BYTES + 1];
    unsigned found = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct address address = number(i);
        shared_names_put(names, &address, "a.example", 1000 + i);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct address address = number(i);
        if (!shared_names_find(names, &address, 0, name))
            continue;
        assert_in_range(i, 92, 99);
        found++;
    }
    assert_int_equal(found, 8);
    shared_names_close(names);
    close(fd);
}

static void too_little_memory_is_refused(void **state)
{
    (void)state;
    int fd = memory(100);
    struct shared_names *names = NULL;
    assert_true(shared_names_open(fd, &names) < 0);
    assert_null(names);
    close(fd);
}

/* Names of one letter, as long as a name may be: a mixture would show. */
static void write_for_long(int fd)
{
    struct shared_names *names = open_names(fd);
    struct address address = number(1);
    char name[NAME_MAX_BYTES + 1] = "";
    for (unsigned i = 0; i < ROUNDS; i++) {
        memset(name, 'a' + (int)(i % 26), NAME_MAX_BYTES);
        shared_names_put(names, &address, name, 1000);
    }
    _exit(0);
}

static void nobody_reads_a_mixture(void **state)
{
    (void)state;
    int fd = memory(SIZE);
    struct shared_names *names = open_names(fd);
    struct address address = number(1);
    char name[NAME_MAX_BYTES + 1];
    pid_t writers[2];
    for (int i = 0; i < 2; i++)
        if ((writers[i] = fork()) == 0)
            write_for_long(fd);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!shared_names_find(names, &address, 0, name))
            continue;
        for (size_t at = 1; at < NAME_MAX_BYTES; at++)
            assert_int_equal(name[at], name[0]);
    }
    for (int i = 0; i < 2; i++)
        waitpid(writers[i], NULL, 0);
    assert_true(shared_names_find(names, &address, 0, name));
    shared_names_close(names);
    close(fd);
}

static void a_cache_may_be_shared(void **state)
{
    (void)state;
    int fd = memory(SIZE);
    struct name_cache *one = name_cache_new(10), *other = name_cache_new(10);
    struct address address = number(3);
    assert_int_equal(name_cache_share(one, fd), 0);
    assert_int_equal(name_cache_share(other, fd), 0);
    address.port = 443;
    name_cache_put(one, &address, "one.example", 1000);
    address.port = 80;
    assert_string_equal(name_cache_find(other, &address, 0), "one.example");
    assert_null(name_cache_find(other, &address, 1000));
    name_cache_free(one);
    name_cache_free(other);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_writes_the_other_reads),
        cmocka_unit_test(the_one_that_ends_first_makes_room),
        cmocka_unit_test(too_little_memory_is_refused),
        cmocka_unit_test(nobody_reads_a_mixture),
        cmocka_unit_test(a_cache_may_be_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
