#include "adblock/lists.h"

#include "adblock/compile.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set on its way. */
struct job {
    struct lists *lists; /* NULL: its owner lost interest */
    struct compile *compile;
};

struct lists {
    struct loop *loop;
    int folder;
    loop_fn *on_change;
    void *owner;
    struct deferred changed;
    struct filter *filter;
    struct job *running;       /* on another thread */
    struct list_plan *waiting; /* the newest; two at once would double the memory in use */
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
    lists->folder = -1;
    lists->on_change = on_change;
    lists->owner = owner;
    deferred_init(&lists->changed, loop, tell_change, lists);
    return lists;
}

void lists_keep_in(struct lists *lists, int folder)
{
    lists->folder = folder;
}

void lists_free(struct lists *lists)
{
    if (!lists)
        return;
    if (lists->running) {
        lists->running->lists = NULL;
        compile_cancel(lists->running->compile);
    }
    list_plan_free(lists->waiting);
    deferred_cancel(&lists->changed);
    filter_unref(lists->filter);
    free(lists);
}

static int take_over(struct lists *lists, struct compile *compile)
{
    struct filter_problem problem;
    struct filter *filter = NULL;
    int err = compile_result(compile, &filter, &problem);
    if (err < 0) {
        snprintf(lists->problem, sizeof(lists->problem), "%s", problem.text);
    } else {
        filter_rest(lists->filter); /* somebody else may have it a while longer */
        filter_unref(lists->filter);
        filter_warm(filter);
        lists->filter = filter;
        lists->problem[0] = '\0';
    }
    deferred_schedule(&lists->changed);
    return err;
}

static int start(struct lists *lists, struct list_plan *take_plan);

static void job_work(void *owner)
{
    struct job *job = owner;
    compile_run(job->compile);
}

static void job_done(void *owner)
{
    struct job *job = owner;
    struct lists *lists = job->lists;
    if (lists) {
        struct list_plan *next = lists->waiting;
        lists->running = NULL;
        lists->waiting = NULL;
        if (!next || start(lists, next) < 0)
            take_over(lists, job->compile);
    }
    compile_free(job->compile);
    free(job);
}

static int start(struct lists *lists, struct list_plan *take_plan)
{
    struct job *job = calloc(1, sizeof(*job));
    struct compile *compile = compile_new(take_plan, lists->folder, lists->filter);
    int err = job && compile ? 0 : -ENOMEM;
    if (err == 0) {
        *job = (struct job){lists, compile};
        err = loop_run_job(lists->loop, job_work, job_done, job);
    }
    if (err < 0) {
        compile_free(compile);
        free(job);
        return err;
    }
    lists->running = job;
    return 0;
}

/* The first filter: nobody may ask before there is one. */
static int compile_now(struct lists *lists, struct list_plan *take_plan)
{
    struct compile *compile = compile_new(take_plan, lists->folder, NULL);
    if (!compile)
        return -ENOMEM;
    compile_run(compile);
    int err = take_over(lists, compile);
    compile_free(compile);
    return err;
}

int lists_set(struct lists *lists, const struct lists_options *options, char *ret_error,
              size_t capacity)
{
    struct list_plan *plan;
    int err = list_plan_new(options, lists->folder, &plan, ret_error, capacity);
    if (err < 0)
        return err;
    if (lists->running) {
        list_plan_free(lists->waiting);
        lists->waiting = plan;
        return 0;
    }
    err = lists->filter ? start(lists, plan) : compile_now(lists, plan);
    if (err < 0)
        snprintf(ret_error, capacity, "lists: %s",
                 lists->problem[0] ? lists->problem : err_text(err));
    return err;
}

int lists_check(const struct lists_options *options, char *ret_error, size_t capacity)
{
    struct list_plan *plan;
    int err = list_plan_new(options, -1, &plan, ret_error, capacity);
    if (err == 0)
        list_plan_free(plan);
    return err;
}

struct filter *lists_filter(const struct lists *lists)
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
