/* The compiled form is the same bytes, whichever way it was made. */
#include "adblock/filter_compilation.h"
#include "adblock/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAMES = 150000, TEXT_BYTES = 8 * 1024 * 1024 }; /* more names than are arranged at a time */

static const char rules[] =
    "! rules of all "
    "kinds\n||ads.example^\n@@||ok.ads.example^\n/banner/*$domain=a.example|b.example\n"
    "/ad[0-9]+\\.js/\n||c.example^$client=pc\n||gone.example^\n||gone.example^$badfilter\n"
    "||r.example^$dnsrewrite=1.2.3.4\n##.cosmetic\n||n.example^$unknown\n||192.0.2.1^\n";
static const char suffixes[] = "com\nco.uk\n*.ck\n!www.ck\n";

static int new_file(const char *text)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));
    fputs(text, file);
    fclose(file);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* With twins, and names that come back later. */
static char *many_names(void)
{
    char *text = malloc(TEXT_BYTES), *at = text;
    for (unsigned i = 0; i < NAMES; i++)
        at +=
            sprintf(at, "%sname%u.zone%u.example\n", i % 3 ? "" : "*.", i % (NAMES - 5000), i % 7);
    return text;
}

static struct filter_source source_of(const char *name, const char *text, bool is_file)
{
    struct filter_source source = {.name = name, .category = "ads", .fd = -1};
    if (is_file) {
        source.fd = new_file(text);
    } else {
        source.text = text;
        source.size = strlen(text);
    }
    return source;
}

/* As `texts` are, from memory to memory or from file to file; the caller's. */
static uint8_t *make(const char *const texts[], size_t count, bool by_files, size_t *ret_size)
{
    struct filter_source sources[4];
    struct filter_problem problem;
    struct filter_compilation what = {.sources = sources,
                                      .count = count,
                                      .psl_text = suffixes,
                                      .psl_size = sizeof(suffixes) - 1,
                                      .seed = 42};
    uint8_t *image = NULL;
    for (size_t i = 0; i < count; i++)
        sources[i] = source_of("list", texts[i], by_files);
    if (!by_files) {
        assert_int_equal(filter_compile_block(&what, &image, ret_size, &problem), 0);
        return image;
    }
    int to = new_file(""), scratch = new_file("");
    assert_int_equal(filter_compile_file(&what, to, scratch, &problem), 0);
    *ret_size = (size_t)lseek(to, 0, SEEK_END);
    image = malloc(*ret_size);
    assert_int_equal(pread(to, image, *ret_size, 0), (ssize_t)*ret_size);
    for (size_t i = 0; i < count; i++)
        close(sources[i].fd);
    close(to);
    close(scratch);
    return image;
}

static void assert_same(const char *const texts[], size_t count)
{
    size_t memory_size, file_size;
    uint8_t *memory = make(texts, count, false, &memory_size);
    uint8_t *file = make(texts, count, true, &file_size);
    assert_int_equal(memory_size, file_size);
    assert_memory_equal(memory, file, memory_size);
    free(memory);
    free(file);
}

static void test_the_same_bytes(void **state)
{
    (void)state;
    char *names = many_names();
    const char *const texts[] = {rules, names, "0.0.0.0 hosts.example\n", ""};
    assert_same(texts, 4);
    assert_same(texts, 1);
    assert_same(texts + 2, 1);
    assert_same(texts + 3, 1);
    free(names);
}

static int make_at(int to, int scratch, int list)
{
    struct filter_source source = {.name = "mine", .format = FILTER_DOMAINS, .fd = list};
    struct filter_compilation what = {.sources = &source, .count = 1};
    struct filter_problem problem = {""};
    int err = filter_compile_file(&what, to, scratch, &problem);
    assert_int_equal(problem.text[0] != '\0', list < 0);
    return err;
}

static void test_files_that_fail_are_told(void **state)
{
    (void)state;
    char *names = many_names();
    int list = new_file(names), full = open("/dev/full", O_RDWR | O_CLOEXEC), good = new_file("");
    assert_int_equal(make_at(full, good, list), -ENOSPC);
    lseek(list, 0, SEEK_SET);
    assert_int_equal(make_at(good, full, list), -ENOSPC);
    assert_int_equal(make_at(good, good, -1), -EBADF);
    close(list);
    close(full);
    close(good);
    free(names);
}

/* What was said of a list that is none does not explain why the others came to nothing. */
static void test_a_refused_list_hides_no_failure(void **state)
{
    (void)state;
    char *names = many_names();
    struct filter_source sources[] = {
        source_of("page", "<html>", false),
        source_of("mine", names, false),
        {.name = "unreadable", .fd = -1},
    };
    struct filter_compilation what = {.sources = sources, .count = 2};
    struct filter_problem problem = {""};
    int full = open("/dev/full", O_RDWR | O_CLOEXEC), good = new_file("");
    assert_int_equal(filter_compile_file(&what, full, good, &problem), -ENOSPC);
    assert_string_equal(problem.text, "");
    what.count = 3;
    assert_int_equal(filter_compile_file(&what, full, good, &problem), -EBADF);
    assert_non_null(strstr(problem.text, "unreadable"));
    close(full);
    close(good);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bytes),
        cmocka_unit_test(test_files_that_fail_are_told),
        cmocka_unit_test(test_a_refused_list_hides_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
