/* Lines out of memory and out of a file are the same lines. */
#include "adblock/list_lines.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 64 * 1024 * 1024 };

static int file_of(struct slice text)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));
    fclose(file);
    assert_int_equal(write(fd, text.data, text.size), (ssize_t)text.size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static size_t compare(struct list_lines *memory, struct list_lines *file)
{
    struct slice a = {0}, b = {0};
    size_t count = 0;
    assert_true(slice_equals(list_lines_head(memory), list_lines_head(file)));
    for (;; count++) {
        bool more = list_lines_next(memory, &a);
        assert_int_equal(list_lines_next(file, &b), more);
        if (!more)
            return count;
        if (a.size > LIST_LINE_MAX_BYTES)
            assert_true(b.size > LIST_LINE_MAX_BYTES);
        else
            assert_true(slice_equals(a, b));
    }
}

/* Both agree, in the beginning and in each line, twice; returns how many there are. */
static size_t both(struct slice text)
{
    struct list_lines memory, file;
    int fd = file_of(text);
    list_lines_of_text(&memory, text);
    assert_int_equal(list_lines_of_file(&file, fd, MOST), 0);
    size_t count = compare(&memory, &file);
    assert_int_equal(list_lines_rewind(&memory), 0);
    assert_int_equal(list_lines_rewind(&file), 0);
    assert_int_equal(compare(&memory, &file), count);
    list_lines_done(&memory);
    list_lines_done(&file);
    close(fd);
    return count;
}

static void test_small_texts(void **state)
{
    (void)state;
    assert_int_equal(both(SLICE("")), 0);
    assert_int_equal(both(SLICE("\n")), 1);
    assert_int_equal(both(SLICE("a")), 1);
    assert_int_equal(both(SLICE("a\n")), 1);
    assert_int_equal(both(SLICE("a\n\nb\r\nc")), 4);
    assert_int_equal(both(SLICE("\xef\xbb\xbf")), 0);
    assert_int_equal(both(SLICE("\xef\xbb\xbf"
                                "a\nb\n")),
                     2);
}

static void test_a_mark_is_skipped(void **state)
{
    (void)state;
    struct list_lines lines;
    struct slice line;
    list_lines_of_text(&lines, SLICE("\xef\xbb\xbf"
                                     "first\n"));
    assert_true(list_lines_next(&lines, &line));
    assert_true(slice_equals(line, SLICE("first")));
    list_lines_done(&lines);
}

/* Lines of `size` bytes each, the last without its end. */
static char *lines_of(size_t size, size_t count)
{
    char *text = malloc((size + 1) * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memset(text + i * (size + 1), 'a' + (int)(i % 26), size);
        text[i * (size + 1) + size] = '\n';
    }
    return text;
}

static void test_lines_of_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,
                                   30,
                                   1000,
                                   LIST_LINE_MAX_BYTES - 1,
                                   LIST_LINE_MAX_BYTES,
                                   LIST_LINE_MAX_BYTES + 1,
                                   LIST_HEAD_BYTES - 1,
                                   LIST_HEAD_BYTES,
                                   LIST_HEAD_BYTES + 1,
                                   3 * LIST_HEAD_BYTES + 7};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        size_t count = 2 * LIST_HEAD_BYTES / (sizes[i] + 1) + 5;
        char *text = lines_of(sizes[i], count);
        assert_int_equal(both((struct slice){text, (sizes[i] + 1) * count}), count);
        assert_int_equal(both((struct slice){text, (sizes[i] + 1) * count - 1}), count);
        free(text);
    }
}

static void test_more_than_wanted_is_refused(void **state)
{
    (void)state;
    struct list_lines lines;
    struct slice line;
    char *text = lines_of(99, 5000);
    int fd = file_of((struct slice){text, 500000}), count = 0;
    assert_int_equal(list_lines_of_file(&lines, fd, 400000), 0);
    while (list_lines_next(&lines, &line))
        count++;
    assert_in_range(count, 1, 4000);
    assert_int_equal(list_lines_error(&lines), -EFBIG);
    list_lines_done(&lines);
    close(fd);
    free(text);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    struct list_lines lines;
    assert_int_equal(list_lines_of_file(&lines, -1, MOST), -EBADF);
    list_lines_done(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_texts),
        cmocka_unit_test(test_a_mark_is_skipped),
        cmocka_unit_test(test_lines_of_all_sizes),
        cmocka_unit_test(test_more_than_wanted_is_refused),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
