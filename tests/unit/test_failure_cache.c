#include "service/engine/failure_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct failure_cache cache;

static int setup(void **state)
{
    (void)state;
    memset(&cache, 0, sizeof(cache));
    return 0;
}

static struct dns_question question_of(const char *name, uint16_t qtype)
{
    struct dns_question question = {.qtype = qtype, .qclass = 1};
    snprintf(question.name, sizeof(question.name), "%s", name);
    return question;
}

/* How long after `at_ms` it is kept. */
static uint64_t kept_ms(const struct dns_question *question, uint64_t at_ms)
{
    uint64_t ms = 0;
    while (failure_cache_has(&cache, question, at_ms + ms))
        ms += 500;
    return ms;
}

static void test_each_failure_is_kept_longer(void **state)
{
    struct dns_question question = question_of("broken.example", DNS_A);
    uint64_t expected[] = {5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000}, at_ms = 1000;

    (void)state;
    assert_false(failure_cache_has(&cache, &question, at_ms));
    for (size_t i = 0; i < 8; i++) {
        failure_cache_put(&cache, &question, true, at_ms);
        assert_int_equal(kept_ms(&question, at_ms), expected[i]);
        at_ms += expected[i];
    }
    failure_cache_put(&cache, &question, true, at_ms + 2 * FAILURE_LONGEST_MS); /* long after */
    assert_int_equal(kept_ms(&question, at_ms + 2 * FAILURE_LONGEST_MS), 5000);
    failure_cache_drop(&cache, &question);
    assert_false(failure_cache_has(&cache, &question, at_ms));
}

static void test_servers_that_are_away_may_be_back(void **state)
{
    struct dns_question question = question_of("any.example", DNS_A);

    (void)state;
    for (uint64_t at_ms = 0; at_ms < 5000; at_ms += 1000) {
        failure_cache_put(&cache, &question, false, at_ms);
        assert_int_equal(kept_ms(&question, at_ms), 1000);
    }
}

static void test_questions_are_told_apart(void **state)
{
    struct dns_question question = question_of("broken.example", DNS_A);
    struct dns_question other = question_of("broken.example", DNS_AAAA);

    (void)state;
    failure_cache_put(&cache, &question, true, 0);
    assert_false(failure_cache_has(&cache, &other, 1));
    other = question_of("broken2.example", DNS_A);
    assert_false(failure_cache_has(&cache, &other, 1));
    other = question;
    other.checking_disabled = true; /* what fails by DNSSEC alone */
    assert_false(failure_cache_has(&cache, &other, 1));
    assert_true(failure_cache_has(&cache, &question, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_each_failure_is_kept_longer, setup),
        cmocka_unit_test_setup(test_servers_that_are_away_may_be_back, setup),
        cmocka_unit_test_setup(test_questions_are_told_apart, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
