/* Lists of every format (the first byte chooses), compiled and asked about names and URLs of their
 * own text. */
#include "adblock/filter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FORMATS = FILTER_ADBLOCK + 1, SUBJECT_MAX = 64 };

static void on_match(void *owner, const struct verdict *match)
{
    char list[8], rule[32];
    filter_describe(owner, match, "a.example.org", list, sizeof(list), rule, sizeof(rule));
}

static void ask(const struct filter *filter, const char *text, size_t size)
{
    char host[SUBJECT_MAX + 1], url[SUBJECT_MAX + 16];
    struct verdict verdict;
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    size_t length = size < SUBJECT_MAX ? size : SUBJECT_MAX;
    memcpy(host, text, length);
    host[length] = '\0';
    struct filter_name name = {
        .host = host, .qtype = 1, .client_name = "laptop", .client_tags = "device_pc,user_child"};
    filter_ask_name(filter, &name, &verdict);
    filter_answers(filter, &name, &verdict, answers, FILTER_ANSWERS_MAX);
    memcpy(url, "https://", 8);
    memcpy(url + 8, text, length);
    struct filter_request request = {.url = url,
                                     .url_size = 8 + length,
                                     .source_url = "https://example.org/",
                                     .source_url_size = 20,
                                     .method = "GET"};
    filter_ask_request(filter, &request, &verdict);
    filter_explain_request(filter, &request, on_match, (void *)filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct filter *filter;
    if (size == 0)
        return 0;
    struct filter_source source = {.name = "fuzz",
                                   .category = "ads",
                                   .format = (enum filter_format)(data[0] % FORMATS),
                                   .text = (const char *)data + 1,
                                   .size = size - 1};
    if (filter_compile(&source, 1, source.text, source.size, &filter, NULL) < 0)
        return 0;
    for (size_t at = 0; at < source.size; at += 1 + source.size / 4)
        ask(filter, source.text + at, source.size - at);
    ask(filter, "a.example.org/x.js", 18);
    filter_unref(filter);
    return 0;
}
