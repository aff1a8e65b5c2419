#include "adblock/list_diary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    const struct list_diary_entry entries[] = {
        {.key = 0x0123456789abcdefULL, .checked_s = 1700000000, .due_s = 1700086400},
        {.key = 7, .due_s = 5, .failures = 3, .error = "https://a.example/: no, not\nnow"},
    };
    struct list_diary_entry read[4];
    char folder[] = "/tmp/test_list_diary.XXXXXX";
    assert_non_null(mkdtemp(folder));
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(list_diary_read(fd, read, 4), 0);
    assert_int_equal(list_diary_write(fd, entries, 2), 0);
    assert_int_equal(list_diary_read(fd, read, 4), 2);
    assert_true(read[0].key == entries[0].key);
    assert_int_equal(read[0].checked_s, 1700000000);
    assert_int_equal(read[0].due_s, 1700086400);
    assert_string_equal(read[0].error, "");
    assert_int_equal(read[1].failures, 3);
    assert_string_equal(read[1].error, "https://a.example/: no, not"); /* one line each */
    assert_int_equal(list_diary_read(fd, read, 1), 1);
    assert_int_equal(unlinkat(fd, "lists.diary", 0), 0);
    close(fd);
    assert_int_equal(rmdir(folder), 0);
}

static void test_damaged_lines_are_skipped(void **state)
{
    (void)state;
    static const char text[] = "nonsense\n"
                               "0000000000000001 5 6\n"
                               "0000000000000002 -5 6 0 \n"
                               "\n"
                               "0000000000000003 5 6 1 why";
    struct list_diary_entry read[8];
    assert_int_equal(list_diary_parse(text, sizeof(text) - 1, read, 8), 1);
    assert_true(read[0].key == 3);
    assert_string_equal(read[0].error, "why");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_damaged_lines_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
