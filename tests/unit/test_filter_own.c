/* The user's own names in front of the lists. */
#include "adblock/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "||ads.example^\n||tracker.example^$important\n"
                           "@@||good.ads.example^\n||news.example/banner/\n";

struct lab {
    struct filter *lists, *filter;
};

static const struct filter_own own[] = {
    {"ads.example", true},   {"bad.ads.example", false}, {"tracker.example", true},
    {"shop.example", false}, {"192.0.2.7", false},
};

static int set_up(void **state)
{
    static struct lab lab;
    struct filter_source source = {.name = "list",
                                   .category = "ads",
                                   .format = FILTER_ADBLOCK,
                                   .text = text,
                                   .size = sizeof(text) - 1};

    assert_int_equal(filter_compile(&source, 1, NULL, 0, &lab.lists, NULL), 0);
    assert_int_equal(filter_with_own(lab.lists, own, 5, &lab.filter), 0);
    *state = &lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;

    filter_unref(lab->lists);
    filter_unref(lab->filter);
    return 0;
}

static enum verdict_action ask(const struct filter *filter, const char *host)
{
    struct filter_name name = {.host = host, .qtype = 1};
    struct verdict verdict;

    filter_ask_name(filter, &name, &verdict);
    return verdict.action;
}

static struct filter_request request_of(const char *url)
{
    return (struct filter_request){.url = url,
                                   .url_size = strlen(url),
                                   .source_url = "",
                                   .type = FILTER_TYPE_SCRIPT,
                                   .method = "GET"};
}

static enum verdict_action ask_url(const struct filter *filter, const char *url)
{
    struct filter_request request = request_of(url);
    struct verdict verdict;

    filter_ask_request(filter, &request, &verdict);
    return verdict.action;
}

static void test_the_longest_decides(void **state)
{
    const struct filter *filter = ((struct lab *)*state)->filter;

    assert_int_equal(ask(filter, "ads.example"), VERDICT_ALLOW);
    assert_int_equal(ask(filter, "www.ads.example"), VERDICT_ALLOW);
    assert_int_equal(ask(filter, "x.bad.ads.example"), VERDICT_BLOCK);
    assert_int_equal(ask(filter, "tracker.example"), VERDICT_ALLOW); /* also $important */
    assert_int_equal(ask(filter, "shop.example"), VERDICT_BLOCK);
    assert_int_equal(ask(filter, "xshop.example"), VERDICT_NONE);
    assert_int_equal(ask(filter, "example"), VERDICT_NONE);
    assert_int_equal(ask(filter, "192.0.2.7"), VERDICT_BLOCK);
}

static void test_requests(void **state)
{
    const struct filter *filter = ((struct lab *)*state)->filter;

    assert_int_equal(ask_url(filter, "http://www.ads.example/a.js"), VERDICT_ALLOW);
    assert_int_equal(ask_url(filter, "http://shop.example/a.js"), VERDICT_BLOCK);
    assert_int_equal(ask_url(filter, "http://news.example/banner/a.js"), VERDICT_BLOCK);
    assert_int_equal(ask_url(filter, "http://news.example/a.js"), VERDICT_NONE);
}

/* The lists themselves are untouched, and each filter is another one. */
static void test_the_lists_are_as_before(void **state)
{
    struct lab *lab = *state;
    struct filter *again;

    assert_int_equal(ask(lab->lists, "ads.example"), VERDICT_BLOCK);
    assert_int_equal(ask(lab->lists, "shop.example"), VERDICT_NONE);
    assert_int_not_equal(filter_serial(lab->lists), filter_serial(lab->filter));
    /* Names in front of a filter with names replace those; the lists may go. */
    assert_int_equal(filter_with_own(lab->filter, own + 3, 1, &again), 0);
    filter_unref(lab->filter);
    filter_unref(lab->lists);
    lab->filter = again;
    lab->lists = NULL;
    assert_int_equal(ask(again, "ads.example"), VERDICT_BLOCK);
    assert_int_equal(ask(again, "good.ads.example"), VERDICT_ALLOW);
    assert_int_equal(ask(again, "shop.example"), VERDICT_BLOCK);
}

struct told {
    const struct filter *filter;
    char text[512];
};

static void tell(void *owner, const struct verdict *match)
{
    struct told *told = owner;
    char list[64], rule[128];
    size_t size = strlen(told->text);

    filter_describe(told->filter, match, "x.bad.ads.example", list, sizeof(list), rule,
                    sizeof(rule));
    snprintf(told->text + size, sizeof(told->text) - size, "%s: %s\n", list, rule);
}

static void test_an_explanation_names_all(void **state)
{
    const struct filter *filter = ((struct lab *)*state)->filter;
    struct filter_name name = {.host = "x.bad.ads.example", .qtype = 1};
    struct filter_request request = request_of("http://x.bad.ads.example/a.js");
    struct told told = {.filter = filter};

    filter_explain_name(filter, &name, tell, &told);
    assert_string_equal(told.text,
                        FILTER_OWN_LIST ": deny bad.ads.example\nlist: ||ads.example^\n");
    told.text[0] = '\0';
    filter_explain_request(filter, &request, tell, &told);
    assert_string_equal(told.text,
                        FILTER_OWN_LIST ": deny bad.ads.example\nlist: ||ads.example^\n");
}

#define lab_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lab_test(test_the_longest_decides),
        lab_test(test_requests),
        lab_test(test_the_lists_are_as_before),
        lab_test(test_an_explanation_names_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
