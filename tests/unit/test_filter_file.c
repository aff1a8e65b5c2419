/* The compiled form in a file: mapped, asked, and refused when anything about it is wrong. */
#include "adblock/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char rules[] = "||ads.example^\n@@||ok.ads.example^\n/banner/*\n/ad[0-9]+\\.js/\n"
                            "||c.example^$client=pc\n";

struct rig {
    char folder[64], path[80];
    uint8_t *bytes;
    size_t size;
};

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct filter_source source = {.name = "ads", .text = rules, .size = sizeof(rules) - 1};
    struct filter *filter;
    strcpy(rig->folder, "/tmp/atlantic-filter-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->path, sizeof(rig->path), "%s/filter", rig->folder);
    assert_int_equal(filter_compile(&source, 1, NULL, 0, &filter, NULL), 0);
    assert_int_equal(filter_save(filter, rig->path), 0);
    filter_unref(filter);
    FILE *file = fopen(rig->path, "re");
    assert_non_null(file);
    rig->bytes = malloc(1 << 20);
    rig->size = fread(rig->bytes, 1, 1 << 20, file);
    fclose(file);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    unlink(rig->path);
    rmdir(rig->folder);
    free(rig->bytes);
    free(rig);
    return 0;
}

static int open_with(const struct rig *rig, size_t size)
{
    struct filter *filter = NULL;
    FILE *file = fopen(rig->path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(rig->bytes, 1, size, file), size);
    fclose(file);
    int err = filter_open(rig->path, &filter);
    filter_unref(filter);
    return err;
}

static void test_open(void **state)
{
    struct rig *rig = *state;
    struct filter *filter;
    struct verdict verdict;
    char list[16], rule[64];
    assert_int_equal(filter_open(rig->path, &filter), 0);
    struct filter_name name = {.host = "w.ads.example", .qtype = 1};
    filter_ask_name(filter, &name, &verdict);
    assert_int_equal(verdict.action, VERDICT_BLOCK);
    filter_describe(filter, &verdict, name.host, list, sizeof(list), rule, sizeof(rule));
    assert_string_equal(list, "ads");
    assert_string_equal(rule, "||ads.example^");
    struct filter_request request = {
        .url = "https://x/ad7.js", .url_size = 16, .source_url = "", .method = "GET"};
    filter_ask_request(filter, &request, &verdict);
    assert_int_equal(verdict.action, VERDICT_BLOCK);
    filter_unref(filter);
    assert_int_equal(filter_open("/nonexistent/filter", &filter), -ENOENT);
}

static void test_truncated(void **state)
{
    struct rig *rig = *state;
    for (size_t size = 0; size < rig->size; size += rig->size / 50 + 1)
        assert_int_equal(open_with(rig, size), -EBADMSG);
    assert_int_equal(open_with(rig, rig->size - 1), -EBADMSG);
    assert_int_equal(open_with(rig, rig->size), 0);
}

static void test_altered(void **state)
{
    struct rig *rig = *state;
    for (size_t at = 0; at < rig->size; at += rig->size / 200 + 1) {
        rig->bytes[at] ^= 1;
        assert_int_equal(open_with(rig, rig->size), -EBADMSG);
        rig->bytes[at] ^= 1;
    }
}

/* Every reader keeps the filter; the last one frees it. */
static void test_references(void **state)
{
    struct rig *rig = *state;
    struct filter *filter;
    assert_int_equal(filter_open(rig->path, &filter), 0);
    assert_ptr_equal(filter_ref(filter), filter);
    filter_unref(filter);
    assert_int_equal(filter_stats(filter).rules, 4);
    filter_unref(filter);
    filter_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_altered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_references, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
