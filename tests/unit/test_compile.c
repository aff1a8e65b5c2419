#include "adblock/compile.h"

#include "adblock/filter_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAMES = 12000 /* enough for the way through a file */, FILE_BYTES = 16 * 1024 };

struct fixture {
    char folder[64], list[96], image[512];
    int fd;
};

static void write_list(const struct fixture *f, const char *first, int names)
{
    FILE *file = fopen(f->list, "w");
    fprintf(file, "%s\n", first);
    for (int i = 0; i < names; i++)
        fprintf(file, "some-name-%d.example\n", i);
    fclose(file);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->folder, "/tmp/test_compile.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->list, sizeof(f->list), "%s/list", f->folder);
    f->fd = open(f->folder, O_RDONLY | O_DIRECTORY);
    write_list(f, "first.test", NAMES);
    *state = f;
    return 0;
}

/* How many compiled filters lie there; the last one's path in f->image. */
static int images(struct fixture *f, bool removes)
{
    DIR *dir = opendir(f->folder);
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "filter-", 7) != 0)
            continue;
        snprintf(f->image, sizeof(f->image), "%s/%s", f->folder, entry->d_name);
        if (removes)
            unlink(f->image);
        count++;
    }
    closedir(dir);
    return count;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    images(f, true);
    unlink(f->list);
    unlinkat(f->fd, "compile.lock", 0);
    close(f->fd);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

/* The list, and perhaps one that is none. */
static struct compile *begin_of(const struct fixture *f, int folder, size_t count)
{
    struct lists_source sources[] = {
        {.name = "mine", .category = "ads", .path = f->list, .format = FILTER_DOMAINS},
        {.name = "page", .category = "ads", .text = "<html>", .format = FILTER_DOMAINS},
    };
    struct lists_options options = {.sources = sources, .count = count};
    struct list_plan *plan;
    char error[512];
    assert_int_equal(list_plan_new(&options, -1, &plan, error, sizeof(error)), 0);
    return compile_new(plan, folder, NULL);
}

static struct compile *begin(const struct fixture *f, int folder)
{
    return begin_of(f, folder, 1);
}

static bool blocks(const struct filter *filter, const char *host)
{
    struct verdict verdict;
    struct filter_name name = {.host = host};
    filter_ask_name(filter, &name, &verdict);
    return verdict_is_block(&verdict);
}

/* Compiles, and looks whether it took. */
static void make(const struct fixture *f, int folder, const char *blocked)
{
    struct compile *compile = begin(f, folder);
    struct filter *filter = NULL;
    struct filter_problem problem = {""};
    compile_run(compile);
    assert_int_equal(compile_result(compile, &filter, &problem), 0);
    assert_true(blocks(filter, blocked));
    assert_true(blocks(filter, "www.some-name-7.example"));
    assert_false(blocks(filter, "other.test"));
    filter_unref(filter);
    compile_free(compile);
}

static ino_t inode(const struct fixture *f)
{
    struct stat st = {0};
    assert_int_equal(stat(f->image, &st), 0);
    return st.st_ino;
}

static void test_made_once_and_found_again(void **state)
{
    struct fixture *f = *state;
    make(f, f->fd, "first.test");
    assert_int_equal(images(f, false), 1);
    ino_t former = inode(f);
    int held = open(f->image, O_RDONLY); /* so that its number is not used again */
    make(f, f->fd, "first.test");
    assert_int_equal(images(f, false), 1);
    assert_int_equal(inode(f), former);
    close(held);
}

static void test_changed_lists_are_compiled_and_the_old_form_goes(void **state)
{
    struct fixture *f = *state;
    char former[sizeof(f->image)];
    make(f, f->fd, "first.test");
    images(f, false);
    strcpy(former, f->image);
    write_list(f, "second.test", NAMES);
    make(f, f->fd, "second.test");
    assert_int_equal(images(f, false), 1);
    assert_string_not_equal(f->image, former);
}

static void damage(const struct fixture *f, off_t at)
{
    uint8_t byte;
    int fd = open(f->image, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_damaged_files_are_made_again(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    make(f, f->fd, "first.test");
    images(f, false);
    assert_int_equal(stat(f->image, &st), 0);
    const off_t places[] = {0, 8, 100, st.st_size / 2, st.st_size - 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        damage(f, places[i]);
        make(f, f->fd, "first.test");
        struct filter *filter;
        assert_int_equal(filter_open(f->image, &filter), 0);
        filter_unref(filter);
    }
    const off_t sizes[] = {0, 10, st.st_size / 2, st.st_size - 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        assert_int_equal(truncate(f->image, sizes[i]), 0);
        make(f, f->fd, "first.test");
    }
}

static void test_what_a_kill_left_is_swept(void **state)
{
    struct fixture *f = *state;
    int fd = openat(f->fd, "filter-0123.new", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    make(f, f->fd, "first.test");
    assert_int_equal(images(f, false), 1);
}

static void test_without_a_folder_in_place(void **state)
{
    struct fixture *f = *state;
    make(f, -1, "first.test");
    assert_int_equal(images(f, false), 0);
}

static void test_small_sets_in_place(void **state)
{
    struct fixture *f = *state;
    write_list(f, "first.test", 10);
    make(f, f->fd, "first.test");
    assert_int_equal(images(f, false), 0);
}

static void test_a_folder_that_takes_nothing(void **state)
{
    struct fixture *f = *state;
    int nowhere = open("/proc", O_RDONLY | O_DIRECTORY);
    make(f, nowhere, "first.test");
    close(nowhere);
}

/* As on a disk that is full: a file may not become larger than a few pages. */
static void test_a_refused_list_does_not_keep_from_compiling_in_place(void **state)
{
    struct fixture *f = *state;
    struct compile *compile = begin_of(f, f->fd, 2);
    struct filter *filter = NULL;
    struct filter_problem problem = {""};
    struct rlimit former, few = {0};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &former);
    few = (struct rlimit){.rlim_cur = FILE_BYTES, .rlim_max = former.rlim_max};
    setrlimit(RLIMIT_FSIZE, &few);
    compile_run(compile);
    setrlimit(RLIMIT_FSIZE, &former);
    signal(SIGXFSZ, handler);
    assert_int_equal(compile_result(compile, &filter, &problem), 0);
    assert_true(blocks(filter, "first.test"));
    filter_unref(filter);
    compile_free(compile);
    assert_int_equal(images(f, false), 0);
}

static void test_cancelled(void **state)
{
    struct fixture *f = *state;
    struct compile *compile = begin(f, f->fd);
    struct filter *filter = NULL;
    struct filter_problem problem = {""};
    compile_cancel(compile);
    compile_run(compile);
    assert_int_equal(compile_result(compile, &filter, &problem), -ECANCELED);
    assert_null(filter);
    compile_free(compile);
    assert_int_equal(images(f, false), 0);
}

static void *run(void *compile)
{
    compile_run(compile);
    return NULL;
}

static bool has_child(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HAS_CHILDREN = false };
#else
enum { HAS_CHILDREN = true };
#endif

/* Whoever gave it up waits for its thread at the end, so it shall not begin anew in place. */
static void test_cancelled_while_the_child_works(void **state)
{
    if (!HAS_CHILDREN)
        skip();
    struct fixture *f = *state;
    struct compile *compile = begin(f, f->fd);
    struct filter *filter = NULL;
    struct filter_problem problem = {""};
    pthread_t thread;
    int lock = filter_store_lock(f->fd); /* which it waits for */
    assert_true(lock >= 0);
    assert_int_equal(pthread_create(&thread, NULL, run, compile), 0);
    for (int i = 0; i < 30000 && !has_child(); i++)
        usleep(1000);
    assert_true(has_child());
    compile_cancel(compile);
    pthread_join(thread, NULL);
    assert_int_equal(compile_result(compile, &filter, &problem), -ECANCELED);
    assert_null(filter);
    compile_free(compile);
    close(lock);
    assert_int_equal(images(f, false), 0);
}

static void test_no_list_at_all_is_told(void **state)
{
    struct fixture *f = *state;
    struct compile *compile = begin(f, f->fd);
    struct filter *filter = NULL;
    struct filter_problem problem = {""};
    FILE *file = fopen(f->list, "w"); /* after it was looked at */
    fputs("<!DOCTYPE html><html></html>\n", file);
    fclose(file);
    compile_run(compile);
    assert_int_equal(compile_result(compile, &filter, &problem), -EINVAL);
    assert_non_null(strstr(problem.text, "mine"));
    compile_free(compile);
}

#define compile_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        compile_test(test_made_once_and_found_again),
        compile_test(test_changed_lists_are_compiled_and_the_old_form_goes),
        compile_test(test_damaged_files_are_made_again),
        compile_test(test_what_a_kill_left_is_swept),
        compile_test(test_without_a_folder_in_place),
        compile_test(test_small_sets_in_place),
        compile_test(test_a_folder_that_takes_nothing),
        compile_test(test_a_refused_list_does_not_keep_from_compiling_in_place),
        compile_test(test_cancelled),
        compile_test(test_cancelled_while_the_child_works),
        compile_test(test_no_list_at_all_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
