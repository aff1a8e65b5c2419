/* Compiled images, altered: a good one is made, the input says which bytes of it to change (two
 * bytes of place, one of value). The checksum is put right, so that what lies behind it is tried.
 * Without an input's own image the place of a byte would mean something else after each change of
 * format. */
#include "adblock/filter_state.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
    "||ads.example^\n@@||ads.example/ok/\n/banner/*/ad.\n/ads[0-9]+\\.js/$script\n"
    "||t.example^$domain=a.*|~b.a.c,script\n@@||page.example^$document\n"
    "||c.example^$client=laptop|10.0.0.0/8,ctag=a|b,dnstype=A\n||r.example^$dnsrewrite=1.2.3.4\n"
    "||r.example^$dnsrewrite=NOERROR;TXT;text\n0.0.0.0 hosts.example\n*aa*bb*\n";

static const struct filter *good(void)
{
    static struct filter *filter;
    struct filter_source source = {
        .name = "rules", .format = FILTER_ADBLOCK, .text = rules, .size = sizeof(rules) - 1};
    if (!filter && filter_compile(&source, 1, "com\nco.uk\n", 10, &filter, NULL) < 0)
        abort();
    return filter;
}

static void ask(const struct filter *filter)
{
    static const char *const urls[] = {"https://ads.example/ok/banner/x/ad.js",
                                       "https://t.example/ads12.js?aa=bb", "https://x.b.a.c/"};
    static const char *const hosts[] = {"ads.example", "c.example", "r.example", "hosts.example"};
    struct verdict verdict;
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    char list[16], rule[64];
    for (size_t i = 0; i < 3; i++) {
        struct filter_request request = {.url = urls[i],
                                         .url_size = strlen(urls[i]),
                                         .source_url = "https://page.example/",
                                         .source_url_size = 21,
                                         .type = FILTER_TYPE_SCRIPT,
                                         .method = "GET"};
        filter_ask_request(filter, &request, &verdict);
        filter_describe(filter, &verdict, "t.example", list, sizeof(list), rule, sizeof(rule));
    }
    for (size_t i = 0; i < 4; i++) {
        struct filter_name name = {.host = hosts[i], .qtype = 1, .client_name = "laptop"};
        filter_ask_name(filter, &name, &verdict);
        filter_answers(filter, &name, &verdict, answers, FILTER_ANSWERS_MAX);
    }
    filter_stats(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct image *image = &good()->image;
    struct filter *filter;
    uint8_t *copy = aligned_alloc(64, image->size);
    if (!copy)
        return 0;
    memcpy(copy, image->data, image->size);
    for (size_t i = 0; i + 3 <= size; i += 3)
        copy[((size_t)data[i] << 8 | data[i + 1]) % image->size] = data[i + 2];
    image_seal(copy, image->size);
    if (filter_from_image(copy, image->size, false, &filter) < 0) {
        free(copy);
        return 0;
    }
    ask(filter);
    filter_unref(filter);
    return 0;
}
