#include "service/worker/filter_facts.h"

#include "base/err.h"
#include "service/worker/facts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- what it says of a name or a request ------------------------------------------------------ */

struct type_name {
    const char *name;
    enum filter_type type;
};

static const struct type_name type_names[] = {
    {"", FILTER_TYPE_DOCUMENT},
    {"document", FILTER_TYPE_DOCUMENT},
    {"subdocument", FILTER_TYPE_SUBDOCUMENT},
    {"script", FILTER_TYPE_SCRIPT},
    {"image", FILTER_TYPE_IMAGE},
    {"stylesheet", FILTER_TYPE_STYLESHEET},
    {"font", FILTER_TYPE_FONT},
    {"media", FILTER_TYPE_MEDIA},
    {"xmlhttprequest", FILTER_TYPE_XMLHTTPREQUEST},
    {"websocket", FILTER_TYPE_WEBSOCKET},
    {"ping", FILTER_TYPE_PING},
    {"object", FILTER_TYPE_OBJECT},
    {"other", FILTER_TYPE_OTHER},
};

static int find_type(const char *name, enum filter_type *ret)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++) {
        if (strcmp(type_names[i].name, name ? name : "") == 0) {
            *ret = type_names[i].type;
            return 0;
        }
    }
    return -EINVAL;
}

/* What filter_describe lends a rule its name from. */
static void copy_host(const struct control_question *question, char to[NAME_MAX_BYTES + 1])
{
    const char *scheme = question->host ? NULL : strstr(question->url, "://");
    const char *host = question->host ? question->host : scheme ? scheme + 3 : question->url;

    snprintf(to, NAME_MAX_BYTES + 1, "%.*s",
             (int)(question->host ? strlen(host) : strcspn(host, "/:?#")), host);
}

static int make_request(const struct control_question *question, struct filter_request *ret)
{
    const char *source = question->source_url ? question->source_url : "";

    *ret = (struct filter_request){
        .url = question->url,
        .url_size = strlen(question->url),
        .source_url = source,
        .source_url_size = strlen(source),
        .method = "GET",
    };
    return find_type(question->type, &ret->type);
}

static int ask(const struct filter *filter, const struct control_question *question,
               struct verdict *ret)
{
    struct filter_request request;
    int err = 0;

    if (question->host)
        filter_ask_name(filter, &(struct filter_name){.host = question->host}, ret);
    else if ((err = make_request(question, &request)) == 0)
        filter_ask_request(filter, &request, ret);
    return err;
}

static const char *verdict_text(const struct verdict *verdict)
{
    if (verdict_is_block(verdict))
        return "block";
    if (verdict->action == VERDICT_ALLOW)
        return "allow";
    return verdict->action == VERDICT_REWRITE ? "rewrite" : "none";
}

static struct control_verdict describe(const struct filter *filter, const struct verdict *verdict,
                                       const char *host)
{
    struct control_verdict ret = {.verdict = verdict_text(verdict)};

    if (verdict->action != VERDICT_NONE)
        filter_describe(filter, verdict, host, ret.list, sizeof(ret.list), ret.rule,
                        sizeof(ret.rule));
    return ret;
}

int filter_facts_check(void *owner, const struct control_question *question,
                       struct control_verdict *ret)
{
    const struct facts *facts = owner;
    const struct filter *filter = engine_filter(facts->engine);
    char host[NAME_MAX_BYTES + 1];
    struct verdict verdict;
    int err;

    if (!filter)
        return -ENOENT;
    err = ask(filter, question, &verdict);
    if (err < 0)
        return err;
    copy_host(question, host);
    *ret = describe(filter, &verdict, host);
    return 0;
}

struct explanation {
    const struct filter *filter;
    const char *host;
    control_match_fn *tell;
    void *to;
};

static void tell_match(void *owner, const struct verdict *match)
{
    struct explanation *explanation = owner;
    struct control_verdict told = describe(explanation->filter, match, explanation->host);

    explanation->tell(explanation->to, &told);
}

int filter_facts_explain(void *owner, const struct control_question *question,
                         control_match_fn *tell, void *to)
{
    const struct facts *facts = owner;
    const struct filter *filter = engine_filter(facts->engine);
    char host[NAME_MAX_BYTES + 1];
    struct explanation explanation = {filter, host, tell, to};
    struct filter_request request;
    int err = filter ? 0 : -ENOENT;

    copy_host(question, host);
    if (err == 0 && question->host)
        filter_explain_name(filter, &(struct filter_name){.host = host}, tell_match, &explanation);
    else if (err == 0 && (err = make_request(question, &request)) == 0)
        filter_explain_request(filter, &request, tell_match, &explanation);
    return err;
}

/* --- the user's own rules -------------------------------------------------------------------- */

void filter_facts_tell(void *owner, struct control_filter *ret)
{
    const struct facts *facts = owner;
    struct engine_filter_state state;

    engine_filter_state(facts->engine, &state);
    ret->paused_until_s = state.own->paused_until_s;
    ret->state = !state.is_configured        ? "off"
                 : state.own->paused_until_s ? "paused"
                 : state.is_off_by_schedule  ? "scheduled off"
                                             : "on";
}

void filter_facts_tell_rules(void *owner, control_rule_fn *tell, void *to)
{
    const struct facts *facts = owner;
    struct engine_filter_state state;

    engine_filter_state(facts->engine, &state);
    for (size_t i = 0; i < state.own->count; i++) {
        const struct own_rule *rule = &state.own->rules[i];
        if (!tell(to, &(struct control_rule){rule->name, rule->is_allowed, rule->until_s}))
            return;
    }
}

static int carry_out(struct engine *engine, const struct control_change *change)
{
    switch (change->kind) {
    case CONTROL_PAUSE:
        return change->name ? engine_rule(engine, change->name, true, change->until_s)
                            : engine_pause(engine, change->until_s);
    case CONTROL_RESUME:
        return change->name ? engine_forget_rule(engine, change->name) : engine_pause(engine, 0);
    case CONTROL_ALLOW: return engine_rule(engine, change->name, true, change->until_s);
    case CONTROL_DENY: return engine_rule(engine, change->name, false, change->until_s);
    }
    return -EINVAL;
}

static_assert(CONTROL_FOR_EVER == OWN_RULES_FOR_EVER, "passed on as it is");

int filter_facts_change(void *owner, const struct control_change *change)
{
    const struct facts *facts = owner;
    int err = carry_out(facts->engine, change);

    if (err == ERR_LIMIT)
        return -ENOSPC;
    return err < 0 && err != -ENOENT && err != -ENOMEM ? -EIO : err;
}
