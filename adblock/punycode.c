/* RFC 3492 sec. 6.1 (bias) and 6.3 (encoding), one label at a time. */
#include "adblock/punycode.h"

#include "adblock/slice.h"

#include <errno.h>

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS_FIRST = 72, N_FIRST = 128 };
enum { LABEL_POINTS_MAX = 63 };

struct output {
    char *to;
    size_t size, capacity;
};

static int put(struct output *output, char c)
{
    if (output->size + 1 >= output->capacity)
        return -ENOBUFS;
    output->to[output->size++] = c;
    return 0;
}

/* The next code point of UTF-8 (RFC 3629), or -EINVAL. */
static int32_t next_point(struct slice *rest)
{
    const unsigned char *at = (const unsigned char *)rest->data;
    size_t more = at[0] < 0x80 ? 0 : at[0] < 0xc2 ? 4 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
    if (more > 3 || more >= rest->size || at[0] > 0xf4)
        return -EINVAL;
    int32_t point = more == 0 ? at[0] : at[0] & (0x3f >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return -EINVAL;
        point = point << 6 | (at[i] & 0x3f);
    }
    *rest = slice_from(*rest, more + 1);
    return point;
}

static int32_t adapt(int32_t delta, int32_t points, int first)
{
    int32_t k = 0;
    delta = first ? delta / DAMP : delta / 2;
    delta += delta / points;
    for (; delta > ((BASE - T_MIN) * T_MAX) / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

/* One delta as a number of variable length. */
static int put_delta(struct output *output, int32_t delta, int32_t bias)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    int32_t q = delta;
    for (int32_t k = BASE;; k += BASE) {
        int32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
        if (q < t)
            break;
        if (put(output, digits[t + (q - t) % (BASE - t)]) < 0)
            return -ENOBUFS;
        q = (q - t) / (BASE - t);
    }
    return put(output, digits[q]);
}

static int32_t least_from(const int32_t *points, int32_t count, int32_t from)
{
    int32_t least = INT32_MAX;
    for (int32_t i = 0; i < count; i++)
        if (points[i] >= from && points[i] < least)
            least = points[i];
    return least;
}

static int put_points(struct output *output, const int32_t *points, int32_t count)
{
    int32_t n = N_FIRST, delta = 0, bias = BIAS_FIRST, basic = 0, handled;
    for (int32_t i = 0; i < count; i++)
        if (points[i] < N_FIRST && ++basic && put(output, char_lower((char)points[i])) < 0)
            return -ENOBUFS;
    if (basic > 0 && put(output, '-') < 0)
        return -ENOBUFS;
    for (handled = basic; handled < count; delta++, n++) {
        int32_t m = least_from(points, count, n);
        delta += (m - n) * (handled + 1);
        n = m;
        for (int32_t i = 0; i < count; i++) {
            if (points[i] < n)
                delta++;
            if (points[i] != n)
                continue;
            if (put_delta(output, delta, bias) < 0)
                return -ENOBUFS;
            bias = adapt(delta, handled + 1, handled == basic);
            delta = 0;
            handled++;
        }
    }
    return 0;
}

static int put_label(struct output *output, struct slice label)
{
    int32_t points[LABEL_POINTS_MAX], count = 0, is_ascii = 1;
    for (struct slice rest = label; rest.size > 0; count++) {
        if (count == LABEL_POINTS_MAX)
            return -EINVAL;
        points[count] = next_point(&rest);
        if (points[count] < 0)
            return -EINVAL;
        is_ascii &= points[count] < N_FIRST;
    }
    for (int32_t i = 0; is_ascii && i < count; i++)
        if (put(output, char_lower((char)points[i])) < 0)
            return -ENOBUFS;
    if (is_ascii)
        return 0;
    for (const char *prefix = "xn--"; *prefix; prefix++)
        if (put(output, *prefix) < 0)
            return -ENOBUFS;
    return put_points(output, points, count);
}

ssize_t punycode_name(const char *name, size_t size, char *to, size_t capacity)
{
    struct output output = {to, 0, capacity};
    struct slice rest = {name, size}, label;
    for (int first = 1; slice_next(&rest, '.', &label); first = 0) {
        int err = first ? 0 : put(&output, '.');
        if (err == 0)
            err = put_label(&output, label);
        if (err < 0)
            return err;
    }
    if (output.size >= capacity)
        return -ENOBUFS;
    to[output.size] = '\0';
    return (ssize_t)output.size;
}
