/* A question about an HTTP request: is there a block; if so, an exception; if so, is the block an
 * important one. Most requests end at the first question. */
#include "adblock/filter_state.h"
#include "adblock/rule_option.h"
#include "adblock/site.h"
#include "adblock/url.h"

enum { HOST_MAX = 256, REPORTED_MAX = 256 };

/* What is asked, or, for exceptions of a page, the page itself as if it were asked. */
struct request {
    const struct filter *filter;
    struct url url;
    struct pattern_subject subject;
    struct site *host, *page;
    uint32_t type; /* bit */
    const char *method;
    bool is_party_known, is_third_party;
};

/* A search through one group of rules. */
struct search {
    struct request *request;
    uint32_t with;             /* flags that the rule must have */
    bool no_generic;           /* only rules for certain pages */
    const char *original;      /* the URL as it was asked */
    filter_match_fn *on_match; /* explain: all, not the first */
    void *owner;
    struct verdict found;
    uint32_t found_flags;
    bool is_found;
};

/* A page is nobody's part, wherever the link to it was. */
static bool is_third_party(struct request *request)
{
    if (!request->is_party_known) {
        request->is_third_party = request->type != 1U << FILTER_TYPE_DOCUMENT &&
                                  request->page->count > 0 &&
                                  site_hash(request->host) != site_hash(request->page);
        request->is_party_known = true;
    }
    return request->is_third_party;
}

/* Where a link to a page was on another site, the page is no party of that site at all. */
static bool is_first_party(struct request *request)
{
    if (request->type != 1U << FILTER_TYPE_DOCUMENT)
        return !is_third_party(request);
    return request->page->count == 0 || site_hash(request->host) == site_hash(request->page);
}

static bool is_party_met(struct request *request, uint32_t flags)
{
    uint32_t parties = RULE_FIRST_PARTY | RULE_THIRD_PARTY | RULE_STRICT_FIRST | RULE_STRICT_THIRD;
    if (!(flags & parties))
        return true;
    bool is_same_host = site_host_hash(request->host) == site_host_hash(request->page);
    if ((flags & RULE_STRICT_FIRST) && !is_same_host)
        return false;
    if ((flags & RULE_STRICT_THIRD) && is_same_host)
        return false;
    if ((flags & RULE_FIRST_PARTY) && !is_first_party(request))
        return false;
    return !(flags & RULE_THIRD_PARTY) || is_third_party(request);
}

static bool is_host_met(const struct request *request, uint32_t at, struct site *site)
{
    return !at || site_meets(site, image_condition(&request->filter->image, at));
}

/* A hosts line or a zone's answer that points elsewhere blocks nothing. */
static bool is_block(const struct image *image, const struct image_traits *traits)
{
    if (!traits->conditions[RULE_ANSWER])
        return true;
    const struct condition_answer *answer =
        condition_answer(image_condition(image, traits->conditions[RULE_ANSWER]));
    return answer->kind == FILTER_ANSWER_RCODE || answer->kind == FILTER_ANSWER_DROP ||
           (answer->kind == FILTER_ANSWER_RECORD && condition_answer_is_null(answer));
}

static bool is_generic(const struct request *request, const struct image_traits *traits)
{
    uint32_t at = traits->conditions[RULE_DOMAIN];
    return !at || !condition_is_positive(image_condition(&request->filter->image, at));
}

/* Cheap questions, which most candidates fail at, before the pattern; dear ones behind it. */
static bool is_worth_it(const struct search *search, const struct image_traits *traits)
{
    const struct request *request = search->request;
    return (traits->types & request->type) && (traits->flags & search->with) == search->with &&
           (!traits->methods || (traits->methods & rule_method_bit(slice_of(request->method))));
}

static bool is_met(const struct search *search, const struct image_traits *traits)
{
    struct request *request = search->request;
    const uint32_t *conditions = traits->conditions;
    if (!is_party_met(request, traits->flags))
        return false;
    if (search->no_generic && is_generic(request, traits))
        return false;
    if (!is_host_met(request, conditions[RULE_DOMAIN], request->page) ||
        !is_host_met(request, conditions[RULE_TO], request->host))
        return false;
    return !conditions[RULE_DENYALLOW] ||
           !is_host_met(request, conditions[RULE_DENYALLOW], request->host);
}

/* True ends the search. */
static bool take(struct search *search, const struct image_traits *traits, struct verdict found)
{
    found.action = traits->flags & RULE_EXCEPTION ? VERDICT_ALLOW : VERDICT_BLOCK;
    search->found = found;
    search->found_flags = traits->flags;
    search->is_found = true;
    if (search->on_match)
        search->on_match(search->owner, &found);
    return !search->on_match;
}

static bool visit_rule(void *owner, uint32_t number, long at)
{
    struct search *search = owner;
    struct request *request = search->request;
    const struct filter *filter = request->filter;
    const struct image_rule *rule = &filter->rules.rules[number];
    const struct image_traits *traits = image_traits(&filter->image, rule->traits);
    if (!is_worth_it(search, traits) ||
        !filter_matches(filter, rule, &request->subject, request->url.text.data, at) ||
        !is_met(search, traits))
        return false;
    return take(search, traits,
                (struct verdict){.list = rule->list, .rule = number | FILTER_RULE_BIT});
}

static bool search_rules(struct search *search, enum netset_group group)
{
    const struct request *request = search->request;
    struct netset_query query = {
        .text = request->url.lower,
        .size = request->url.text.size,
        .host = request->url.host,
        .host_suffixes = request->host->suffixes,
        .host_count = request->host->count,
        .page_suffixes = request->page->suffixes,
        .page_count = request->page->count,
    };
    return netset_visit(&request->filter->rules, group, &query, visit_rule, search) ||
           search->is_found;
}

static bool is_of_group(const struct image *image, const struct image_traits *traits,
                        enum netset_group group)
{
    uint32_t flags = traits->flags;
    if (!(flags & RULE_FOR_REQUESTS))
        return false;
    if (group == NETSET_EXCEPTION)
        return flags & RULE_EXCEPTION;
    return !(flags & RULE_EXCEPTION) && is_block(image, traits);
}

static bool search_names(struct search *search, enum netset_group group)
{
    const struct filter *filter = search->request->filter;
    const struct site *host = search->request->host;
    struct hostset_walk walks[NAME_LABELS_MAX];
    for (size_t i = 0; i < host->count; i++)
        hostset_find(&filter->names, host->suffixes[i].hash, &walks[i]);
    for (size_t i = host->count; i-- > 0;) {
        uint32_t place;
        while (hostset_next(&filter->names, &walks[i], &place)) {
            const struct image_class *class =
                image_class(&filter->image, hostset_value(&filter->names, place));
            if (!filter_class_covers(class, i + 1 == host->count))
                continue;
            const struct image_traits *traits = image_traits(&filter->image, class->traits);
            if (!is_of_group(&filter->image, traits, group) || !is_worth_it(search, traits) ||
                !is_met(search, traits))
                continue;
            struct verdict found = {.list = class->list, .rule = place, .labels = (uint8_t)(i + 1)};
            if (take(search, traits, found))
                return true;
        }
    }
    return search->is_found;
}

/* The first rule of the group that matches; of important ones only if `with` says so. */
static bool search_group(struct search *search, enum netset_group group)
{
    search->is_found = false;
    return search_names(search, group) || search_rules(search, group);
}

static void begin(struct request *request, const struct filter *filter, struct slice url,
                  char *buffer, struct site *host, struct site *page)
{
    request->filter = filter;
    url_split(url, buffer, &request->url);
    size_t end = request->url.host_end;
    struct slice name = {buffer + request->url.host, end - request->url.host};
    if (slice_ends(name, SLICE(".")))
        name.size--;
    site_init(host, name, &filter->suffixes, filter->image.seed);
    request->host = host;
    request->page = page;
    request->subject = (struct pattern_subject){buffer, request->url.text.size, 0,
                                                request->url.host, request->url.host_end};
    request->is_party_known = false;
}

/* Exceptions for all that the page asks for: matched with the page as the document that it is.
 * The search keeps what it wants; true if one was found. */
static bool search_page(const struct request *request, struct slice page_url, struct search *search)
{
    char buffer[URL_MAX_BYTES + URL_PADDING];
    struct site host;
    struct request page;
    if (page_url.size == 0 || request->type == 1U << FILTER_TYPE_DOCUMENT)
        return false;
    begin(&page, request->filter, page_url, buffer, &host, &host);
    page.type = 1U << FILTER_TYPE_DOCUMENT;
    page.method = "GET";
    search->request = &page;
    search->is_found = false;
    bool found = search_rules(search, NETSET_PAGE);
    search->request = NULL;
    return found;
}

static struct slice page_url(const struct filter_request *asked)
{
    return (struct slice){asked->source_url, asked->source_url ? asked->source_url_size : 0};
}

/* An exception with these flags, of the request or of its page. */
static bool find_exception(struct request *request, const struct filter_request *asked,
                           uint32_t with, struct search *ret)
{
    *ret = (struct search){.request = request, .with = with};
    if (search_group(ret, NETSET_EXCEPTION))
        return true;
    ret->with = with | RULE_PAGE;
    return search_page(request, page_url(asked), ret);
}

/* A generic block on a page that wants none: is there a block that is not generic? */
static bool is_freed_of_generic(struct request *request, const struct filter_request *asked,
                                struct search *block, struct search *ret_exception)
{
    *ret_exception = (struct search){.with = RULE_GENERIC_OFF};
    if ((block->found_flags & RULE_IMPORTANT) ||
        !search_page(request, page_url(asked), ret_exception))
        return false;
    struct search specific = {.request = request, .no_generic = true};
    if (!search_group(&specific, NETSET_BLOCK))
        return true;
    *block = specific;
    return false;
}

static void decide(struct request *request, const struct filter_request *asked, struct verdict *ret)
{
    struct search block = {.request = request}, exception;
    *ret = (struct verdict){0};
    if (!search_group(&block, NETSET_BLOCK))
        return;
    *ret = block.found;
    if (!find_exception(request, asked, 0, &exception)) {
        if (is_freed_of_generic(request, asked, &block, &exception))
            *ret = exception.found;
        else
            *ret = block.found;
        return;
    }
    struct search important = {.request = request, .with = RULE_IMPORTANT}, stronger;
    bool is_important =
        (exception.found_flags & RULE_IMPORTANT) == 0 && search_group(&important, NETSET_IMPORTANT);
    if (!is_important)
        *ret = exception.found;
    else if (find_exception(request, asked, RULE_IMPORTANT, &stronger))
        *ret = stronger.found;
    else
        *ret = important.found;
}

static void prepare(struct request *request, const struct filter *filter,
                    const struct filter_request *asked, char *buffer, char *page_buffer,
                    struct site *host, struct site *page)
{
    struct slice page_host = url_host(page_url(asked), page_buffer, HOST_MAX);
    begin(request, filter, (struct slice){asked->url, asked->url_size}, buffer, host, page);
    site_init(page, page_host, &filter->suffixes, filter->image.seed);
    request->type = 1U << asked->type;
    request->method = asked->method ? asked->method : "GET";
}

void filter_ask_request(const struct filter *filter, const struct filter_request *asked,
                        struct verdict *ret)
{
    char buffer[URL_MAX_BYTES + URL_PADDING], page_buffer[HOST_MAX];
    struct request request;
    struct site host, page;
    struct verdict own;
    prepare(&request, filter, asked, buffer, page_buffer, &host, &page);
    bool is_own = own_names_find(filter->own, &host, &own);
    if (is_own && own.action == VERDICT_BLOCK) {
        *ret = own;
        return;
    }
    decide(&request, asked, ret);
    if (is_own && ret->action == VERDICT_BLOCK)
        *ret = own;
}

/* Matches that were told already, so that none is told twice. */
struct report {
    filter_match_fn *fn;
    void *owner;
    uint32_t told[REPORTED_MAX];
    size_t count;
};

static void report_match(void *owner, const struct verdict *match)
{
    struct report *report = owner;
    for (size_t i = 0; i < report->count; i++)
        if (report->told[i] == match->rule)
            return;
    if (report->count == REPORTED_MAX)
        return;
    report->told[report->count++] = match->rule;
    report->fn(report->owner, match);
}

void filter_explain_request(const struct filter *filter, const struct filter_request *asked,
                            filter_match_fn *fn, void *owner)
{
    char buffer[URL_MAX_BYTES + URL_PADDING], page_buffer[HOST_MAX];
    struct request request;
    struct site host, page;
    struct report report = {.fn = fn, .owner = owner};
    struct verdict own;
    prepare(&request, filter, asked, buffer, page_buffer, &host, &page);
    if (own_names_find(filter->own, &host, &own))
        fn(owner, &own);
    struct search search = {.request = &request, .on_match = report_match, .owner = &report};
    search_names(&search, NETSET_BLOCK);
    search_rules(&search, NETSET_BLOCK);
    search_names(&search, NETSET_EXCEPTION);
    search_rules(&search, NETSET_EXCEPTION);
    search_page(&request, page_url(asked), &search);
}
