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

static struct hostset arrange(struct hostset_builder *builder, struct growing *buckets,
                              struct growing *entries)
{
    assert_int_equal(hostset_arrange(builder, buckets, entries), 0);
    return (struct hostset){.buckets = (const void *)buckets->data,
                            .entries = (const void *)entries->data,
                            .bucket_count = (uint32_t)(buckets->size / sizeof(uint32_t)) - 1,
                            .count = (uint32_t)(entries->size / sizeof(uint64_t))};
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
    struct growing buckets = {0}, entries = {0};
    unsigned sum;
    for (unsigned i = 0; i < NAMES; i++) {
        hostset_add(&builder, hash_of(i), i);
        hostset_add(&builder, hash_of(i), i); /* twice the same counts once */
        if (i % 2)
            hostset_add(&builder, hash_of(i), 60000);
    }
    struct hostset set = arrange(&builder, &buckets, &entries);
    assert_int_equal(set.count, NAMES + NAMES / 2);
    for (unsigned i = 0; i < NAMES; i++) {
        assert_int_equal(count_values(&set, hash_of(i), &sum), 1 + i % 2);
        assert_int_equal(sum, i + (i % 2) * 60000);
        assert_int_equal(count_values(&set, hash_of(i + NAMES), &sum), 0);
    }
    hostset_builder_done(&builder);
    growing_done(&buckets);
    growing_done(&entries);
}

static void test_empty(void **state)
{
    (void)state;
    struct hostset_builder builder = {0};
    struct growing buckets = {0}, entries = {0};
    unsigned sum;
    struct hostset set = arrange(&builder, &buckets, &entries);
    assert_int_equal(count_values(&set, hash_of(1), &sum), 0);
    growing_done(&buckets);
    growing_done(&entries);
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
    struct growing buckets = {0}, entries = {0};
    psl_read((struct slice){text, sizeof(text) - 1}, SEED, &builder);
    struct hostset psl = arrange(&builder, &buckets, &entries);
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
    growing_done(&buckets);
    growing_done(&entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_suffixes),
        cmocka_unit_test(test_psl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
