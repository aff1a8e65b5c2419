#include "service/engine/own_rules.h"

#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] = "atlantic rules 1\n";

void own_rules_done(struct own_rules *rules)
{
    free(rules->rules);
    *rules = (struct own_rules){.rules = NULL};
}

bool own_rules_remove(struct own_rules *rules, const char *name)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (strcmp(rules->rules[i].name, name) != 0)
            continue;
        rules->count--;
        memmove(&rules->rules[i], &rules->rules[i + 1],
                (rules->count - i) * sizeof(rules->rules[0]));
        return true;
    }
    return false;
}

int own_rules_put(struct own_rules *rules, const char *name, bool is_allowed, int64_t until_s)
{
    struct own_rule rule = {.is_allowed = is_allowed, .until_s = until_s};
    struct own_rule *grown;

    snprintf(rule.name, sizeof(rule.name), "%s", name);
    grown = realloc(rules->rules, (rules->count + 1) * sizeof(rules->rules[0]));
    if (!grown)
        return -ENOMEM;
    rules->rules = grown;
    if (!own_rules_remove(rules, rule.name) && rules->count >= OWN_RULES_MAX)
        return ERR_LIMIT;
    rules->rules[rules->count++] = rule;
    return 0;
}

bool own_rules_expire(struct own_rules *rules, int64_t now_s)
{
    bool was_paused = rules->paused_until_s != 0;
    size_t kept = 0, before = rules->count;

    if (rules->paused_until_s <= now_s)
        rules->paused_until_s = 0;
    for (size_t i = 0; i < before; i++)
        if (rules->rules[i].until_s > now_s)
            rules->rules[kept++] = rules->rules[i];
    rules->count = kept;
    return kept < before || (was_paused && rules->paused_until_s == 0);
}

int64_t own_rules_next_end(const struct own_rules *rules)
{
    int64_t next_s = rules->paused_until_s ? rules->paused_until_s : OWN_RULES_FOR_EVER;

    for (size_t i = 0; i < rules->count; i++)
        if (rules->rules[i].until_s < next_s)
            next_s = rules->rules[i].until_s;
    return next_s;
}

/* --- the text -------------------------------------------------------------------------------- */

/* A whole positive number, or "-" for ever. */
static bool parse_until(const char *text, int64_t *ret)
{
    char *end;

    if (strcmp(text, "-") == 0) {
        *ret = OWN_RULES_FOR_EVER;
        return true;
    }
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *ret > 0;
}

static bool parse_host(const char *text, char to[NAME_MAX_BYTES + 1])
{
    struct endpoint host;

    if (endpoint_from_host(text, strlen(text), 0, &host) < 0)
        return false;
    if (endpoint_is_name(&host))
        snprintf(to, NAME_MAX_BYTES + 1, "%s", host.name);
    else
        address_format_ip(&host.address, to);
    return true;
}

static int parse_line(char *line, struct own_rules *rules)
{
    char *rest = line, name[NAME_MAX_BYTES + 1];
    const char *word = strsep(&rest, " "), *second = strsep(&rest, " "), *third = rest;
    bool is_allow = strcmp(word, "allow") == 0;
    int64_t until_s;

    if (strcmp(word, "pause") == 0) {
        if (second && !third && parse_until(second, &until_s))
            rules->paused_until_s = until_s;
        return 0;
    }
    if ((!is_allow && strcmp(word, "deny") != 0) || !second || !third ||
        !parse_host(second, name) || !parse_until(third, &until_s))
        return 0;
    return own_rules_put(rules, name, is_allow, until_s);
}

int own_rules_parse(const char *text, size_t size, struct own_rules *ret)
{
    struct own_rules rules = {.rules = NULL};
    char *copy, *rest, *line;
    int err = 0;

    if (size < sizeof(head) - 1 || size > OWN_RULES_TEXT_MAX ||
        memcmp(text, head, sizeof(head) - 1) != 0 || memchr(text, '\0', size))
        return -EBADMSG;
    copy = rest = strndup(text, size);
    if (!copy)
        return -ENOMEM;
    while (err == 0 && (line = strsep(&rest, "\n")))
        err = parse_line(line, &rules);
    free(copy);
    if (err < 0 && err != ERR_LIMIT) {
        own_rules_done(&rules);
        return err;
    }
    *ret = rules;
    return 0;
}

static void print_until(FILE *to, int64_t until_s)
{
    if (until_s == OWN_RULES_FOR_EVER)
        fputs("-\n", to);
    else
        fprintf(to, "%" PRId64 "\n", until_s);
}

char *own_rules_format(const struct own_rules *rules, size_t *ret_size)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, ret_size);
    bool has_failed;

    if (!to)
        return NULL;
    fputs(head, to);
    if (rules->paused_until_s) {
        fputs("pause ", to);
        print_until(to, rules->paused_until_s);
    }
    for (size_t i = 0; i < rules->count; i++) {
        fprintf(to, "%s %s ", rules->rules[i].is_allowed ? "allow" : "deny", rules->rules[i].name);
        print_until(to, rules->rules[i].until_s);
    }
    has_failed = ferror(to);
    if (fclose(to) != 0 || has_failed) {
        free(text);
        return NULL;
    }
    return text;
}
