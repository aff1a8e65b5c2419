#include "adblock/http_refusal.h"
#include "base/http_body.h"
#include "tests/fake/fake_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[HTTP_REFUSAL_MAX_BYTES + 1];
static struct http_head head;
static const char *body;
static struct filter filter;
static const struct verdict verdict = {.action = VERDICT_BLOCK};

/* Every refusal must be a response that our own parser takes and whose length is right. */
static void check(size_t size, const char *method)
{
    struct http_body framing;
    struct http_text asked = {method, strlen(method)};
    assert_true(size > 0 && size <= HTTP_REFUSAL_MAX_BYTES);
    text[size] = '\0';
    ssize_t head_size = http_head_parse_response(text, size, &head, NULL);
    assert_true(head_size > 0);
    assert_int_equal(http_body_of_response(&head, asked, &framing), 0);
    body = text + head_size;
    ssize_t left = (ssize_t)size - head_size;
    assert_int_equal(left ? http_body_feed(&framing, body, (size_t)left) : 0, left);
    assert_true(http_body_is_done(&framing));
    assert_true(http_head_has_token(&head, "cache-control", "no-store"));
}

static void refuse(enum filter_type type, const char *url, const char *method)
{
    struct filter_request request = {
        .url = url, .url_size = strlen(url), .source_url = "", .type = type, .method = method};
    check(http_refusal_format(&filter, &request, &verdict, true, text), method);
    assert_true(http_head_has_token(&head, "connection", "keep-alive"));
}

static void assert_kind(enum filter_type type, const char *url, int status, const char *content,
                        const char *start)
{
    refuse(type, url, "GET");
    assert_int_equal(head.status, status);
    assert_true(http_text_is(*http_head_find(&head, "content-type"), content));
    assert_int_equal(strncmp(body, start, strlen(start)), 0);
    assert_true(*start || *body == '\0');
}

static int setup(void **state)
{
    (void)state;
    filter = (struct filter){.list = "My list", .rule = "||a.example^"};
    return 0;
}

static void test_kinds(void **state)
{
    (void)state;
    const char *html = "text/html; charset=utf-8";
    assert_kind(FILTER_TYPE_IMAGE, "http://a/x.png?y=.svg", 200, "image/gif", "GIF89a");
    assert_kind(FILTER_TYPE_IMAGE, "http://a/x.SVG?y", 200, "image/svg+xml", "<svg");
    assert_kind(FILTER_TYPE_SCRIPT, "http://a/x", 200, "text/javascript", "");
    assert_kind(FILTER_TYPE_STYLESHEET, "http://a/x", 200, "text/css", "");
    assert_kind(FILTER_TYPE_SUBDOCUMENT, "http://a/x", 200, html, "<!DOCTYPE html>");
    assert_kind(FILTER_TYPE_DOCUMENT, "http://a/x", 403, html, "<!DOCTYPE html>");
    assert_kind(FILTER_TYPE_OTHER, "http://a/x", 403, html, "<!DOCTYPE html>");
    assert_kind(FILTER_TYPE_XMLHTTPREQUEST, "http://a/x", 403, "text/plain", "");
}

static void test_the_page_says_why(void **state)
{
    (void)state;
    refuse(FILTER_TYPE_DOCUMENT, "http://a.example:8080/x", "GET");
    assert_non_null(strstr(body, "<code>http://a.example:8080/x</code>"));
    assert_non_null(strstr(body, "<strong>My list</strong>"));
    assert_non_null(strstr(body, "<code>||a.example^</code>"));
    assert_non_null(strstr(body, "<code>atlantic allow a.example</code>"));
    assert_null(http_head_find(&head, "access-control-allow-origin"));
}

static void test_nothing_becomes_markup(void **state)
{
    (void)state;
    filter.rule = "<script>1</script>&\"'\n";
    filter.list = "</strong><b>";
    refuse(FILTER_TYPE_DOCUMENT, "http://<i>/<img src=x>", "GET");
    assert_null(strstr(body, "<script"));
    assert_null(strstr(body, "<b>"));
    assert_null(strstr(body, "<img"));
    assert_null(strstr(body, "<i>"));
    assert_non_null(strstr(body, "&lt;script&gt;1&lt;/script&gt;&amp;&quot;&#39;?"));
}

static void test_long_texts_still_fit(void **state)
{
    (void)state;
    static char url[20000], rule[5000];
    memset(url, '&', sizeof(url) - 1);
    memcpy(url, "http://", strlen("http://"));
    memset(rule, '"', sizeof(rule) - 1);
    filter.rule = filter.list = rule;
    refuse(FILTER_TYPE_DOCUMENT, url, "GET");
    assert_non_null(strstr(body, "&hellip;"));
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    refuse(FILTER_TYPE_DOCUMENT, "http://a/x", "HEAD");
    assert_string_equal(body, "");
    assert_false(http_text_is(*http_head_find(&head, "content-length"), "0"));
}

static void test_errors(void **state)
{
    (void)state;
    check(http_refusal_format_error(431, NULL, text), "GET");
    assert_int_equal(head.status, 431);
    check(http_refusal_format_error(400, "two lengths", text), "GET");
    assert_int_equal(head.status, 400);
    assert_non_null(strstr(body, "two lengths"));
    assert_true(http_head_has_token(&head, "connection", "close"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_kinds, setup),
        cmocka_unit_test_setup(test_the_page_says_why, setup),
        cmocka_unit_test_setup(test_nothing_becomes_markup, setup),
        cmocka_unit_test_setup(test_long_texts_still_fit, setup),
        cmocka_unit_test_setup(test_head_has_no_body, setup),
        cmocka_unit_test_setup(test_errors, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
