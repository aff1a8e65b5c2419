/* RFC 1035 sec. 3.3, RFC 2782, RFC 9460 sec. 2.1. */
#include "adblock/record_data.h"

#include "base/endpoint.h"

enum {
    TYPE_NS = 2,
    TYPE_CNAME = 5,
    TYPE_PTR = 12,
    TYPE_MX = 15,
    TYPE_SRV = 33,
    TYPE_DNAME = 39,
    TYPE_SVCB = 64,
    TYPE_HTTPS = 65,
};
enum { LABEL_BYTES_MAX = 63 };

bool record_data_is_target(struct slice name)
{
    struct slice rest = name, label;
    if (slice_ends(name, SLICE(".")))
        rest.size--;
    if (rest.size == 0 || rest.size > NAME_MAX_BYTES)
        return false;
    while (slice_next(&rest, '.', &label)) {
        if (label.size == 0 || label.size > LABEL_BYTES_MAX || label.data[0] == '-')
            return false;
        for (size_t i = 0; i < label.size; i++)
            if (!char_is_alnum(label.data[i]) && label.data[i] != '-' && label.data[i] != '_')
                return false;
    }
    return true;
}

/* So many numbers, then a name, or the root. What stands behind is left in *rest. */
static bool take_numbers_and_target(struct slice *rest, int numbers)
{
    struct slice word;
    for (int i = 0; i < numbers; i++)
        if (!slice_word(rest, &word) || slice_number(word, UINT16_MAX) < 0)
            return false;
    return slice_word(rest, &word) &&
           (slice_equals(word, SLICE(".")) || record_data_is_target(word));
}

static bool is_alias(struct slice text)
{
    if (slice_starts(text, SLICE("*."))) /* zones put the asked name in that place */
        text = slice_from(text, 2);
    return record_data_is_target(text);
}

bool record_data_is_sound(unsigned type, struct slice text)
{
    struct slice rest = text;
    switch (type) {
    case TYPE_CNAME: return is_alias(text);
    case TYPE_NS:
    case TYPE_PTR:
    case TYPE_DNAME: return record_data_is_target(text);
    case TYPE_MX: return take_numbers_and_target(&rest, 1) && slice_trim(rest).size == 0;
    case TYPE_SRV: return take_numbers_and_target(&rest, 3) && slice_trim(rest).size == 0;
    case TYPE_SVCB:
    case TYPE_HTTPS: return take_numbers_and_target(&rest, 1);
    default: return true;
    }
}
