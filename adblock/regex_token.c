/* Runs of token characters on the top level between two bytes that are surely there and are no
 * token characters, such as \/ or \. - no quantifier behind, no alternatives anywhere on the top
 * level. */
#include "adblock/regex_token.h"

#include "adblock/token.h"

/* One element of the expression. */
struct element {
    size_t end;
    bool is_literal; /* this one byte and no other */
    char byte;
};

/* Past a class or a group; the pattern's end if it is not closed. */
static size_t skip_class(struct slice text, size_t at)
{
    for (at++; at < text.size && text.data[at] != ']'; at++)
        at += text.data[at] == '\\';
    return at + 1;
}

static size_t skip_group(struct slice text, size_t at)
{
    size_t depth = 0;
    do {
        char c = text.data[at];
        if (c == '[') {
            at = skip_class(text, at);
            continue;
        }
        if (c == '(')
            depth++;
        else if (c == ')')
            depth--;
        at += c == '\\' ? 2 : 1;
    } while (depth > 0 && at < text.size);
    return at;
}

static struct element read_element(struct slice text, size_t at)
{
    char c = text.data[at];
    if (c == '\\') {
        char next = '\0';
        if (at + 1 < text.size)
            next = text.data[at + 1];
        bool is_literal = !char_is_alnum(next) && next != '%' && next != '\0';
        bool is_coded = next == 'x' || next == 'u' || next == 'c'; /* \x2f: more bytes follow */
        return (struct element){is_coded ? text.size : at + 2, is_literal, next};
    }
    if (c == '[')
        return (struct element){skip_class(text, at), false, 0};
    if (c == '(')
        return (struct element){skip_group(text, at), false, 0};
    return (struct element){at + 1, !strchr(".^$*+?{}|", c), c};
}

static bool is_quantified(struct slice text, size_t at)
{
    return at < text.size && strchr("*+?{", text.data[at]);
}

/* Does all that the group matches end in one certain byte that is no token character? */
static bool group_ends_token(struct slice group)
{
    bool ends = false;
    if (group.size < 3 || !slice_ends(group, SLICE(")")) || slice_has(group, '|'))
        return false;
    for (size_t at = slice_starts(group, SLICE("(?:")) ? 3 : 1; at + 1 < group.size;) {
        struct element element = read_element(group, at);
        ends = element.is_literal && element.byte != '?' && element.end + 1 == group.size &&
               !token_is_char(char_lower(element.byte));
        at = element.end;
    }
    return ends;
}

static bool has_alternatives(struct slice text)
{
    for (size_t at = 0; at < text.size;) {
        struct element element = read_element(text, at);
        if (text.data[at] == '|')
            return true;
        at = element.end;
    }
    return false;
}

bool regex_token_next(struct slice pattern, size_t *at, struct slice *ret)
{
    struct slice text = {pattern.data + 1, pattern.size - 2};
    bool is_bounded = false; /* a byte before, and no token character */
    size_t start, run = 0;
    if (*at == 0 && has_alternatives(text))
        *at = text.size;
    for (start = *at; *at < text.size;) {
        struct element element = read_element(text, *at);
        bool is_sure = element.is_literal && !is_quantified(text, element.end);
        bool is_token = is_sure && token_is_char(char_lower(element.byte));
        if (is_token) {
            start = run++ ? start : *at;
            *at = element.end;
            continue;
        }
        size_t end = *at;
        bool is_closed = is_sure && is_bounded && run > 0;
        *at = element.end;
        if (!is_sure && is_quantified(text, element.end)) {
            size_t after = element.end;
            while (is_quantified(text, after))
                after += text.data[after] == '{' ? slice_find(slice_from(text, after), '}') + 1 : 1;
            *at = after;
        }
        bool is_group = text.data[end] == '(' && *at == element.end;
        is_bounded =
            is_sure || (is_group && element.end <= text.size &&
                        group_ends_token((struct slice){text.data + end, element.end - end}));
        run = 0;
        if (is_closed) {
            *ret = (struct slice){text.data + start, end - start};
            /* what closed this one opens the next: look at it again */
            *at = end;
            return true;
        }
    }
    return false;
}
