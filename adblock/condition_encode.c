/* From a modifier's value to its layout. */
#include "adblock/condition.h"

#include "adblock/address_prefix.h"
#include "adblock/condition_layout.h"
#include "adblock/punycode.h"
#include "adblock/record_data.h"
#include "adblock/record_type.h"

#include <errno.h>
#include <stdlib.h>

enum {
    WORD_MAX = 256,
    ANSWER_MAX = 1024,
    RCODE_NOERROR = 0,
    TYPE_A = 1,
    TYPE_CNAME = 5,
    TYPE_TXT = 16,
    TYPE_AAAA = 28
};

struct encoding {
    struct growing *conditions, *strings;
    uint64_t seed;
    size_t start;
    const char *reason;
};

static int refuse(struct encoding *encoding, const char *reason)
{
    encoding->reason = reason;
    return -EINVAL;
}

static uint32_t add_string(struct encoding *encoding, struct slice text)
{
    size_t at = growing_append(encoding->strings, text.data, text.size);
    growing_add(encoding->strings, 1);
    return (uint32_t)at;
}

static struct condition_head *head(struct encoding *encoding)
{
    return (struct condition_head *)(encoding->conditions->data + encoding->start);
}

/* One more item counted; `item` is zeroed memory, NULL without memory. */
static void *add_item(struct encoding *encoding, size_t size, bool is_not)
{
    void *item = growing_add(encoding->conditions, size);
    if (item) {
        head(encoding)->count++;
        head(encoding)->has_positive |= !is_not;
        head(encoding)->has_negative |= is_not;
    }
    return item;
}

/* The next part of a list of words divided by |, where \ makes the next character an ordinary one
 * and quotes may stand around. The word is unescaped in `to`. */
static bool next_word(struct slice *rest, char to[WORD_MAX], struct slice *ret, bool *ret_is_not)
{
    size_t size = 0, i = 0;
    if (!rest->data)
        return false;
    *ret_is_not = slice_starts(*rest, SLICE("~"));
    for (i = *ret_is_not; i < rest->size && rest->data[i] != '|'; i++) {
        i += rest->data[i] == '\\' && i + 1 < rest->size;
        if (size < WORD_MAX)
            to[size++] = rest->data[i];
    }
    *rest = i < rest->size ? slice_from(*rest, i + 1) : (struct slice){NULL, 0};
    *ret = slice_trim((struct slice){to, size});
    if (ret->size >= 2 && (ret->data[0] == '"' || ret->data[0] == '\'') &&
        ret->data[ret->size - 1] == ret->data[0])
        *ret = (struct slice){ret->data + 1, ret->size - 2};
    return true;
}

static int hash_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a & ~CONDITION_NOT, y = *(const uint64_t *)b & ~CONDITION_NOT;
    return x < y ? -1 : x > y;
}

static bool is_host(struct slice name)
{
    if (slice_starts(name, SLICE(".")) || slice_ends(name, SLICE(".")))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (!char_is_alnum(c) && !strchr("-_.[]:", c) && !(c & 0x80))
            return false;
    }
    return name.size > 0;
}

static int encode_host(struct encoding *encoding, struct slice name, bool is_not)
{
    char spelled[WORD_MAX];
    uint64_t seed = encoding->seed;
    if (slice_ends(name, SLICE(".*"))) {
        name.size -= 2;
        seed ^= CONDITION_ENTITY_SALT;
    }
    if (!is_host(name))
        return refuse(encoding, "a domain that cannot be read");
    ssize_t size = punycode_name(name.data, name.size, spelled, sizeof(spelled));
    if (size < 0)
        return refuse(encoding, "a domain that cannot be read");
    uint64_t *item = add_item(encoding, sizeof(*item), is_not);
    if (item)
        *item = (name_hash(spelled, (size_t)size, seed) & ~CONDITION_NOT) |
                (is_not ? CONDITION_NOT : 0);
    return 0;
}

/* "a|~a" keeps off. */
static void drop_twins(struct encoding *encoding, struct condition_hosts *hosts)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < hosts->head.count; i++) {
        uint64_t item = hosts->items[i];
        if (kept > 0 && hash_order(&hosts->items[kept - 1], &item) == 0)
            hosts->items[kept - 1] |= item & CONDITION_NOT;
        else
            hosts->items[kept++] = item;
    }
    encoding->conditions->size -= (hosts->head.count - kept) * sizeof(hosts->items[0]);
    hosts->head.count = kept;
}

static int encode_hosts(struct encoding *encoding, struct slice value, bool may_negate)
{
    struct slice name;
    while (slice_next(&value, '|', &name)) {
        name = slice_trim(name);
        bool is_not = slice_starts(name, SLICE("~"));
        if (is_not && !may_negate)
            return refuse(encoding, "a domain that cannot be negated");
        int err = encode_host(encoding, slice_from(name, is_not), is_not);
        if (err < 0)
            return err;
    }
    if (encoding->conditions->failed)
        return -ENOMEM;
    struct condition_hosts *hosts = (struct condition_hosts *)head(encoding);
    qsort(hosts->items, hosts->head.count, sizeof(hosts->items[0]), hash_order);
    drop_twins(encoding, hosts);
    return 0;
}

static bool read_client_address(struct slice word, struct condition_client *client)
{
    struct address address;
    if (address_prefix_parse(word, &address, &client->bits) < 0)
        return false;
    client->family = address.family;
    memcpy(client->ip, address.ip, sizeof(client->ip));
    return true;
}

static int encode_clients(struct encoding *encoding, struct slice value)
{
    char text[WORD_MAX];
    struct slice word;
    bool is_not;
    while (next_word(&value, text, &word, &is_not)) {
        if (word.size == 0)
            return refuse(encoding, "an empty client");
        struct condition_client client = {.is_not = is_not};
        if (!read_client_address(word, &client))
            client.text = add_string(encoding, word);
        struct condition_client *item = add_item(encoding, sizeof(*item), is_not);
        if (item)
            *item = client;
    }
    return 0;
}

static int encode_tags(struct encoding *encoding, struct slice value)
{
    char text[WORD_MAX];
    struct slice word;
    bool is_not;
    while (next_word(&value, text, &word, &is_not)) {
        if (word.size == 0)
            continue;
        uint32_t at = add_string(encoding, word);
        uint32_t *item = add_item(encoding, sizeof(*item), is_not);
        if (item)
            *item = at << 1 | is_not;
    }
    if (head(encoding)->count == 0 && !encoding->conditions->failed)
        return refuse(encoding, "no tag");
    return 0;
}

static int encode_types(struct encoding *encoding, struct slice value)
{
    struct slice word;
    while (slice_next(&value, '|', &word)) {
        bool is_not = slice_starts(word, SLICE("~"));
        int type = record_type_parse(slice_from(word, is_not));
        if (type < 0)
            return refuse(encoding, "an unknown record type");
        uint32_t *item = add_item(encoding, sizeof(*item), is_not);
        if (item)
            *item = (uint32_t)type << 1 | is_not;
    }
    return 0;
}

static bool read_address(struct slice text, struct condition_answer *answer)
{
    struct condition_client address = {0};
    if (slice_has(text, '/') || !read_client_address(text, &address))
        return false;
    answer->family = address.family;
    memcpy(answer->ip, address.ip, sizeof(answer->ip));
    return true;
}

/* The codes that need not be written as "CODE;;". */
static bool is_short_code(struct slice word)
{
    return slice_equals(word, SLICE("NOERROR")) || slice_equals(word, SLICE("NXDOMAIN")) ||
           slice_equals(word, SLICE("REFUSED")) || slice_equals(word, SLICE("SERVFAIL"));
}

/* The short form: an address, a name, or a code in capitals. */
static int read_short_answer(struct encoding *encoding, struct slice value, uint32_t flags,
                             struct condition_answer *answer)
{
    bool is_capital = true;
    for (size_t i = 0; i < value.size; i++)
        is_capital &= value.data[i] >= 'A' && value.data[i] <= 'Z';
    if (value.size == 0) { /* in an exception: whatever answer; else one with no record in it */
        answer->kind = flags & RULE_EXCEPTION ? CONDITION_ANSWER_ANY : FILTER_ANSWER_RCODE;
        answer->rcode = RCODE_NOERROR;
        return 0;
    }
    if ((flags & RULE_MOST_SPECIFIC) && slice_equals(value, SLICE("DROP"))) {
        answer->kind = FILTER_ANSWER_DROP;
        return 0;
    }
    if ((flags & RULE_MOST_SPECIFIC) && slice_equals(value, SLICE("TCP-ONLY"))) {
        answer->kind = FILTER_ANSWER_TCP_ONLY;
        return 0;
    }
    if (is_capital) {
        int rcode = is_short_code(value) ? rcode_parse(value) : -EINVAL;
        if (rcode < 0)
            return refuse(encoding, "an unknown answer code");
        answer->kind = FILTER_ANSWER_RCODE;
        answer->rcode = (uint16_t)rcode;
        return 0;
    }
    if (read_address(value, answer)) {
        answer->kind = FILTER_ANSWER_RECORD;
        answer->type = answer->family == 4 ? TYPE_A : TYPE_AAAA;
        return 0;
    }
    if (!record_data_is_target(value))
        return refuse(encoding, "an answer that is no address, name or code");
    answer->kind = FILTER_ANSWER_CNAME;
    answer->text = add_string(encoding, value);
    return 0;
}

/* "CODE;TYPE;VALUE" */
static int read_long_answer(struct encoding *encoding, struct slice value,
                            struct condition_answer *answer)
{
    struct slice code, type_name, data = value;
    slice_next(&data, ';', &code);
    if (!slice_next(&data, ';', &type_name) || !data.data)
        return refuse(encoding, "an answer of other than one or three parts");
    int rcode = rcode_parse(code);
    if (rcode < 0)
        return refuse(encoding, "an unknown answer code");
    answer->kind = FILTER_ANSWER_RCODE;
    answer->rcode = (uint16_t)rcode;
    if (rcode != RCODE_NOERROR || (type_name.size == 0 && data.size == 0))
        return 0;
    int type = record_type_parse(type_name);
    if (type < 0)
        return refuse(encoding, "an unknown record type");
    answer->kind = type == TYPE_CNAME ? FILTER_ANSWER_CNAME : FILTER_ANSWER_RECORD;
    answer->type = (uint16_t)type;
    if (type == TYPE_A || type == TYPE_AAAA) {
        if (!read_address(data, answer) || answer->family != (type == TYPE_A ? 4 : 6))
            return refuse(encoding, "an address that cannot be read");
    } else if ((data.size == 0 && type != TYPE_TXT) ||
               data.size >= sizeof(((struct filter_answer *)0)->text)) {
        return refuse(encoding, "a record without data, or with too much");
    } else if (!record_data_is_sound((unsigned)type, data)) {
        return refuse(encoding, "a record that nobody could send");
    } else {
        answer->text = add_string(encoding, data);
    }
    return 0;
}

/* A comma that belongs to the answer, not to the rule's modifiers, has a backslash in front. */
static struct slice without_escapes(struct slice value, char to[ANSWER_MAX])
{
    size_t size = 0;
    if (!slice_has(value, '\\') || value.size > ANSWER_MAX)
        return value;
    for (size_t i = 0; i < value.size; i++) {
        char next = i + 1 < value.size ? value.data[i + 1] : '\0';
        if (value.data[i] == '\\' && next == ',')
            continue;
        to[size++] = value.data[i];
        if (value.data[i] == '\\' && next == '\\')
            to[size++] = value.data[++i];
    }
    return (struct slice){to, size};
}

static int encode_answer(struct encoding *encoding, struct slice value, uint32_t flags)
{
    char unescaped[ANSWER_MAX];
    struct condition_answer answer = {0};
    value = without_escapes(value, unescaped);
    encoding->conditions->size = encoding->start; /* has no head */
    int err = slice_has(value, ';') ? read_long_answer(encoding, value, &answer)
                                    : read_short_answer(encoding, value, flags, &answer);
    if (err < 0)
        return err;
    growing_append(encoding->conditions, &answer, sizeof(answer));
    return 0;
}

static int encode(struct encoding *encoding, enum rule_condition which, struct slice value,
                  uint32_t flags)
{
    switch (which) {
    case RULE_DOMAIN:
    case RULE_TO: return encode_hosts(encoding, value, true);
    case RULE_DENYALLOW: return encode_hosts(encoding, value, false);
    case RULE_CLIENT: return encode_clients(encoding, value);
    case RULE_CTAG: return encode_tags(encoding, value);
    case RULE_DNSTYPE: return encode_types(encoding, value);
    case RULE_ANSWER: return encode_answer(encoding, value, flags);
    case RULE_CONDITIONS: break;
    }
    return -EINVAL;
}

int condition_encode(enum rule_condition which, struct slice value, uint32_t flags, uint64_t seed,
                     struct growing *conditions, struct growing *strings, const char **ret_reason)
{
    growing_align(conditions, CONDITION_ALIGNMENT);
    struct encoding encoding = {conditions, strings, seed, conditions->size, NULL};
    growing_add(conditions, sizeof(struct condition_head));
    int err = conditions->failed ? -ENOMEM : encode(&encoding, which, value, flags);
    if (err == 0 && (conditions->failed || strings->failed))
        err = -ENOMEM;
    if (err < 0) {
        conditions->size = encoding.start;
        if (encoding.reason)
            *ret_reason = encoding.reason;
    }
    return err;
}
