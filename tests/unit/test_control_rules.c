/* What a user decides in passing, by the methods of the control socket. */
#include "tests/unit/control_asked.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct lab {
    struct control_source source;
    struct control_context context;
    int64_t paused_until_s, rule_until_s;
    char rule[64];
    int explain_err;
};

static void tell_filter(void *owner, struct control_filter *ret)
{
    const struct lab *lab = owner;
    *ret = (struct control_filter){.state = lab->paused_until_s ? "paused" : "on",
                                   .paused_until_s = lab->paused_until_s};
}

static void tell_rules(void *owner, control_rule_fn *tell, void *to)
{
    const struct lab *lab = owner;
    if (lab->rule[0])
        tell(to, &(struct control_rule){lab->rule, true, lab->rule_until_s});
}

static int check(void *owner, const struct control_question *question, struct control_verdict *ret)
{
    const struct lab *lab = owner;
    (void)question;
    if (lab->explain_err == 0)
        *ret = (struct control_verdict){"block", "list", "rule one"};
    return lab->explain_err;
}

static int explain(void *owner, const struct control_question *question, control_match_fn *tell,
                   void *to)
{
    (void)owner;
    (void)question;
    tell(to, &(struct control_verdict){"block", "list", "rule one"});
    tell(to, &(struct control_verdict){"allow", "list", "rule two"});
    return 0;
}

static int change(void *owner, const struct control_change *change)
{
    struct lab *lab = owner;
    if (change->kind == CONTROL_PAUSE && !change->name)
        lab->paused_until_s = change->until_s;
    else if (change->kind == CONTROL_RESUME && !change->name)
        lab->paused_until_s = 0;
    else if (change->kind == CONTROL_RESUME)
        return -ENOENT;
    else if (change->kind == CONTROL_DENY)
        return -ENOSPC;
    else
        snprintf(lab->rule, sizeof(lab->rule), "%s", change->name);
    lab->rule_until_s = change->until_s;
    return 0;
}

static int set_up(void **state)
{
    static struct lab lab;
    lab = (struct lab){.source = {.owner = &lab,
                                  .check = check,
                                  .explain = explain,
                                  .filter = tell_filter,
                                  .rules = tell_rules,
                                  .change = change}};
    lab.context.source = &lab.source;
    *state = &lab;
    return 0;
}

static const char *text_at(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    assert_non_null(text);
    return text;
}

static void test_explain(void **state)
{
    struct lab *lab = *state;
    cJSON *result = control_asked(&lab->context, "filter.explain", "\"host\":\"ads.example\"");
    assert_string_equal(text_at(result, "verdict"), "block");
    assert_string_equal(text_at(cJSON_GetObjectItem(result, "filter"), "state"), "on");
    const cJSON *matches = cJSON_GetObjectItem(result, "matches");
    assert_int_equal(cJSON_GetArraySize(matches), 2);
    assert_string_equal(text_at(cJSON_GetArrayItem(matches, 1), "rule"), "rule two");
    cJSON_Delete(result);
}

/* Without a filter in force there still is an answer: it says why. */
static void test_explain_while_paused(void **state)
{
    struct lab *lab = *state;
    lab->explain_err = -ENOENT;
    lab->paused_until_s = CONTROL_FOR_EVER;
    cJSON *result = control_asked(&lab->context, "filter.explain", "\"host\":\"ads.example\"");
    assert_string_equal(text_at(result, "verdict"), "none");
    assert_string_equal(text_at(cJSON_GetObjectItem(result, "filter"), "state"), "paused");
    cJSON_Delete(result);
}

static void test_pause_and_resume(void **state)
{
    struct lab *lab = *state;
    cJSON *result = control_asked(&lab->context, "pause", "\"seconds\":60");
    const cJSON *filter = cJSON_GetObjectItem(result, "filter");
    assert_string_equal(text_at(filter, "state"), "paused");
    assert_true(llabs(lab->paused_until_s - (int64_t)time(NULL) - 60) <= 2);
    assert_true(cJSON_GetObjectItem(filter, "paused_left_ms")->valuedouble <= 60000);
    cJSON_Delete(result);
    result = control_asked(&lab->context, "pause", "");
    assert_true(lab->paused_until_s == CONTROL_FOR_EVER);
    filter = cJSON_GetObjectItem(result, "filter");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(filter, "paused_until")));
    cJSON_Delete(result);
    cJSON_Delete(control_asked(&lab->context, "resume", ""));
    assert_int_equal(lab->paused_until_s, 0);
}

static void test_a_name(void **state)
{
    struct lab *lab = *state;
    cJSON *result = control_asked(&lab->context, "filter.allow", "\"name\":\"A.Example.\"");
    assert_string_equal(lab->rule, "a.example");
    assert_true(lab->rule_until_s == CONTROL_FOR_EVER);
    const cJSON *rules = cJSON_GetObjectItem(cJSON_GetObjectItem(result, "filter"), "rules");
    assert_string_equal(text_at(cJSON_GetArrayItem(rules, 0), "verdict"), "allow");
    cJSON_Delete(result);
    cJSON_Delete(control_asked(&lab->context, "pause", "\"name\":\"192.0.2.7\",\"seconds\":60"));
    assert_string_equal(lab->rule, "192.0.2.7");
    assert_true(lab->rule_until_s < CONTROL_FOR_EVER);
    assert_int_equal(lab->paused_until_s, 0);
}

static void test_errors(void **state)
{
    static const struct {
        const char *method, *params, *code;
    } rows[] = {
        {"filter.allow", "", "bad_params"},
        {"filter.allow", "\"name\":\"a b\"", "bad_params"},
        {"filter.allow", "\"name\":7", "bad_params"},
        {"filter.deny", "\"name\":\"a.b\"", "limit"},
        {"resume", "\"name\":\"a.b\"", "bad_params"},
        {"pause", "\"seconds\":0", "bad_params"},
        {"pause", "\"seconds\":99999999", "bad_params"},
        {"filter.explain", "", "bad_params"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct lab *lab = *state;
        cJSON *error = control_asked(&lab->context, rows[i].method, rows[i].params);
        assert_string_equal(text_at(error, "code"), rows[i].code);
        cJSON_Delete(error);
    }
}

#define lab_test(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_explain),          lab_test(test_explain_while_paused),
        lab_test(test_pause_and_resume), lab_test(test_a_name),
        lab_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
