/* One question a line. */
#include "adblock/tool/batch.h"

#include "adblock/punycode.h"
#include "adblock/record_type.h"
#include "adblock/url.h"
#include "base/cleanup.h"

enum {
    COLUMNS_MAX = 5,
    RULE_TEXT_MAX = 65536,
    LIST_TEXT_MAX = 4096,
    HOST_TEXT_MAX = 512,
    URL_TEXT_MAX = URL_MAX_BYTES + HOST_TEXT_MAX,
};

struct row {
    struct slice columns[COLUMNS_MAX];
};

static const char *const actions[] = {
    [VERDICT_NONE] = "none", [VERDICT_ALLOW] = "allow",     [VERDICT_BLOCK] = "block",
    [VERDICT_HOST] = "host", [VERDICT_REWRITE] = "rewrite",
};

static struct row read_row(char *line, ssize_t size)
{
    struct row row = {0};
    struct slice rest = {line, (size_t)size};
    if (slice_starts(rest, SLICE("\xef\xbb\xbf")))
        rest = slice_from(rest, 3);
    while (rest.size > 0 && (slice_ends(rest, SLICE("\n")) || slice_ends(rest, SLICE("\r"))))
        rest.size--;
    for (int i = 0; i < COLUMNS_MAX; i++)
        if (!slice_next(&rest, '\t', &row.columns[i]))
            row.columns[i] = SLICE("");
    return row;
}

/* As rules, browsers' extensions and Sec-Fetch-Dest spell them. */
static enum filter_type parse_type(struct slice name)
{
    static const struct {
        struct slice name;
        enum filter_type type;
    } types[] = {
        {SLICE("document"), FILTER_TYPE_DOCUMENT},
        {SLICE("doc"), FILTER_TYPE_DOCUMENT},
        {SLICE("main_frame"), FILTER_TYPE_DOCUMENT},
        {SLICE("subdocument"), FILTER_TYPE_SUBDOCUMENT},
        {SLICE("sub_frame"), FILTER_TYPE_SUBDOCUMENT},
        {SLICE("frame"), FILTER_TYPE_SUBDOCUMENT},
        {SLICE("iframe"), FILTER_TYPE_SUBDOCUMENT},
        {SLICE("script"), FILTER_TYPE_SCRIPT},
        {SLICE("image"), FILTER_TYPE_IMAGE},
        {SLICE("imageset"), FILTER_TYPE_IMAGE},
        {SLICE("stylesheet"), FILTER_TYPE_STYLESHEET},
        {SLICE("css"), FILTER_TYPE_STYLESHEET},
        {SLICE("style"), FILTER_TYPE_STYLESHEET},
        {SLICE("font"), FILTER_TYPE_FONT},
        {SLICE("media"), FILTER_TYPE_MEDIA},
        {SLICE("audio"), FILTER_TYPE_MEDIA},
        {SLICE("video"), FILTER_TYPE_MEDIA},
        {SLICE("xmlhttprequest"), FILTER_TYPE_XMLHTTPREQUEST},
        {SLICE("xhr"), FILTER_TYPE_XMLHTTPREQUEST},
        {SLICE("fetch"), FILTER_TYPE_XMLHTTPREQUEST},
        {SLICE("websocket"), FILTER_TYPE_WEBSOCKET},
        {SLICE("ping"), FILTER_TYPE_PING},
        {SLICE("beacon"), FILTER_TYPE_PING},
        {SLICE("object"), FILTER_TYPE_OBJECT},
        {SLICE("embed"), FILTER_TYPE_OBJECT},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (slice_equals_fold(name, types[i].name))
            return types[i].type;
    return FILTER_TYPE_OTHER;
}

static void print_verdict(const struct filter *filter, const struct verdict *verdict,
                          const char *host)
{
    static char list[LIST_TEXT_MAX], rule[RULE_TEXT_MAX];
    filter_describe(filter, verdict, host, list, sizeof(list), rule, sizeof(rule));
    for (char *c = rule; (c = strchr(c, '\t'));)
        *c = ' '; /* columns stay columns */
    printf("%s\t%s\t%s", actions[verdict->action], rule, list);
}

static void ask_request(const struct filter *filter, const struct filter_request *request)
{
    char host[HOST_TEXT_MAX];
    struct verdict verdict;
    filter_ask_request(filter, request, &verdict);
    struct slice name =
        url_host((struct slice){request->url, request->url_size}, host, sizeof(host));
    print_verdict(filter, &verdict, name.size ? host : "");
    putchar('\n');
}

static struct filter_request request_of(struct slice url, struct slice source, struct slice type)
{
    return (struct filter_request){.url = url.data,
                                   .url_size = url.size,
                                   .source_url = source.data,
                                   .source_url_size = source.size,
                                   .type = parse_type(type),
                                   .method = "GET"};
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] & 0x80)
            return false;
    return true;
}

/* The host as it stands in requests: letters beyond ASCII spelled for DNS. */
static struct slice spell_url(struct slice url, char to[URL_TEXT_MAX])
{
    static char lower[URL_MAX_BYTES + URL_PADDING];
    struct url split;
    if (is_ascii(url))
        return url;
    url_split(url, lower, &split);
    struct slice host = {url.data + split.host, split.host_end - split.host};
    struct slice rest = slice_from(split.text, split.host_end);
    ssize_t size = punycode_name(host.data, host.size, to + split.host, HOST_TEXT_MAX);
    if (size < 0)
        return url;
    memcpy(to, url.data, split.host);
    memcpy(to + split.host + size, rest.data, rest.size);
    return (struct slice){to, split.host + (size_t)size + rest.size};
}

int batch_requests(const struct filter *filter, const struct tool_options *options)
{
    static char urls[2][URL_TEXT_MAX];
    _free_ char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    (void)options;
    for (bool is_first = true; (size = getline(&line, &capacity, stdin)) > 0; is_first = false) {
        struct row row = read_row(line, size);
        if (is_first && slice_equals_fold(row.columns[0], SLICE("url")))
            continue;
        struct slice url = spell_url(slice_trim(row.columns[0]), urls[0]),
                     source = spell_url(slice_trim(row.columns[1]), urls[1]);
        struct filter_request request = request_of(url, source, slice_trim(row.columns[2]));
        ask_request(filter, &request);
    }
    return ferror(stdin) != 0;
}

static void print_answer(const struct filter_answer *answer)
{
    char address[ADDRESS_TEXT_MAX];
    const char *rcode = rcode_name(answer->rcode), *type = record_type_name(answer->type);
    switch (answer->kind) {
    case FILTER_ANSWER_RECORD:
        printf("%s;%s;%s", rcode, type ? type : "",
               answer->address.family ? address_format_ip(&answer->address, address)
                                      : answer->text);
        break;
    case FILTER_ANSWER_CNAME: printf("NOERROR;CNAME;%s", answer->text); break;
    case FILTER_ANSWER_RCODE: printf("%s;;", rcode); break;
    case FILTER_ANSWER_DROP: printf("DROP"); break;
    case FILTER_ANSWER_TCP_ONLY: printf("TCP-ONLY"); break;
    }
}

static void print_answers(const struct filter *filter, const struct filter_name *name,
                          const struct verdict *verdict)
{
    struct filter_answer answers[FILTER_ANSWERS_MAX];
    size_t count = filter_answers(filter, name, verdict, answers, FILTER_ANSWERS_MAX);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "\t", stdout);
        print_answer(&answers[i]);
    }
}

/* As DNS spells it: lower case, no dot at the end. */
static const char *fold_host(struct slice host, char to[HOST_TEXT_MAX])
{
    host = slice_trim(host);
    if (slice_ends(host, SLICE(".")))
        host.size--;
    if (!is_ascii(host) && punycode_name(host.data, host.size, to, HOST_TEXT_MAX) >= 0)
        return to;
    if (!slice_copy(host, to, HOST_TEXT_MAX))
        to[0] = '\0';
    for (char *c = to; *c; c++)
        *c = char_lower(*c);
    return to;
}

/* A, where nothing or nothing known is said. */
static int read_type(struct slice column)
{
    struct slice word = slice_trim(column);
    long number = slice_number(word, UINT16_MAX);
    int type = number >= 0 ? (int)number : record_type_parse(word);
    return type > 0 ? type : 1;
}

static void ask_name(const struct filter *filter, const struct row *row)
{
    char host[HOST_TEXT_MAX], client[ADDRESS_TEXT_MAX], client_name[HOST_TEXT_MAX],
        tags[HOST_TEXT_MAX];
    struct address address;
    struct verdict verdict;
    int qtype = read_type(row->columns[1]);
    struct filter_name name = {.host = fold_host(row->columns[0], host), .qtype = (uint16_t)qtype};
    if (slice_copy(slice_trim(row->columns[2]), client, sizeof(client)) &&
        address_parse_ip(client, &address) == 0)
        name.client = &address;
    if (row->columns[3].size && slice_copy(row->columns[3], client_name, sizeof(client_name)))
        name.client_name = client_name;
    if (row->columns[4].size && slice_copy(row->columns[4], tags, sizeof(tags)))
        name.client_tags = tags;
    filter_ask_name(filter, &name, &verdict);
    print_verdict(filter, &verdict, host);
    if (verdict.action == VERDICT_HOST || verdict.action == VERDICT_REWRITE)
        print_answers(filter, &name, &verdict);
    putchar('\n');
}

/* "host" may be asked for, too: as a heading it has no record type beside it. */
static bool is_heading(const struct row *row)
{
    struct slice type = slice_trim(row->columns[1]);
    return slice_equals_fold(row->columns[0], SLICE("host")) && record_type_parse(type) < 0 &&
           slice_number(type, UINT16_MAX) < 0;
}

int batch_names(const struct filter *filter, const struct tool_options *options)
{
    _free_ char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    (void)options;
    for (bool is_first = true; (size = getline(&line, &capacity, stdin)) > 0; is_first = false) {
        struct row row = read_row(line, size);
        if (!is_first || !is_heading(&row))
            ask_name(filter, &row);
    }
    return ferror(stdin) != 0;
}

struct explanation {
    const struct filter *filter;
    const char *host;
};

static void print_match(void *owner, const struct verdict *match)
{
    const struct explanation *explanation = owner;
    fputs("match\t", stdout);
    print_verdict(explanation->filter, match, explanation->host);
    putchar('\n');
}

int batch_explain(const struct filter *filter, const struct tool_options *options)
{
    static char url[URL_TEXT_MAX];
    char host[HOST_TEXT_MAX];
    struct slice subject = spell_url(slice_of(options->subject), url);
    struct explanation explanation = {filter, host};
    fputs("verdict\t", stdout);
    if (strstr(options->subject, "://")) {
        struct filter_request request =
            request_of(subject, slice_of(options->source ? options->source : ""),
                       slice_of(options->type ? options->type : "other"));
        ask_request(filter, &request);
        url_host(subject, host, sizeof(host));
        filter_explain_request(filter, &request, print_match, &explanation);
    } else {
        struct row row = {{subject, SLICE("A"), SLICE(""), SLICE(""), SLICE("")}};
        struct filter_name name = {.host = host, .qtype = 1};
        ask_name(filter, &row);
        fold_host(subject, host);
        filter_explain_name(filter, &name, print_match, &explanation);
    }
    return 0;
}
