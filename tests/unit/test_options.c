/* The command line taken apart: what each form means and what is wrong with the others. */
#include "ui/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 16 };

struct parsed {
    struct options options;
    char *copy;
    char *out, *err;
};

static struct parsed parse(const char *line)
{
    static char *words[WORDS_MAX + 1]; /* what the result points to, until the next call */
    struct parsed parsed = {.copy = strdup(line)};
    size_t out_size, err_size;
    int count = 0;
    char *rest = NULL;
    FILE *out = open_memstream(&parsed.out, &out_size);
    FILE *err = open_memstream(&parsed.err, &err_size);
    for (char *word = strtok_r(parsed.copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    words[count] = NULL;
    options_parse(count, words, out, err, &parsed.options);
    fclose(out);
    fclose(err);
    return parsed;
}

static void done(struct parsed *parsed)
{
    free(parsed->copy);
    free(parsed->out);
    free(parsed->err);
}

static void test_good_lines(void **state)
{
    (void)state;
    struct parsed parsed = parse("atlantic on");
    assert_string_equal(parsed.options.command->name, "on");
    assert_string_equal(parsed.options.cli.run_dir, "/run/atlantic");
    assert_int_equal(parsed.options.cli.given, 0);
    done(&parsed);

    parsed = parse("atlantic --run-dir /tmp/x on --wait=7");
    assert_string_equal(parsed.options.cli.run_dir, "/tmp/x");
    assert_int_equal(parsed.options.cli.given, CLI_WAIT);
    assert_int_equal(parsed.options.cli.wait_s, 7);
    done(&parsed);

    parsed = parse("atlantic usage --json --by day --from 2026-01-01 --to=2026-01-31 --run-dir y");
    assert_int_equal(parsed.options.cli.given, CLI_JSON | CLI_BY | CLI_FROM | CLI_TO);
    assert_string_equal(parsed.options.cli.by, "day");
    assert_string_equal(parsed.options.cli.to, "2026-01-31");
    assert_string_equal(parsed.options.cli.run_dir, "y");
    done(&parsed);

    parsed = parse("atlantic filter check --json ads.example");
    assert_string_equal(parsed.options.command->name, "filter");
    assert_int_equal(parsed.options.cli.argc, 2);
    assert_string_equal(parsed.options.cli.argv[1], "ads.example");
    done(&parsed);

    parsed = parse("atlantic filter explain ads.example --json");
    assert_int_equal(parsed.options.cli.given, CLI_JSON);
    assert_int_equal(parsed.options.cli.argc, 2);
    done(&parsed);

    parsed = parse("atlantic allow ads.example --for 1h");
    assert_string_equal(parsed.options.command->name, "allow");
    assert_string_equal(parsed.options.cli.duration, "1h");
    done(&parsed);

    parsed = parse("atlantic status --wait");
    assert_int_equal(parsed.options.cli.wait_s, OPTIONS_WAIT_DEFAULT_S);
    done(&parsed);
}

static void test_words_of_the_filter_program_are_left_alone(void **state)
{
    (void)state;
    struct parsed parsed = parse("atlantic filter check --batch --list a --psl b");
    assert_non_null(parsed.options.command);
    assert_int_equal(parsed.options.cli.argc, 6);
    assert_string_equal(parsed.options.cli.argv[0], "check");
    assert_string_equal(parsed.options.cli.argv[5], "b");
    done(&parsed);
    parsed = parse("atlantic filter explain --list a x.example --type script");
    assert_non_null(parsed.options.command);
    assert_int_equal(parsed.options.cli.argc, 6);
    assert_string_equal(parsed.options.cli.argv[1], "--list");
    done(&parsed);
}

static void test_wrong_lines(void **state)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"atlantic", "Usage: atlantic"},
        {"atlantic frobnicate", "no command 'frobnicate'"},
        {"atlantic --frob", "cannot take '--frob'"},
        {"atlantic on --frob", "see atlantic on --help"},
        {"atlantic on --json", "does not take '--json'"},
        {"atlantic on now", "one word too many: 'now'"},
        {"atlantic usage --by", "no value behind '--by'"},
        {"atlantic filter", "something is missing"},
        {"atlantic filter check", "something is missing"},
        {"atlantic flows --limit 0", "1 to 1000"},
        {"atlantic flows --limit 5x", "1 to 1000"},
        {"atlantic on --wait=soon", "takes seconds"},
        {"atlantic config check a b", "too many: 'b'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct parsed parsed = parse(rows[i].line);
        assert_null(parsed.options.command);
        assert_int_equal(parsed.options.status, CLI_USAGE);
        assert_string_equal(parsed.out, "");
        if (!strstr(parsed.err, rows[i].part))
            fail_msg("%s: %s", rows[i].line, parsed.err);
        done(&parsed);
    }
}

static void test_help_and_version(void **state)
{
    (void)state;
    struct parsed parsed = parse("atlantic --version");
    assert_null(parsed.options.command);
    assert_int_equal(parsed.options.status, CLI_OK);
    assert_string_equal(parsed.out, "atlantic " ATLANTIC_VERSION "\n");
    done(&parsed);
    parsed = parse("atlantic --help");
    assert_int_equal(parsed.options.status, CLI_OK);
    for (size_t i = 0; i < cli_commands_count; i++)
        assert_non_null(strstr(parsed.out, cli_commands[i].name));
    done(&parsed);
    for (size_t i = 0; i < cli_commands_count; i++) {
        char line[64];
        snprintf(line, sizeof(line), "atlantic %s --help", cli_commands[i].name);
        parsed = parse(line);
        assert_int_equal(parsed.options.status, CLI_OK);
        assert_non_null(strstr(parsed.out, cli_commands[i].name));
        assert_string_equal(parsed.err, "");
        done(&parsed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_lines),
        cmocka_unit_test(test_words_of_the_filter_program_are_left_alone),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_help_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
