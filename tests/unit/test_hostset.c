/* Sets of names: all that was added is found with its values, what was not is not. */
#include "adblock/hostset.h"
#include "adblock/name_hash.h"
#include "adblock/psl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NAMES = 5000, SEED = 7 };

static uint64_t hash_of(unsigned number)
{
    char name[32];
    int size = snprintf(name, sizeof(name), "n%u.example", number);
    return name_hash(name, (size_t)size, SEED);
}

/* What is in a section of the block that is being written. */
static const void *section(const struct image_writer *writer, enum image_section which,
                           size_t *ret_size)
{
    *ret_size = writer->header.table[which].size;
    return writer->block + writer->header.table[which].start;
}

static struct hostset arrange(struct hostset_builder *builder, struct image_writer *writer)
{
    struct hostset set = {0};
    size_t buckets, entries;
    image_writer_to_memory(writer, SEED, hostset_most_bytes(builder));
    assert_int_equal(hostset_arrange(builder, writer, IMAGE_NAME_BUCKETS), 0);
    set.buckets = section(writer, IMAGE_NAME_BUCKETS, &buckets);
    set.entries = section(writer, IMAGE_NAME_ENTRIES, &entries);
    set.bucket_count = (uint32_t)(buckets / sizeof(uint32_t)) - 1;
    set.count = (uint32_t)(entries / sizeof(uint64_t));
    return set;
}

static size_t count_values(const struct hostset *set, uint64_t hash, unsigned *ret_sum)
{
    struct hostset_walk walk;
    uint32_t place;
    size_t count = 0;
    *ret_sum = 0;
    hostset_find(set, hash, &walk);
    for (; hostset_next(set, &walk, &place); count++)
        *ret_sum += hostset_value(set, place);
    return count;
}

static void test_set(void **state)
{
    (void)state;
    struct hostset_builder builder = {0};
    struct image_writer writer;
    unsigned sum;
    for (unsigned i = 0; i < NAMES; i++) {
        hostset_add(&builder, hash_of(i), i);
        hostset_add(&builder, hash_of(i), i); /* twice the same counts once */
        if (i % 2)
            hostset_add(&builder, hash_of(i), 60000);
    }
    struct hostset set = arrange(&builder, &writer);
    assert_int_equal(set.count, NAMES + NAMES / 2);
    for (unsigned i = 0; i < NAMES; i++) {
        assert_int_equal(count_values(&set, hash_of(i), &sum), 1 + i % 2);
        assert_int_equal(sum, i + (i % 2) * 60000);
        assert_int_equal(count_values(&set, hash_of(i + NAMES), &sum), 0);
    }
    hostset_builder_done(&builder);
    image_writer_done(&writer);
}

/* Ranges change nothing: the same bytes, with buckets across their ends. */
static void test_by_ranges(void **state)
{
    (void)state;
    static const size_t ranges[] = {1, 7, 1000, NAMES, 10 * NAMES};
    struct hostset_builder whole = {0};
    struct image_writer expected, writer;
    FILE *file = tmpfile();
    for (unsigned i = 0; i < 2 * NAMES; i++)
        hostset_add(&whole, hash_of(i % NAMES), i % 3);
    struct hostset set = arrange(&whole, &expected);
    assert_int_equal(set.count, 2 * NAMES);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        struct hostset_builder parts = {.range = ranges[i]};
        spool_use_file(&parts.items, fileno(file));
        for (unsigned n = 0; n < 2 * NAMES; n++)
            hostset_add(&parts, hash_of(n % NAMES), n % 3);
        struct hostset other = arrange(&parts, &writer);
        assert_int_equal(other.count, set.count);
        assert_int_equal(other.bucket_count, set.bucket_count);
        assert_memory_equal(other.buckets, set.buckets, (set.bucket_count + 1) * 4);
        assert_memory_equal(other.entries, set.entries, set.count * 8);
        hostset_builder_done(&parts);
        image_writer_done(&writer);
    }
    hostset_builder_done(&whole);
    image_writer_done(&expected);
    fclose(file);
}

static bool is_even(const void *owner, uint64_t hash, uint32_t value)
{
    (void)hash;
    assert_ptr_equal(owner, &is_even);
    return value % 2 == 0;
}

static void test_left_out(void **state)
{
    (void)state;
    struct hostset_builder builder = {.is_out = is_even, .owner = (const void *)&is_even};
    struct image_writer writer;
    unsigned sum;
    for (unsigned i = 0; i < NAMES; i++)
        hostset_add(&builder, hash_of(i), i);
    struct hostset set = arrange(&builder, &writer);
    assert_int_equal(set.count, NAMES / 2);
    assert_int_equal(count_values(&set, hash_of(8), &sum), 0);
    assert_int_equal(count_values(&set, hash_of(9), &sum), 1);
    hostset_builder_done(&builder);
    image_writer_done(&writer);
}

static void test_empty(void **state)
{
    (void)state;
    struct hostset_builder builder = {0};
    struct image_writer writer;
    unsigned sum;
    struct hostset set = arrange(&builder, &writer);
    assert_int_equal(count_values(&set, hash_of(1), &sum), 0);
    image_writer_done(&writer);
}

static void test_suffixes(void **state)
{
    (void)state;
    struct name_suffix suffixes[NAME_LABELS_MAX];
    assert_int_equal(name_hash_suffixes("a.b.example", 11, SEED, suffixes), 3);
    assert_int_equal(suffixes[0].hash, name_hash("example", 7, SEED));
    assert_int_equal(suffixes[1].hash, name_hash("b.example", 9, SEED));
    assert_int_equal(suffixes[1].start, 2);
    assert_int_equal(suffixes[2].start, 0);
    assert_int_not_equal(name_hash("ab.c", 4, SEED), name_hash("a.bc", 4, SEED));
    assert_int_equal(name_hash_suffixes("", 0, SEED, suffixes), 0);
}

static size_t public_labels(const struct hostset *psl, const char *name)
{
    struct name_suffix suffixes[NAME_LABELS_MAX];
    size_t count = name_hash_suffixes(name, strlen(name), SEED, suffixes);
    return psl_labels(psl, suffixes, count);
}

/* publicsuffix.org/list: "Formal algorithm" */
static void test_psl(void **state)
{
    (void)state;
    static const char text[] = "// comment\ncom\nuk\nco.uk\n*.ck\n!www.ck\n\n"
                               "\xd1\x80\xd1\x84\ngithub.io // private\n";
    struct hostset_builder builder = {0};
    struct image_writer writer;
    psl_read((struct slice){text, sizeof(text) - 1}, SEED, &builder);
    struct hostset psl = arrange(&builder, &writer);
    assert_int_equal(public_labels(&psl, "a.example.com"), 1);
    assert_int_equal(public_labels(&psl, "a.co.uk"), 2);
    assert_int_equal(public_labels(&psl, "co.uk"), 2);
    assert_int_equal(public_labels(&psl, "a.b.foo.ck"), 2);
    assert_int_equal(public_labels(&psl, "a.www.ck"), 1);
    assert_int_equal(public_labels(&psl, "a.b.unknown"), 1);
    assert_int_equal(public_labels(&psl, "me.github.io"), 2);
    assert_int_equal(public_labels(&psl, "a.xn--p1ai"), 1);
    assert_int_equal(public_labels(&psl, "com"), 1);
    hostset_builder_done(&builder);
    image_writer_done(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),      cmocka_unit_test(test_by_ranges),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_suffixes), cmocka_unit_test(test_psl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
