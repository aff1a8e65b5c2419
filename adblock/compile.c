#include "adblock/compile.h"

#include "adblock/filter_compilation.h"
#include "adblock/filter_store.h"
#include "adblock/list_texts.h"
#include "base/cleanup.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_NICENESS = 10, CHILD_SECONDS = 300 };

struct compile {
    struct list_plan *plan;
    int folder;
    struct filter *former, *filter;
    struct filter_problem problem;
    int err;
    pthread_mutex_t lock; /* of what follows */
    pid_t child;          /* 0: none */
    bool is_cancelled;
};

/* What the child says at its end. */
struct report {
    int err;
    struct filter_problem problem;
};

/* --- the work -------------------------------------------------------------------------------- */

static int open_texts(const struct compile *compile, struct list_texts *ret,
                      struct filter_problem *problem)
{
    problem->text[0] = '\0';
    return list_texts_open(&compile->plan->options, ret, problem->text, sizeof(problem->text));
}

static void in_place(struct compile *compile)
{
    struct list_texts texts;
    compile->err = open_texts(compile, &texts, &compile->problem);
    if (compile->err < 0)
        return;
    compile->err = filter_compile(texts.sources, texts.count, texts.psl, texts.psl_size,
                                  &compile->filter, &compile->problem);
    list_texts_close(&texts);
}

static int write_texts(int folder, int fd, const struct list_texts *texts,
                       struct filter_problem *problem)
{
    struct filter_compilation what = {.sources = texts->sources,
                                      .count = texts->count,
                                      .psl_text = texts->psl,
                                      .psl_size = texts->psl_size};
    _close_fd_ int scratch = filter_store_scratch(folder);
    int err = scratch < 0 ? scratch : filter_compilation_seed(&what);
    return err < 0 ? err : filter_compile_file(&what, fd, scratch, problem);
}

static int write_image(const struct compile *compile, int fd, struct filter_problem *problem)
{
    struct list_texts texts;
    int err = open_texts(compile, &texts, problem);
    if (err < 0)
        return err;
    err = write_texts(compile->folder, fd, &texts, problem);
    list_texts_close(&texts);
    return err;
}

static int make_new(const struct compile *compile, struct filter_problem *problem)
{
    const uint64_t *fingerprint = compile->plan->fingerprint;
    _close_fd_ int fd = filter_store_begin(compile->folder, fingerprint);
    if (fd < 0)
        return fd;
    int err = write_image(compile, fd, problem);
    if (err == 0) {
        problem->text[0] = '\0'; /* about lists that were left out, not about what follows */
        err = filter_store_finish(compile->folder, fingerprint, fd);
    }
    if (err < 0)
        filter_store_abandon(compile->folder, fingerprint);
    return err;
}

static bool is_made(const struct compile *compile)
{
    struct filter *filter;
    int err = filter_store_open(compile->folder, compile->plan->fingerprint, &filter);
    if (err == 0)
        filter_unref(filter);
    return err == 0;
}

/* By the one who holds the lock; another worker may have been faster. */
static int make(const struct compile *compile, struct report *report)
{
    _close_fd_ int lock = filter_store_lock(compile->folder);
    if (lock < 0)
        return lock;
    return is_made(compile) ? 0 : make_new(compile, &report->problem);
}

/* --- the child ------------------------------------------------------------------------------- */

/* Of all that it inherits, sockets and devices, it keeps two descriptors: a connection that the
 * parent closes must be closed. */
static void close_others(int a, int b)
{
    unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
    if (low > 3)
        close_range(3, low - 1, 0);
    if (high > low + 1)
        close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0U, 0);
}

/* It ends with the thread that made it, and never comes back into the program. */
static _Noreturn void be_child(const struct compile *compile, pid_t parent, int to_parent)
{
    struct report report = {.problem = {""}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    prctl(PR_SET_NAME, "atlantic-lists");
    if (nice(CHILD_NICENESS) < 0)
        errno = 0;
    alarm(CHILD_SECONDS); /* whatever it hangs at, the lists that are in force stay so */
    close_others(compile->folder, to_parent);
    report.err = make(compile, &report);
    _exit(write(to_parent, &report, sizeof(report)) == sizeof(report) ? 0 : 1);
}

static int start_child(struct compile *compile, const int wires[2])
{
    pid_t self = getpid(), child = -1;
    int err = -ECANCELED;
    pthread_mutex_lock(&compile->lock);
    if (!compile->is_cancelled) {
        child = fork();
        err = child < 0 ? -errno : 0;
    }
    if (child == 0)
        be_child(compile, self, wires[1]);
    compile->child = child > 0 ? child : 0;
    pthread_mutex_unlock(&compile->lock);
    return err;
}

static void bury(struct compile *compile)
{
    pthread_mutex_lock(&compile->lock);
    while (waitpid(compile->child, NULL, 0) < 0 && errno == EINTR)
        ;
    compile->child = 0;
    pthread_mutex_unlock(&compile->lock);
}

static bool is_cancelled(struct compile *compile)
{
    pthread_mutex_lock(&compile->lock);
    bool is_cancelled = compile->is_cancelled;
    pthread_mutex_unlock(&compile->lock);
    return is_cancelled;
}

/* What it reports; -ECHILD when it was killed before that. */
static int hear(int fd, struct report *ret)
{
    ssize_t size;
    do
        size = read(fd, ret, sizeof(*ret)); /* shorter than a pipe's atomic write */
    while (size < 0 && errno == EINTR);
    return size == sizeof(*ret) ? 0 : -ECHILD;
}

static int in_child(struct compile *compile)
{
    struct report report = {.err = 0};
    int wires[2];
    if (pipe2(wires, O_CLOEXEC) < 0)
        return -errno;
    int err = start_child(compile, wires);
    close(wires[1]);
    if (err == 0) {
        err = hear(wires[0], &report);
        bury(compile);
    }
    close(wires[0]);
    if (err < 0)
        return is_cancelled(compile) ? -ECANCELED : err;
    compile->problem = report.problem;
    return report.err;
}

/* A sanitizer's allocator, unlike glibc's, does not survive a fork beside other threads: the child
 * may wait for ever for a lock that one of them held. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = true };
#else
enum { IS_SANITIZED = false };
#endif

static int in_this_process(struct compile *compile)
{
    struct report report = {.err = 0};
    int err = is_cancelled(compile) ? -ECANCELED : make(compile, &report);
    compile->problem = report.problem;
    return err;
}

/* --- the way --------------------------------------------------------------------------------- */

static int open_stored(struct compile *compile)
{
    filter_rest(compile->former); /* so that the two do not add up */
    return filter_store_open(compile->folder, compile->plan->fingerprint, &compile->filter);
}

void compile_run(struct compile *compile)
{
    if (compile->folder < 0 || compile->plan->size < COMPILE_IN_PLACE_BYTES) {
        in_place(compile);
        return;
    }
    int err = open_stored(compile);
    if (err < 0)
        err = IS_SANITIZED ? in_this_process(compile) : in_child(compile);
    if (err == 0 && !compile->filter)
        err = open_stored(compile);
    compile->err = err;
    if (err == -ECHILD)
        snprintf(compile->problem.text, sizeof(compile->problem.text),
                 "the process that compiles the lists was killed, perhaps for lack of memory");
    /* No room, a folder that cannot be written; or nothing is in force yet. */
    bool is_told = compile->problem.text[0] != '\0';
    if (err < 0 && !is_cancelled(compile) && (!is_told || (err == -ECHILD && !compile->former)))
        in_place(compile);
}

void compile_cancel(struct compile *compile)
{
    pthread_mutex_lock(&compile->lock);
    compile->is_cancelled = true;
    if (compile->child > 0)
        kill(compile->child, SIGKILL);
    pthread_mutex_unlock(&compile->lock);
}

int compile_result(struct compile *compile, struct filter **ret, struct filter_problem *problem)
{
    if (compile->err < 0) {
        *problem = compile->problem;
        if (!problem->text[0])
            snprintf(problem->text, sizeof(problem->text), "%s", err_text(compile->err));
        return compile->err;
    }
    *ret = compile->filter;
    compile->filter = NULL;
    return 0;
}

struct compile *compile_new(struct list_plan *take_plan, int folder, struct filter *former)
{
    struct compile *compile = calloc(1, sizeof(*compile));
    if (!compile) {
        list_plan_free(take_plan);
        return NULL;
    }
    compile->plan = take_plan;
    compile->folder = folder;
    compile->former = filter_ref(former);
    pthread_mutex_init(&compile->lock, NULL);
    return compile;
}

void compile_free(struct compile *compile)
{
    if (!compile)
        return;
    pthread_mutex_destroy(&compile->lock);
    list_plan_free(compile->plan);
    filter_unref(compile->former);
    filter_unref(compile->filter);
    free(compile);
}
