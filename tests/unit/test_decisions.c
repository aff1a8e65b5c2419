/* What the filter says, counted, remembered and explained. */
#include "service/engine/decisions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct lab {
    struct decisions decisions;
    struct filter *filter;
    int told;
    struct address client;
};

static const struct filter *filter_in_force(void *owner)
{
    return ((struct lab *)owner)->filter;
}

static void on_blocked(void *owner)
{
    ((struct lab *)owner)->told++;
}

static int setup(void **state)
{
    static const char list[] = "ads.example\n", allowed[] = "good.ads.example\n";
    const struct filter_source sources[] = {
        {.name = "small",
         .category = "ads",
         .format = FILTER_DOMAINS,
         .text = list,
         .size = sizeof(list) - 1},
        {.name = "mine",
         .category = "allow",
         .format = FILTER_DOMAINS,
         .text = allowed,
         .size = sizeof(allowed) - 1},
    };
    struct filter_problem problem;
    struct lab *lab = calloc(1, sizeof(*lab));

    assert_int_equal(filter_compile(sources, 2, NULL, 0, &lab->filter, &problem), 0);
    lab->decisions.filter = filter_in_force;
    lab->decisions.on_blocked = on_blocked;
    lab->decisions.owner = lab;
    address_parse("192.0.2.1:4000", &lab->client);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    filter_unref(lab->filter);
    free(lab);
    return 0;
}

static bool is_blocked(struct lab *lab, const char *name)
{
    return decisions_name_is_blocked(&lab->decisions, "tls", name, 0,
                                     &(struct caller){.client = lab->client});
}

static void test_asks_and_counts(void **state)
{
    struct lab *lab = *state;

    assert_true(is_blocked(lab, "ads.example"));
    assert_true(is_blocked(lab, "deep.below.ads.example"));
    assert_false(is_blocked(lab, "example"));
    assert_false(is_blocked(lab, "notads.example"));
    assert_false(is_blocked(lab, "good.ads.example"));
    assert_int_equal(lab->decisions.asked, 5);
    assert_int_equal(lab->decisions.blocked, 2);
    assert_int_equal(lab->told, 2);
}

static void use_list(struct lab *lab, enum filter_format format, const char *text)
{
    struct filter_source source = {
        .name = "other", .category = "ads", .format = format, .text = text, .size = strlen(text)};
    struct filter_problem problem;

    filter_unref(lab->filter);
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &lab->filter, &problem), 0);
}

/* What the DNS denies is denied to those who bring the address from elsewhere. */
static void test_a_denial_by_answer(void **state)
{
    struct lab *lab = *state;

    use_list(lab, FILTER_HOSTS, "0.0.0.0 null.example\n192.0.2.5 mine.example\n");
    assert_true(is_blocked(lab, "null.example"));
    assert_false(is_blocked(lab, "mine.example"));
    use_list(lab, FILTER_RPZ,
             "$TTL 60\n@ SOA a. b. 1 1 1 1 1\ngone.example CNAME .\nelsewhere.example CNAME "
             "other.example.\n");
    assert_true(is_blocked(lab, "gone.example"));
    assert_false(is_blocked(lab, "elsewhere.example"));
    assert_int_equal(lab->told, 2);
}

static void test_without_a_filter_everything_passes(void **state)
{
    struct lab *lab = *state;

    filter_unref(lab->filter);
    lab->filter = NULL;
    assert_false(is_blocked(lab, "ads.example"));
    assert_int_equal(lab->decisions.asked, 1);
    assert_int_equal(lab->decisions.kept_count, 0);
}

static void test_a_refusal_names_list_rule_and_client(void **state)
{
    struct lab *lab = *state;
    const struct refusal *last[2];

    is_blocked(lab, "x.ads.example");
    assert_int_equal(decisions_last(&lab->decisions, last, 2), 1);
    assert_string_equal(last[0]->kind, "tls");
    assert_string_equal(last[0]->name, "x.ads.example");
    assert_string_equal(last[0]->list, "small");
    assert_non_null(strstr(last[0]->rule, "ads.example"));
    assert_true(address_is_equal(&last[0]->client, &lab->client));
    assert_true(last[0]->at_unix_ms > INT64_C(1600000000000));
}

static void test_nobody_in_particular_asked(void **state)
{
    struct lab *lab = *state;
    const struct refusal *last;

    assert_true(decisions_name_is_blocked(&lab->decisions, "dns", "ads.example", 1, NULL));
    decisions_last(&lab->decisions, &last, 1);
    assert_int_equal(last->client.family, 0);
}

static void test_a_request_is_kept_by_its_url(void **state)
{
    struct lab *lab = *state;
    struct filter_name name = {.host = "ads.example"};
    char url[600] = "http://ads.example/", *end = url + strlen(url);
    struct verdict verdict;
    const struct refusal *last;

    filter_ask_name(lab->filter, &name, &verdict);
    memset(end, 'x', sizeof(url) - (size_t)(end - url)); /* long, and not terminated */
    decisions_note(&lab->decisions,
                   &(struct decision){.kind = "http", .name = url, .name_size = sizeof(url)},
                   &verdict);
    decisions_last(&lab->decisions, &last, 1);
    assert_memory_equal(last->name, url, NAME_MAX_BYTES);
    assert_int_equal(strlen(last->name), NAME_MAX_BYTES);
    assert_non_null(strstr(last->rule, "ads.example"));
}

static void test_the_newest_are_kept(void **state)
{
    struct lab *lab = *state;
    const struct refusal *last[DECISIONS_KEPT + 1];
    char name[64];

    for (int i = 0; i < DECISIONS_KEPT + 10; i++) {
        snprintf(name, sizeof(name), "n%d.ads.example", i);
        assert_true(is_blocked(lab, name));
    }
    assert_int_equal(decisions_last(&lab->decisions, last, DECISIONS_KEPT + 1), DECISIONS_KEPT);
    for (int i = 0; i < DECISIONS_KEPT; i++) {
        snprintf(name, sizeof(name), "n%d.ads.example", DECISIONS_KEPT + 9 - i);
        assert_string_equal(last[i]->name, name);
    }
    assert_int_equal(decisions_last(&lab->decisions, last, 3), 3);
    assert_int_equal(lab->decisions.blocked, DECISIONS_KEPT + 10);
}

#define lab_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_asks_and_counts),
        lab_test(test_a_denial_by_answer),
        lab_test(test_without_a_filter_everything_passes),
        lab_test(test_a_refusal_names_list_rule_and_client),
        lab_test(test_nobody_in_particular_asked),
        lab_test(test_a_request_is_kept_by_its_url),
        lab_test(test_the_newest_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
