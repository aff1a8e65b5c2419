#include "base/background.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct signal_watch {
    uv_signal_t handle;
    loop_signal_fn *fn;
    void *owner;
    struct list node;
};

struct job {
    uv_work_t request;
    loop_fn *work, *done;
    void *owner;
};

int background_init(struct background *background)
{
    int err = uv_loop_init(&background->uv);
    if (err < 0)
        return err;
    err = uv_async_init(&background->uv, &background->pin, NULL);
    if (err < 0) {
        uv_loop_close(&background->uv);
        return err;
    }
    list_init(&background->signals);
    return 0;
}

static void on_signal_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void background_done(struct background *background)
{
    list_each(node, &background->signals) {
        struct signal_watch *watch = list_item(node, struct signal_watch, node);
        uv_close((uv_handle_t *)&watch->handle, on_signal_closed);
    }
    uv_close((uv_handle_t *)&background->pin, NULL);
    uv_run(&background->uv, UV_RUN_DEFAULT); /* close callbacks, and jobs that still run */
    int err = uv_loop_close(&background->uv);
    assert(err == 0); /* somebody left a handle open on loop_uv() */
    (void)err;
}

int background_fd(const struct background *background)
{
    return uv_backend_fd(&background->uv);
}

int background_timeout(struct background *background)
{
    int wait_ms = uv_backend_timeout(&background->uv);
    if (wait_ms <= 0)
        return wait_ms;
    uv_update_time(&background->uv); /* counted from when libuv ran last */
    return uv_backend_timeout(&background->uv);
}

void background_run(struct background *background)
{
    uv_run(&background->uv, UV_RUN_NOWAIT);
}

/* uv_run does nothing at all without a referenced handle, although signals, which are not
 * referenced, may wait to be served. So the pin is referenced always but here. */
bool background_is_alive(struct background *background)
{
    uv_unref((uv_handle_t *)&background->pin);
    bool is_alive = uv_loop_alive(&background->uv);
    uv_ref((uv_handle_t *)&background->pin);
    return is_alive;
}

static void on_job_work(uv_work_t *request)
{
    struct job *job = request->data;
    job->work(job->owner);
}

static void on_job_done(uv_work_t *request, int status)
{
    struct job *job = request->data;
    (void)status; /* jobs are never cancelled */
    job->done(job->owner);
    free(job);
}

int loop_run_job(struct loop *loop, loop_fn *work, loop_fn *done, void *owner)
{
    struct job *job = malloc(sizeof(*job));
    if (!job)
        return -ENOMEM;
    *job = (struct job){.work = work, .done = done, .owner = owner};
    job->request.data = job;
    int err = uv_queue_work(loop_uv(loop), &job->request, on_job_work, on_job_done);
    if (err < 0)
        free(job);
    return err;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct signal_watch *watch = handle->data;
    watch->fn(watch->owner, number);
}

int loop_on_signal(struct loop *loop, int signal, loop_signal_fn *fn, void *owner)
{
    struct signal_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->fn = fn;
    watch->owner = owner;
    int err = uv_signal_init(loop_uv(loop), &watch->handle);
    if (err < 0) {
        free(watch);
        return err;
    }
    watch->handle.data = watch;
    err = uv_signal_start(&watch->handle, on_signal, signal);
    if (err < 0) {
        uv_close((uv_handle_t *)&watch->handle, on_signal_closed);
        return err;
    }
    uv_unref((uv_handle_t *)&watch->handle); /* waiting for a signal alone is no reason to run */
    list_append(&loop_background(loop)->signals, &watch->node);
    return 0;
}
