/* What people are asked and answer, by the methods of the control socket. */
#include "service/control/query_log_store.h"
#include "tests/unit/control_asked.h"

#define LOG_MODULE "test"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const words[] = {"First.", "Second.", NULL};
static const struct consent_text text3 = {3, words};

struct lab {
    struct loop *loop;
    char path[64];
    int dir_fd;
    struct query_log *log;
    struct consent *consent;
    struct control_source source;
    struct control_context context;
};

/* As the worker does. */
static void follow(void *owner)
{
    struct lab *lab = owner;
    struct query_log_settings settings = {QUERY_LOG_BLOCKED, QUERY_LOG_PLAIN, 86400, 1 << 20,
                                          86400};

    if (!consent_permits(lab->consent))
        settings.mode = QUERY_LOG_OFF;
    assert_int_equal(query_log_set(lab->log, &settings), 0);
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    snprintf(lab->path, sizeof(lab->path), "/tmp/control-consent-XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    lab->dir_fd = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lab->loop = loop_new();
    assert_int_equal(query_log_open(lab->loop, lab->dir_fd, &lab->log), 0);
    assert_int_equal(consent_open(lab->loop, lab->dir_fd, &text3, follow, lab, &lab->consent), 0);
    consent_set_terms(lab->consent, NULL, true, true);
    follow(lab);
    lab->context = (struct control_context){
        .source = &lab->source, .query_log = lab->log, .consent = lab->consent, .uid = 1234};
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    consent_close(lab->consent);
    query_log_close(lab->log);
    loop_free(lab->loop);
    query_log_store_delete(lab->dir_fd);
    unlinkat(lab->dir_fd, "consent", 0);
    unlinkat(lab->dir_fd, "consent.new", AT_REMOVEDIR);
    close(lab->dir_fd);
    assert_int_equal(rmdir(lab->path), 0);
    free(lab);
    return 0;
}

static const cJSON *at(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);
    if (!item)
        fail_msg("there is no %s", name);
    return item;
}

static void assert_text(const cJSON *object, const char *name, const char *expected)
{
    assert_string_equal(cJSON_GetStringValue(at(object, name)), expected);
}

static void assert_refused(struct lab *lab, const char *method, const char *params,
                           const char *code, const char *words_of_it)
{
    cJSON *error = control_asked(&lab->context, method, params);
    assert_text(error, "code", code);
    assert_non_null(strstr(cJSON_GetStringValue(at(error, "message")), words_of_it));
    cJSON_Delete(error);
}

static void test_before_anybody_was_asked(void **state)
{
    struct lab *lab = *state;
    cJSON *result = control_asked(&lab->context, "consent", "");

    assert_text(result, "state", "none");
    assert_true(cJSON_IsTrue(at(result, "is_required")));
    assert_true(cJSON_IsNull(at(result, "region")));
    assert_true(cJSON_IsNull(at(result, "event")));
    assert_int_equal(at(result, "version")->valueint, 3);
    assert_int_equal(cJSON_GetArraySize(at(result, "text")), 2);
    assert_string_equal(cJSON_GetArrayItem(at(result, "text"), 1)->valuestring, "Second.");
    assert_true(cJSON_IsTrue(at(at(result, "log"), "needs_consent")));
    assert_text(at(result, "log"), "mode", "off");
    cJSON_Delete(result);
    assert_refused(lab, "log", "", "unavailable", "there is no consent");
    assert_refused(lab, "log.counts", "", "unavailable", "there is no consent");
}

static void test_given(void **state)
{
    struct lab *lab = *state;

    consent_set_terms(lab->consent, "DE", true, true);
    cJSON *result = control_asked(&lab->context, "consent.give", "\"version\":3");
    const cJSON *event = at(result, "event");
    char today[16];
    time_t at_s = time(NULL);

    assert_text(result, "state", "given");
    assert_text(event, "what", "given");
    assert_text(event, "region", "DE");
    assert_int_equal(at(event, "uid")->valueint, 1234);
    assert_int_equal(at(event, "version")->valueint, 3);
    strftime(today, sizeof(today), "%Y-%m", gmtime(&at_s));
    assert_memory_equal(cJSON_GetStringValue(at(event, "time")), today, 7);
    assert_int_equal(cJSON_GetArraySize(at(result, "history")), 1);
    assert_true(cJSON_IsFalse(at(at(result, "log"), "needs_consent")));
    assert_text(at(result, "log"), "mode", "blocked");
    cJSON_Delete(result);
    result = control_asked(&lab->context, "log", "");
    assert_int_equal(cJSON_GetArraySize(at(result, "log")), 0);
    cJSON_Delete(result);
}

static void test_withdrawn(void **state)
{
    struct lab *lab = *state;

    cJSON_Delete(control_asked(&lab->context, "consent.give", "\"version\":3"));
    assert_non_null(query_log_add(lab->log));
    cJSON *result = control_asked(&lab->context, "consent.withdraw", "");
    assert_text(result, "state", "withdrawn");
    assert_int_equal(cJSON_GetArraySize(at(result, "history")), 2);
    assert_null(query_log_add(lab->log)); /* at once */
    cJSON_Delete(result);
    assert_refused(lab, "log", "", "unavailable", "there is no consent");
}

static void test_only_the_text_that_was_read(void **state)
{
    struct lab *lab = *state;

    assert_refused(lab, "consent.give", "", "bad_params", "of version 3");
    assert_refused(lab, "consent.give", "\"version\":2", "bad_params", "of version 3");
    assert_refused(lab, "consent.give", "\"version\":\"3\"", "bad_params", "version");
    assert_false(consent_permits(lab->consent));
}

static void test_what_cannot_be_recorded(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(mkdirat(lab->dir_fd, "consent.new", 0700), 0); /* in the way */
    assert_refused(lab, "consent.give", "\"version\":3", "internal", "as before");
    assert_false(consent_permits(lab->consent));
    assert_refused(lab, "consent.withdraw", "", "internal", "could not be recorded");
    assert_int_equal(consent_facts(lab->consent).state, CONSENT_WITHDRAWN);
}

/* A log that is off by the configuration wants nothing. */
static void test_nothing_is_wanted(void **state)
{
    struct lab *lab = *state;

    consent_set_terms(lab->consent, NULL, true, false);
    cJSON *result = control_asked(&lab->context, "status", "");
    assert_true(cJSON_IsFalse(at(at(result, "log"), "needs_consent")));
    assert_text(at(result, "log"), "consent", "none");
    cJSON_Delete(result);
    assert_refused(lab, "log", "", "unavailable", "there is no query log");
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_before_anybody_was_asked),
        lab_test(test_given),
        lab_test(test_withdrawn),
        lab_test(test_only_the_text_that_was_read),
        lab_test(test_what_cannot_be_recorded),
        lab_test(test_nothing_is_wanted),
    };
    log_setup(LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
