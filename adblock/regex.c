/* The compiled code is put in place by compare-and-swap; whoever comes second drops his own. */
#include "adblock/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* In place of the code of an expression that cannot be compiled. */
#define BROKEN ((uintptr_t)1)

/* Match data and context of this thread, made once and kept: matching allocates nothing. */
static _Thread_local pcre2_match_data *match_data;
static _Thread_local pcre2_match_context *match_context;

static pcre2_code *compile(struct slice pattern, bool is_caseless)
{
    int error;
    PCRE2_SIZE at;
    /* lists are written for JavaScript: \/ and [^] as there */
    uint32_t options = PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF |
                       PCRE2_DOLLAR_ENDONLY | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size,
                      options | (is_caseless ? PCRE2_CASELESS : 0), &error, &at, NULL);
    return code;
}

bool regex_is_valid(struct slice pattern, const char **ret_reason)
{
    pcre2_code *code = compile(pattern, true);
    if (!code)
        *ret_reason = "not a regular expression";
    pcre2_code_free(code);
    return code != NULL;
}

static pcre2_code *code_of(struct regex *regex, struct slice pattern, bool is_caseless)
{
    uintptr_t known = atomic_load_explicit(&regex->code, memory_order_acquire);
    if (known)
        return known == BROKEN ? NULL : (pcre2_code *)known;
    pcre2_code *code = compile(pattern, is_caseless);
    if (code)
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it: interpreted, limited */
    uintptr_t mine = code ? (uintptr_t)code : BROKEN;
    if (atomic_compare_exchange_strong(&regex->code, &known, mine))
        return code;
    pcre2_code_free(code);
    return known == BROKEN ? NULL : (pcre2_code *)known;
}

static bool has_match_data(void)
{
    if (!match_data)
        match_data = pcre2_match_data_create(1, NULL);
    if (!match_context) {
        match_context = pcre2_match_context_create(NULL);
        if (match_context) {
            pcre2_set_match_limit(match_context, REGEX_MATCH_LIMIT);
            pcre2_set_depth_limit(match_context, REGEX_MATCH_LIMIT);
        }
    }
    return match_data && match_context;
}

bool regex_match(struct regex *regex, struct slice pattern, bool is_caseless, const char *subject,
                 size_t size)
{
    pcre2_code *code = code_of(regex, pattern, is_caseless);
    if (!code || !has_match_data())
        return false;
    return pcre2_match(code, (PCRE2_SPTR)subject, size, 0, 0, match_data, match_context) >= 0;
}

void regex_done(struct regex *regex)
{
    uintptr_t code = atomic_exchange(&regex->code, 0);
    if (code && code != BROKEN)
        pcre2_code_free((pcre2_code *)code);
}
