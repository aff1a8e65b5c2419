/* The query log where the system has no room to watch the record of consent: the worker goes on. */
#include "service/worker/query_keeper.h"

#define LOG_MODULE "test"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool has_watches, is_fed;

int __wrap_inotify_init1(int flags);
int __real_inotify_init1(int flags);

int __wrap_inotify_init1(int flags)
{
    errno = EMFILE;
    return has_watches ? __real_inotify_init1(flags) : -1;
}

void __wrap_engine_set_log(struct engine *engine, decision_fn *on_decision,
                           decision_caller_fn *on_caller, void *owner, bool wants_passes);

void __wrap_engine_set_log(struct engine *engine, decision_fn *on_decision,
                           decision_caller_fn *on_caller, void *owner, bool wants_passes)
{
    (void)engine;
    (void)on_caller;
    (void)owner;
    (void)wants_passes;
    is_fed = on_decision != NULL;
}

/* Where nobody needs to be asked. */
static struct config *make_config(void)
{
    static const char text[] = "region: US\nquery_log:\n  mode: all\n";
    struct config_error error;
    struct config *config;

    if (config_parse("t", text, strlen(text), &config, &error) < 0)
        fail_msg("%s", error.text);
    assert_false(config->query_log.needs_consent);
    return config;
}

static enum query_log_mode mode_with(bool watches)
{
    struct loop *loop = loop_new();
    struct query_keeper keeper = {.log = NULL};
    struct wire wire = {.fd = -1, .is_closed = true};
    struct config *config = make_config();
    char path[] = "/tmp/keeper-XXXXXX";

    assert_non_null(mkdtemp(path));
    int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    has_watches = watches;
    assert_int_equal(query_keeper_open(&keeper, loop, dir_fd, &wire), 0);
    query_keeper_set(&keeper, config, NULL);
    enum query_log_mode mode = query_log_stats(keeper.log).mode;
    query_keeper_close(&keeper);
    loop_free(loop);
    config_unref(config);
    close(dir_fd);
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"/query.db", "/query.db-wal", "/query.db-shm"};
        char name[64];
        snprintf(name, sizeof(name), "%s%s", path, names[i]);
        unlink(name);
    }
    assert_int_equal(rmdir(path), 0);
    return mode;
}

static void test_no_watch_no_log(void **state)
{
    (void)state;
    assert_int_equal(mode_with(true), QUERY_LOG_ALL);
    assert_true(is_fed);
    assert_int_equal(mode_with(false), QUERY_LOG_OFF);
    assert_false(is_fed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_watch_no_log)};
    log_setup(LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
