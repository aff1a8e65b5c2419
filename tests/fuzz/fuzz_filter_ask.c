/* URLs, pages and names of any bytes, asked of rules of every kind. Two bytes choose the type and
 * where the page's URL begins. */
#include "adblock/filter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
    "||ads.example^\n@@||ads.example/ok/\n/banner/*/ad.\n|https://x.\n.swf|\n^ad^\n"
    "/ads[0-9]+\\.(js|css)/$script,image\n/^https?:\\/\\/[a-z]{5}\\.net\\//\n/(a+)+$/\n"
    "||*.track.example^\n*$script,third-party,denyallow=ok.example\n||t.example^$domain=a.*|~b.a."
    "c\n"
    "@@||page.example^$document\n@@||page2.example^$genericblock\n||t.example^$important\n"
    "||m.example^$match-case\n||n.example/"
    "Aa$match-case\n||to.example^$to=a.to.example,method=post\n"
    "||p.example^$strict3p\n||[2001:db8::1]^\nexample.org\n0.0.0.0 hosts.example\n"
    "||c.example^$client=laptop|10.0.0.0/8,ctag=a,dnstype=A\n||r.example^$dnsrewrite=1.2.3.4\n"
    "*aa*bb*cc*|\n||d*e^f|\n";

static struct filter *filter_once(void)
{
    static struct filter *filter;
    struct filter_source source = {
        .name = "rules", .format = FILTER_ADBLOCK, .text = rules, .size = sizeof(rules) - 1};
    if (!filter && filter_compile(&source, 1, "com\n*.ck\n!www.ck\nco.uk\n", 23, &filter, NULL) < 0)
        abort();
    return filter;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct filter *filter = filter_once();
    struct verdict verdict;
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 2;
    size_t url_size = (size - 2) * data[1] / 255;
    struct filter_request request = {.url = text,
                                     .url_size = url_size,
                                     .source_url = text + url_size,
                                     .source_url_size = size - 2 - url_size,
                                     .type = (enum filter_type)(data[0] % (FILTER_TYPE_OBJECT + 1)),
                                     .method = "GET"};
    filter_ask_request(filter, &request, &verdict);
    char *host = malloc(size - 1);
    if (!host)
        return 0;
    memcpy(host, text, size - 2);
    host[size - 2] = '\0';
    struct filter_name name = {.host = host, .qtype = data[1]};
    filter_ask_name(filter, &name, &verdict);
    free(host);
    return 0;
}
