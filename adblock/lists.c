#include "adblock/lists.h"
#include "adblock/list_texts.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One set of lists on its way to become the filter. */
struct compile {
    struct lists *lists; /* NULL: its owner lost interest */
    struct list_texts texts;
    struct filter *filter;
    struct filter_problem problem;
    int err;
};

struct lists {
    struct loop *loop;
    loop_fn *on_change;
    void *owner;
    struct deferred changed;
    struct filter *filter;
    struct compile *running; /* on another thread */
    struct compile *waiting; /* the newest; two at once would double the memory in use */
    char problem[sizeof(struct filter_problem)];
};

static void tell_change(void *owner)
{
    struct lists *lists = owner;
    if (lists->on_change)
        lists->on_change(lists->owner);
}

struct lists *lists_new(struct loop *loop, loop_fn *on_change, void *owner)
{
    struct lists *lists = calloc(1, sizeof(*lists));
    if (!lists)
        return NULL;
    lists->loop = loop;
    lists->on_change = on_change;
    lists->owner = owner;
    deferred_init(&lists->changed, loop, tell_change, lists);
    return lists;
}

static void compile_free(struct compile *compile)
{
    if (!compile)
        return;
    list_texts_done(&compile->texts);
    filter_unref(compile->filter);
    free(compile);
}

void lists_free(struct lists *lists)
{
    if (!lists)
        return;
    if (lists->running)
        lists->running->lists = NULL;
    compile_free(lists->waiting);
    deferred_cancel(&lists->changed);
    filter_unref(lists->filter);
    free(lists);
}

/* Any thread. The texts are of no use afterwards, and large. */
static void compile_work(void *owner)
{
    struct compile *compile = owner;
    const struct list_texts *texts = &compile->texts;
    compile->err = filter_compile(texts->sources, texts->count, texts->psl, texts->psl_size,
                                  &compile->filter, &compile->problem);
    list_texts_done(&compile->texts);
}

static void take_over(struct lists *lists, struct compile *compile)
{
    if (compile->err < 0) {
        snprintf(lists->problem, sizeof(lists->problem), "%s",
                 compile->problem.text[0] ? compile->problem.text : err_text(compile->err));
        return;
    }
    filter_unref(lists->filter);
    lists->filter = compile->filter;
    compile->filter = NULL;
    lists->problem[0] = '\0';
    deferred_schedule(&lists->changed);
}

static int start(struct lists *lists, struct compile *compile);

static void compile_done(void *owner)
{
    struct compile *compile = owner;
    struct lists *lists = compile->lists;
    if (lists) {
        struct compile *next = lists->waiting;
        lists->running = lists->waiting = NULL;
        if (!next) {
            take_over(lists, compile);
        } else if (start(lists, next) < 0) {
            compile_free(next);
            take_over(lists, compile);
        }
    }
    compile_free(compile);
}

static int start(struct lists *lists, struct compile *compile)
{
    int err = loop_run_job(lists->loop, compile_work, compile_done, compile);
    if (err == 0)
        lists->running = compile;
    return err;
}

/* The first filter: nobody may ask before there is one. */
static int compile_now(struct lists *lists, struct compile *compile)
{
    compile_work(compile);
    take_over(lists, compile);
    return compile->err;
}

int lists_set(struct lists *lists, const struct lists_options *options, char *ret_error,
              size_t capacity)
{
    struct compile *compile = calloc(1, sizeof(*compile));
    if (!compile) {
        snprintf(ret_error, capacity, "lists: %s", err_text(-ENOMEM));
        return -ENOMEM;
    }
    compile->lists = lists;
    int err = list_texts_read(options, &compile->texts, ret_error, capacity);
    if (err < 0) {
        compile_free(compile);
        return err;
    }
    if (lists->running) {
        compile_free(lists->waiting);
        lists->waiting = compile;
        return 0;
    }
    err = lists->filter ? start(lists, compile) : compile_now(lists, compile);
    if (err < 0)
        snprintf(ret_error, capacity, "lists: %s",
                 lists->problem[0] ? lists->problem : err_text(err));
    if (err < 0 || !lists->running)
        compile_free(compile);
    return err;
}

int lists_check(const struct lists_options *options, char *ret_error, size_t capacity)
{
    struct list_texts texts;
    int err = list_texts_read(options, &texts, ret_error, capacity);
    if (err == 0)
        list_texts_done(&texts);
    return err;
}

const struct filter *lists_filter(const struct lists *lists)
{
    return lists->filter;
}

const char *lists_problem(const struct lists *lists)
{
    return lists->problem[0] ? lists->problem : NULL;
}

int lists_parse_format(const char *text, enum filter_format *ret)
{
    static const char *const formats[] = {
        [FILTER_AUTO] = "auto",       [FILTER_HOSTS] = "hosts",     [FILTER_DOMAINS] = "domains",
        [FILTER_DNSMASQ] = "dnsmasq", [FILTER_UNBOUND] = "unbound", [FILTER_RPZ] = "rpz",
        [FILTER_ADBLOCK] = "adblock",
    };
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
        if (strcmp(text, formats[i]) == 0) {
            *ret = (enum filter_format)i;
            return 0;
        }
    }
    return -EINVAL;
}
