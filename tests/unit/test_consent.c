/* Consent to the query log: asked for as each row of the policy table says, kept, changed with the
 * text, withdrawn; and what damage and a full disk mean for it. */
#include "service/control/consent.h"

#include "base/siphash.h"
#include "service/config.h"

#define LOG_MODULE "test"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

enum { AT = 1769846400, USER = 1000 };

static const char *const words[] = {"words", NULL};
static const struct consent_text text1 = {1, words}, text2 = {2, words};

struct lab {
    struct loop *loop;
    char path[64];
    int dir_fd, changes, other_changes;
    struct consent *consent, *other; /* the other: another worker's */
};

static void count(void *owner)
{
    ++*(int *)owner;
}

static struct consent *open_consent(struct lab *lab, const struct consent_text *text, int *changes)
{
    struct consent *consent;

    assert_int_equal(consent_open(lab->loop, lab->dir_fd, text, count, changes, &consent), 0);
    return consent;
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    snprintf(lab->path, sizeof(lab->path), "/tmp/consent-XXXXXX");
    assert_non_null(mkdtemp(lab->path));
    lab->dir_fd = open(lab->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lab->loop = loop_new();
    lab->consent = open_consent(lab, &text1, &lab->changes);
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    consent_close(lab->consent);
    consent_close(lab->other);
    loop_free(lab->loop);
    unlinkat(lab->dir_fd, "consent", 0);
    unlinkat(lab->dir_fd, "consent.damaged", 0);
    close(lab->dir_fd);
    assert_int_equal(rmdir(lab->path), 0);
    free(lab);
    return 0;
}

/* As after an upgrade, or a kill: from what is on the disk. */
static void restart(struct lab *lab, const struct consent_text *text)
{
    consent_close(lab->consent);
    lab->consent = open_consent(lab, text, &lab->changes);
}

static void assert_state(const struct lab *lab, enum consent_state state, bool permits)
{
    assert_int_equal(consent_facts(lab->consent).state, state);
    assert_int_equal(consent_permits(lab->consent), permits);
}

static void wait_changes(struct lab *lab, const int *changes, int expected)
{
    for (int i = 0; i < 3000 && *changes < expected; i++)
        loop_run_once(lab->loop, 10);
    assert_true(*changes >= expected);
}

static bool has_file(const struct lab *lab, const char *name)
{
    return faccessat(lab->dir_fd, name, F_OK, 0) == 0;
}

/* --- the policy table ------------------------------------------------------------------------ */

static bool needs_consent(const char *code)
{
    struct config_error error;
    struct config *config;
    char text[32];

    snprintf(text, sizeof(text), "region: %s\n", code);
    if (config_parse("t", text, strlen(text), &config, &error) < 0)
        fail_msg("%s", error.text);
    bool result = config->query_log.needs_consent;
    config_unref(config);
    return result;
}

static void assert_row(struct lab *lab, const char *code, bool is_required)
{
    if (needs_consent(code) != is_required)
        fail_msg("region '%s': required %d", code, !is_required);
    restart(lab, &text1);
    consent_set_terms(lab->consent, code, is_required, true);
    assert_state(lab, CONSENT_NONE, !is_required);
    assert_int_equal(consent_is_missing(lab->consent), is_required);
    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    assert_state(lab, CONSENT_GIVEN, true);
    assert_string_equal(consent_facts(lab->consent).event->region, code);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    assert_state(lab, CONSENT_WITHDRAWN, false); /* a no is a no everywhere */
    unlinkat(lab->dir_fd, "consent", 0);
}

static cJSON *read_table(void)
{
    static char text[16 * 1024];
    FILE *file = fopen(ATLANTIC_REGIONS, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    cJSON *table = cJSON_ParseWithLength(text, size);
    assert_non_null(table);
    return table;
}

static void test_each_row_of_the_table(void **state)
{
    struct lab *lab = *state;
    cJSON *table = read_table();
    const cJSON *row, *code;
    int rows = 0, asking = 0;

    cJSON_ArrayForEach(row, cJSON_GetObjectItem(table, "regions"))
    {
        const cJSON *codes = cJSON_GetObjectItem(row, "codes");
        const cJSON *asks = cJSON_GetObjectItem(row, "log_consent");
        assert_true(cJSON_IsBool(asks));
        cJSON_ArrayForEach(code, codes) assert_row(lab, code->valuestring, cJSON_IsTrue(asks));
        if (cJSON_GetArraySize(codes) == 0) { /* whoever is in no row, or does not say where */
            assert_true(cJSON_IsTrue(asks));
            assert_row(lab, "ZZ", true);
            assert_row(lab, "", true);
        }
        rows++;
        asking += cJSON_IsTrue(asks);
    }
    assert_true(asking > 0 && asking < rows); /* both kinds were there */
    cJSON_Delete(table);
}

static void test_it_is_required_until_a_region_says_otherwise(void **state)
{
    struct lab *lab = *state;

    assert_state(lab, CONSENT_NONE, false);
    assert_false(consent_is_missing(lab->consent)); /* nothing is wanted yet */
}

/* --- the text -------------------------------------------------------------------------------- */

/* Whoever changes the words raises the version: people agreed to these. */
static void test_the_words_of_a_version_do_not_change(void **state)
{
    static const uint64_t key[2] = {0, 0};
    uint64_t sum = 0;

    (void)state;
    for (const char *const *at = consent_text.paragraphs; *at; at++)
        sum = sum * 31 + siphash13(key, *at, strlen(*at));
    assert_int_equal(consent_text.version, 1);
    if (sum != 0xac714ef459d523ab)
        fail_msg("the words have changed: 0x%016llx", (unsigned long long)sum);
}

static void test_another_text_asks_again_and_keeps_the_history(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    restart(lab, &text2);
    assert_state(lab, CONSENT_OUTDATED, false);
    assert_int_equal(consent_facts(lab->consent).event->version, 1);
    assert_int_equal(consent_give(lab->consent, USER + 1, AT + 1), 0);
    assert_state(lab, CONSENT_GIVEN, true);
    restart(lab, &text2);
    assert_state(lab, CONSENT_GIVEN, true);
    const struct consent_record *record = consent_facts(lab->consent).record;
    assert_int_equal(record->count, 2);
    assert_int_equal(record->events[0].version, 1);
    assert_int_equal(record->events[0].uid, USER);
    assert_int_equal(record->events[1].version, 2);
    assert_int_equal(record->events[1].at_s, AT + 1);
}

/* --- kept ------------------------------------------------------------------------------------ */

static void test_it_survives(void **state)
{
    struct lab *lab = *state;

    consent_set_terms(lab->consent, "DE", true, true);
    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    assert_int_equal(lab->changes, 1);
    restart(lab, &text1);
    assert_state(lab, CONSENT_GIVEN, true);
    const struct consent_event *event = consent_facts(lab->consent).event;
    assert_int_equal(event->at_s, AT);
    assert_int_equal(event->uid, USER);
    assert_int_equal(event->version, 1);
    assert_string_equal(event->region, "DE");
}

static void test_to_say_it_twice_changes_nothing(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    assert_int_equal(consent_give(lab->consent, USER + 1, AT + 1), 0);
    assert_int_equal(consent_facts(lab->consent).event->uid, USER);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    assert_int_equal(consent_facts(lab->consent).record->count, 2);
    assert_int_equal(lab->changes, 2);
}

static void test_withdrawn_is_withdrawn_after_a_restart(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT + 1), 0);
    assert_state(lab, CONSENT_WITHDRAWN, false);
    restart(lab, &text1);
    assert_state(lab, CONSENT_WITHDRAWN, false);
    restart(lab, &text2);
    assert_state(lab, CONSENT_WITHDRAWN, false);
    consent_set_terms(lab->consent, "US", false, true);
    assert_state(lab, CONSENT_WITHDRAWN, false);
    assert_true(consent_is_missing(lab->consent));
}

static void test_other_workers_obey(void **state)
{
    struct lab *lab = *state;

    lab->other = open_consent(lab, &text1, &lab->other_changes);
    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    assert_false(consent_permits(lab->other));
    wait_changes(lab, &lab->other_changes, 1);
    assert_true(consent_permits(lab->other));
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    wait_changes(lab, &lab->other_changes, 2);
    assert_false(consent_permits(lab->other));
}

static void test_a_record_that_is_taken_away(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    wait_changes(lab, &lab->changes, 2); /* our own write is told too */
    unlinkat(lab->dir_fd, "consent", 0);
    wait_changes(lab, &lab->changes, 3);
    assert_state(lab, CONSENT_NONE, false);
}

/* --- what goes wrong ------------------------------------------------------------------------- */

static void damage(const struct lab *lab)
{
    int fd = openat(lab->dir_fd, "consent", O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, "X", 1, 40), 1);
    close(fd);
}

static void test_a_damaged_record_is_no_consent(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    damage(lab);
    restart(lab, &text1);
    assert_state(lab, CONSENT_DAMAGED, false);
    assert_null(consent_facts(lab->consent).event);
    consent_set_terms(lab->consent, "", true, true);
    assert_true(consent_is_missing(lab->consent));
    consent_set_terms(lab->consent, "US", false, true);
    assert_state(lab, CONSENT_DAMAGED, false); /* it may have been a no */
    assert_int_equal(consent_give(lab->consent, USER, AT + 1), 0);
    assert_true(has_file(lab, "consent.damaged")); /* for whoever wants to look */
    restart(lab, &text1);
    assert_state(lab, CONSENT_GIVEN, true);
    assert_int_equal(consent_facts(lab->consent).event->at_s, AT + 1);
}

static void test_a_damaged_record_can_be_withdrawn(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    damage(lab);
    restart(lab, &text1);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    restart(lab, &text1);
    assert_state(lab, CONSENT_WITHDRAWN, false);
}

/* As a full disk does. */
static void forbid_writing(struct rlimit *ret_before)
{
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, ret_before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, ret_before->rlim_max});
}

static void test_what_cannot_be_recorded_is_not_given(void **state)
{
    struct lab *lab = *state;
    struct rlimit before;

    forbid_writing(&before);
    int err = consent_give(lab->consent, USER, AT);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(err < 0);
    assert_state(lab, CONSENT_NONE, false);
    assert_int_equal(lab->changes, 0);
}

static void test_a_full_disk_keeps_no_consent_alive(void **state)
{
    struct lab *lab = *state;
    struct rlimit before;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    wait_changes(lab, &lab->changes, 2);
    forbid_writing(&before);
    int err = consent_withdraw(lab->consent, USER, AT);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(err < 0);
    assert_state(lab, CONSENT_WITHDRAWN, false);
    for (int i = 0; i < 5; i++)
        loop_run_once(lab->loop, 1); /* that the file went changes nothing of it */
    assert_state(lab, CONSENT_WITHDRAWN, false);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0); /* there is room again */
    assert_int_equal(consent_facts(lab->consent).record->count, 2);
    restart(lab, &text1);
    assert_state(lab, CONSENT_WITHDRAWN, false);
}

static void test_a_full_disk_and_a_kill(void **state)
{
    struct lab *lab = *state;
    struct rlimit before;

    struct stat kept;

    assert_int_equal(consent_give(lab->consent, USER, AT), 0);
    forbid_writing(&before);
    for (int i = 0; i < 3; i++)
        assert_true(consent_withdraw(lab->consent, USER, AT) < 0);
    setrlimit(RLIMIT_FSIZE, &before);
    restart(lab, &text1);
    assert_state(lab, CONSENT_DAMAGED, false);
    consent_set_terms(lab->consent, "US", false, true);
    assert_state(lab, CONSENT_DAMAGED, false); /* obeyed also where nobody needs to be asked */
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    assert_int_equal(fstatat(lab->dir_fd, "consent.damaged", &kept, 0), 0);
    assert_true(kept.st_size > 0); /* what was said before */
    restart(lab, &text1);
    assert_state(lab, CONSENT_WITHDRAWN, false);
}

/* Where nobody needs to be asked, a no is all that keeps the log from being kept. */
static void test_a_full_disk_and_nothing_said_before(void **state)
{
    struct lab *lab = *state;
    struct rlimit before;

    lab->other = open_consent(lab, &text1, &lab->other_changes);
    consent_set_terms(lab->consent, "US", false, true);
    consent_set_terms(lab->other, "US", false, true);
    forbid_writing(&before);
    int err = consent_withdraw(lab->consent, USER, AT);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(err < 0);
    assert_state(lab, CONSENT_WITHDRAWN, false);
    wait_changes(lab, &lab->other_changes, 1);
    assert_false(consent_permits(lab->other));
    restart(lab, &text1);
    consent_set_terms(lab->consent, "US", false, true);
    assert_state(lab, CONSENT_DAMAGED, false);
    assert_int_equal(consent_withdraw(lab->consent, USER, AT), 0);
    restart(lab, &text1);
    assert_state(lab, CONSENT_WITHDRAWN, false);
}

static void test_without_one_nothing_is_permitted(void **state)
{
    (void)state;
    consent_set_terms(NULL, "US", false, true);
    assert_false(consent_permits(NULL));
    assert_false(consent_is_missing(NULL));
}

static void test_nowhere_to_record_it(void **state)
{
    struct lab *lab = *state;

    consent_close(lab->consent);
    assert_int_equal(consent_open(lab->loop, -1, &text1, count, &lab->changes, &lab->consent), 0);
    assert_true(consent_give(lab->consent, USER, AT) < 0);
    assert_state(lab, CONSENT_NONE, false);
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_each_row_of_the_table),
        lab_test(test_it_is_required_until_a_region_says_otherwise),
        lab_test(test_the_words_of_a_version_do_not_change),
        lab_test(test_another_text_asks_again_and_keeps_the_history),
        lab_test(test_it_survives),
        lab_test(test_to_say_it_twice_changes_nothing),
        lab_test(test_withdrawn_is_withdrawn_after_a_restart),
        lab_test(test_other_workers_obey),
        lab_test(test_a_record_that_is_taken_away),
        lab_test(test_a_damaged_record_is_no_consent),
        lab_test(test_a_damaged_record_can_be_withdrawn),
        lab_test(test_what_cannot_be_recorded_is_not_given),
        lab_test(test_a_full_disk_keeps_no_consent_alive),
        lab_test(test_a_full_disk_and_a_kill),
        lab_test(test_a_full_disk_and_nothing_said_before),
        lab_test(test_nowhere_to_record_it),
        cmocka_unit_test(test_without_one_nothing_is_permitted),
    };
    log_setup(LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
