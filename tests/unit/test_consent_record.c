/* The record of consent: what it means for a text, and that no damage is ever taken for a yes. */
#include "service/control/consent_record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { AT = 1769846400 }; /* 2026-01-31T08:00:00Z */

static void add(struct consent_record *record, bool is_given, unsigned version)
{
    struct consent_event event = {
        .is_given = is_given, .at_s = AT + (int64_t)record->count, .version = version, .uid = 1000};

    strcpy(event.region, "DE");
    consent_record_add(record, &event);
}

/* "g1 w1 g2": given for text 1, withdrawn, given for text 2. */
static enum consent_state state_of(const char *events, unsigned version, int *ret_event)
{
    struct consent_record record = {.count = 0};
    const struct consent_event *event;

    for (const char *at = events; *at; at += at[2] ? 3 : 2)
        add(&record, *at == 'g', (unsigned)(at[1] - '0'));
    enum consent_state state = consent_record_state(&record, version, &event);
    *ret_event = event ? (int)(event - record.events) : -1;
    return state;
}

static void test_what_it_means(void **state)
{
    static const struct {
        const char *events;
        unsigned version;
        enum consent_state state;
        int event; /* that says so; -1: none */
    } cases[] = {
        {"", 1, CONSENT_NONE, -1},
        {"g1", 1, CONSENT_GIVEN, 0},
        {"g1", 2, CONSENT_OUTDATED, 0},
        {"g1 g2", 2, CONSENT_GIVEN, 1},
        {"g1 g2", 1, CONSENT_GIVEN, 0}, /* an older program again */
        {"g1 g2", 3, CONSENT_OUTDATED, 1},
        {"w1", 1, CONSENT_WITHDRAWN, 0},
        {"g1 w1", 1, CONSENT_WITHDRAWN, 1},
        {"g1 w1", 2, CONSENT_WITHDRAWN, 1}, /* a no is a no to each */
        {"g1 w2 g2", 1, CONSENT_OUTDATED, 2},
        {"g1 w1 g1", 1, CONSENT_GIVEN, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int event;
        if (state_of(cases[i].events, cases[i].version, &event) != cases[i].state ||
            event != cases[i].event)
            fail_msg("'%s' for text %u", cases[i].events, cases[i].version);
    }
}

static void test_its_text(void **state)
{
    static const char expected[] = "atlantic consent 1\n"
                                   "given 2026-01-31T08:00:00Z text 1 region DE user 1000\n"
                                   "withdrawn 2026-01-31T08:00:01Z text 2 region - user 0\n"
                                   "check ";
    struct consent_record record = {.count = 0}, again;
    char text[CONSENT_RECORD_TEXT_MAX];

    (void)state;
    add(&record, true, 1);
    consent_record_add(&record, &(struct consent_event){.at_s = AT + 1, .version = 2});
    size_t size = consent_record_format(&record, text);
    assert_int_equal(size, strlen(text));
    assert_int_equal(size, sizeof(expected) - 1 + 17);
    assert_memory_equal(text, expected, sizeof(expected) - 1);
    assert_int_equal(consent_record_parse(text, size, &again), 0);
    assert_int_equal(again.count, 2);
    assert_true(again.events[0].is_given && !again.events[1].is_given);
    assert_int_equal(again.events[0].at_s, AT);
    assert_int_equal(again.events[0].uid, 1000);
    assert_int_equal(again.events[1].version, 2);
    assert_string_equal(again.events[0].region, "DE");
    assert_string_equal(again.events[1].region, "");
}

static void test_the_oldest_go(void **state)
{
    struct consent_record record = {.count = 0}, again;
    char text[CONSENT_RECORD_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < CONSENT_EVENTS_MAX + 3; i++)
        add(&record, true, 999999999 - i);
    assert_int_equal(record.count, CONSENT_EVENTS_MAX);
    assert_int_equal(record.events[0].version, 999999999 - 3);
    size_t size = consent_record_format(&record, text);
    assert_int_equal(consent_record_parse(text, size, &again), 0);
    assert_int_equal(again.count, CONSENT_EVENTS_MAX);
    assert_int_equal(again.events[CONSENT_EVENTS_MAX - 1].version,
                     999999999 - CONSENT_EVENTS_MAX - 2);
}

/* Every byte changed, every length cut. */
static void test_all_damage_is_found(void **state)
{
    struct consent_record record = {.count = 0}, untouched = {.count = 77};
    char text[CONSENT_RECORD_TEXT_MAX];

    (void)state;
    add(&record, false, 1);
    add(&record, true, 1);
    size_t size = consent_record_format(&record, text);
    for (size_t i = 0; i < size; i++) {
        char damaged[CONSENT_RECORD_TEXT_MAX];
        for (int bit = 0; bit < 8; bit++) {
            memcpy(damaged, text, size);
            damaged[i] = (char)(damaged[i] ^ (1 << bit));
            assert_int_equal(consent_record_parse(damaged, size, &untouched), -EBADMSG);
        }
        assert_int_equal(consent_record_parse(text, i, &untouched), -EBADMSG);
    }
    assert_int_equal(untouched.count, 77);
}

/* With a checksum that fits: only what we write ourselves is ours. */
static void test_lines_of_others(void **state)
{
    static const char *const lines[] = {
        "given 2026-01-31T08:00:00Z text 1 region DE user 1000 \n",
        "given 2026-02-30T08:00:00Z text 1 region DE user 1000\n",
        "given 2026-01-31T08:00:00Z text 01 region DE user 1000\n",
        "given 2026-01-31T08:00:00Z text 1 region de user 1000\n",
        "given 2026-01-31T08:00:00Z text 1 region D user 1000\n",
        "given 2026-01-31T08:00:00Z text 1 region DE user 4294967296\n",
        "given 2026-01-31T08:00:00Z text 1 region DE user -1\n",
        "forced 2026-01-31T08:00:00Z text 1 region DE user 1000\n",
        "given 2026-01-31T08:00:00Z text 1 region DE user 1000",
        "\n",
    };
    struct consent_record record = {.count = 77};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[256];
        int size = snprintf(text, sizeof(text), "atlantic consent 1\n%s", lines[i]);
        unsigned long long check = consent_record_check(text, (size_t)size);
        size += snprintf(text + size, sizeof(text) - (size_t)size, "check %016llx\n", check);
        if (consent_record_parse(text, (size_t)size, &record) != -EBADMSG)
            fail_msg("taken: %s", lines[i]);
    }
    assert_int_equal(record.count, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_means),   cmocka_unit_test(test_its_text),
        cmocka_unit_test(test_the_oldest_go),   cmocka_unit_test(test_all_damage_is_found),
        cmocka_unit_test(test_lines_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
