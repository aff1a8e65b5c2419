/* What the user asked for last, on disk. */
#include "service/supervisor/wish.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[32], file[64];

static int make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_wish.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof(file), "%s/wish", folder);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder); /* fails if a draft was left */
}

static void is_kept(void **state)
{
    (void)state;
    bool is_on = false;
    assert_int_equal(wish_read(folder, &is_on), -ENOENT);
    assert_int_equal(wish_write(folder, true), 0);
    assert_int_equal(wish_read(folder, &is_on), 0);
    assert_true(is_on);
    assert_int_equal(wish_write(folder, false), 0);
    assert_int_equal(wish_read(folder, &is_on), 0);
    assert_false(is_on);
}

static void nonsense_is_not_a_wish(void **state)
{
    (void)state;
    const char *const texts[] = {"", "on", "onward\n", "off\non\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        close(fd);
        bool is_on = true;
        assert_int_equal(wish_read(folder, &is_on), -EINVAL);
        assert_true(is_on);
    }
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    assert_int_equal(wish_write("/does/not/exist", true), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_kept, make, clear),
        cmocka_unit_test_setup_teardown(nonsense_is_not_a_wish, make, clear),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
