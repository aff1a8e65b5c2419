/* Evaluation of encoded conditions. The layouts are in condition_layout.h. */
#include "adblock/condition.h"

#include "adblock/address_prefix.h"
#include "adblock/condition_layout.h"

/* The item of that hash, or NULL. */
static const uint64_t *find_host(const struct condition_hosts *hosts, uint64_t hash)
{
    uint32_t from = 0, to = hosts->head.count;
    uint64_t wanted = hash & ~CONDITION_NOT;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        uint64_t item = hosts->items[middle] & ~CONDITION_NOT;
        if (item == wanted)
            return &hosts->items[middle];
        if (item < wanted)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

enum found { NEITHER, AMONG, EXCLUDED };

static enum found find_suffix(const struct condition_hosts *hosts,
                              const struct name_suffix *suffixes, size_t count)
{
    enum found found = NEITHER;
    for (size_t i = count; i-- > 0;) {
        const uint64_t *item = find_host(hosts, suffixes[i].hash);
        if (item && (*item & CONDITION_NOT))
            return EXCLUDED;
        if (item && !hosts->head.has_negative)
            return AMONG;
        found = item ? AMONG : found;
    }
    return found;
}

/* To be kept off weighs more than to be named, whichever name is the longer one. */
bool condition_has_host(const void *condition, const struct condition_host *host)
{
    const struct condition_hosts *hosts = condition;
    enum found found = find_suffix(hosts, host->suffixes, host->suffix_count);
    if (found != EXCLUDED && host->entity_count > 0) {
        enum found entity = find_suffix(hosts, host->entities, host->entity_count);
        found = entity > found ? entity : found;
    }
    return found == NEITHER ? !hosts->head.has_positive : found == AMONG;
}

bool condition_is_positive(const void *condition)
{
    const struct condition_head *head = condition;
    return head->has_positive;
}

static bool is_client(const struct image *image, const struct condition_client *client,
                      const struct filter_name *name)
{
    if (client->family == 0)
        return name->client_name &&
               strcmp(name->client_name, image_string(image, client->text)) == 0;
    return name->client && name->client->family == client->family &&
           address_prefix_has(name->client->ip, client->bits, client->ip);
}

bool condition_has_client(const struct image *image, const void *condition,
                          const struct filter_name *name)
{
    const struct condition_clients *clients = condition;
    bool is_among = !clients->head.has_positive;
    for (uint32_t i = 0; i < clients->head.count; i++) {
        if (!is_client(image, &clients->items[i], name))
            continue;
        if (clients->items[i].is_not)
            return false;
        is_among = true;
    }
    return is_among;
}

bool condition_has_tag(const struct image *image, const void *condition, const char *tags)
{
    const struct condition_words *words = condition;
    bool is_among = !words->head.has_positive;
    for (uint32_t i = 0; i < words->head.count; i++) {
        struct slice wanted = slice_of(image_string(image, words->items[i] >> 1));
        struct slice rest = slice_of(tags), tag;
        bool has = false;
        while (!has && slice_next(&rest, ',', &tag))
            has = slice_equals(slice_trim(tag), wanted);
        if (has && (words->items[i] & 1))
            return false;
        is_among |= has;
    }
    return is_among;
}

bool condition_has_type(const void *condition, uint16_t qtype)
{
    const struct condition_words *types = condition;
    for (uint32_t i = 0; i < types->head.count; i++)
        if (types->items[i] >> 1 == qtype)
            return !(types->items[i] & 1);
    return !types->head.has_positive;
}

const struct condition_answer *condition_answer(const void *condition)
{
    return condition;
}

bool condition_answer_is_null(const struct condition_answer *answer)
{
    static const uint8_t zeros[15] = {0};
    if (answer->family == 4)
        return answer->ip[0] == 127 || memcmp(answer->ip, zeros, 4) == 0;
    return answer->family == 6 && memcmp(answer->ip, zeros, 15) == 0 && answer->ip[15] <= 1;
}

static bool are_texts_sound(const struct image *image, enum rule_condition which,
                            const void *condition)
{
    const struct condition_clients *clients = condition;
    const struct condition_words *words = condition;
    size_t strings = image->sections[IMAGE_STRINGS].count;
    for (uint32_t i = 0; i < clients->head.count; i++) {
        uint32_t text = which == RULE_CLIENT ? clients->items[i].text
                        : which == RULE_CTAG ? words->items[i] >> 1
                                             : 0;
        uint8_t bits = which == RULE_CLIENT ? clients->items[i].bits : 0;
        if (text >= strings || bits > 128)
            return false;
    }
    return true;
}

bool condition_is_sound(const struct image *image, enum rule_condition which, uint32_t at)
{
    static const uint8_t item_bytes[RULE_CONDITIONS] = {
        [RULE_DOMAIN] = sizeof(uint64_t),    [RULE_TO] = sizeof(uint64_t),
        [RULE_DENYALLOW] = sizeof(uint64_t), [RULE_CLIENT] = sizeof(struct condition_client),
        [RULE_CTAG] = sizeof(uint32_t),      [RULE_DNSTYPE] = sizeof(uint32_t),
    };
    size_t size = image->sections[IMAGE_CONDITIONS].count;
    if (at % CONDITION_ALIGNMENT != 0 || at > size)
        return false;
    if (which == RULE_ANSWER)
        return size - at >= sizeof(struct condition_answer) &&
               condition_answer(image_condition(image, at))->text <
                   image->sections[IMAGE_STRINGS].count;
    if (size - at < sizeof(struct condition_head))
        return false;
    const struct condition_head *head = image_condition(image, at);
    return head->count <= (size - at - sizeof(*head)) / item_bytes[which] &&
           are_texts_sound(image, which, head);
}
