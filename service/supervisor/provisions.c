#define LOG_MODULE "supervisor"

#include "service/supervisor/provisions.h"

#include "base/err.h"
#include "base/log.h"
#include "service/supervisor/folders.h"
#include "service/supervisor/local_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_control(struct provisions *provisions, const char *run_dir,
                        struct provisions_error *error)
{
    if (asprintf(&provisions->control_path, "%s/control.sock", run_dir) < 0)
        provisions->control_path = NULL;
    int err = !provisions->control_path
                  ? -ENOMEM
                  : local_socket_listen(provisions->control_path, provisions->settings.group,
                                        &provisions->control_fd);
    if (err < 0)
        snprintf(error->text, sizeof(error->text), "cannot open %s/control.sock: %s", run_dir,
                 err_text(err));
    return err;
}

static int open_state(struct provisions *provisions, const char *state_dir,
                      struct provisions_error *error)
{
    int err = folder_open_worker(state_dir, provisions->settings.user, provisions->settings.group,
                                 &provisions->state_fd);
    if (err < 0)
        snprintf(error->text, sizeof(error->text), "cannot use %s/worker: %s", state_dir,
                 err_text(err));
    return err;
}

enum exit_status provisions_open(struct settings *settings, const char *run_dir,
                                 const char *state_dir, struct provisions *ret,
                                 struct provisions_error *error)
{
    struct provisions provisions = {.settings = *settings, .control_fd = -1, .state_fd = -1};
    struct doors_error why;
    enum exit_status status = EXIT_FINE;
    if (doors_open(&settings->config->local, NULL, &provisions.doors, &why) < 0) {
        snprintf(error->text, sizeof(error->text), "%s", why.text);
        status = EXIT_LISTEN;
    } else if (open_control(&provisions, run_dir, error) < 0 ||
               open_state(&provisions, state_dir, error) < 0) {
        status = EXIT_TROUBLE;
    }
    if (status != EXIT_FINE) {
        provisions.settings = (struct settings){.config_fd = -1}; /* still the caller's */
        provisions_close(&provisions);
        return status;
    }
    *settings = (struct settings){.config_fd = -1};
    *ret = provisions;
    return EXIT_FINE;
}

void provisions_close(struct provisions *provisions)
{
    settings_done(&provisions->settings);
    doors_close(&provisions->doors);
    if (provisions->control_fd >= 0) {
        close(provisions->control_fd);
        unlink(provisions->control_path);
    }
    if (provisions->state_fd >= 0)
        close(provisions->state_fd);
    provisions->control_fd = provisions->state_fd = -1;
    free(provisions->control_path);
    provisions->control_path = NULL;
}

void provisions_send_config(const struct settings *settings, struct worker *worker)
{
    worker_send(worker, &(struct ipc_message){.kind = IPC_CONFIG}, &settings->config_fd,
                settings->config_fd >= 0);
}

static void send_doors(const struct doors *doors, struct worker *worker)
{
    worker_send(worker, &(struct ipc_message){.kind = IPC_LISTEN}, doors->fds, doors->count);
}

void provisions_hand_over(const struct provisions *provisions, struct worker *worker,
                          bool with_control)
{
    provisions_send_config(&provisions->settings, worker);
    send_doors(&provisions->doors, worker);
    if (with_control)
        worker_send(worker, &(struct ipc_message){.kind = IPC_CONTROL}, &provisions->control_fd, 1);
    worker_send(worker, &(struct ipc_message){.kind = IPC_STATE_DIR}, &provisions->state_fd, 1);
    worker_send(worker, &(struct ipc_message){.kind = IPC_START}, NULL, 0);
}

int renewal_open(const struct provisions *provisions, const char *config_path, struct renewal *ret,
                 struct provisions_error *error)
{
    struct renewal renewal = {.settings = {.config_fd = -1}};
    struct config_error wrong;
    struct doors_error why;
    if (settings_read(config_path, &renewal.settings, &wrong) != EXIT_FINE) {
        snprintf(error->text, sizeof(error->text), "%s", wrong.text);
        return -EINVAL;
    }
    if (doors_open(&renewal.settings.config->local, &provisions->doors, &renewal.doors, &why) < 0) {
        snprintf(error->text, sizeof(error->text), "%s", why.text);
        renewal_close(&renewal);
        return -EADDRINUSE;
    }
    if (renewal.settings.user != provisions->settings.user ||
        renewal.settings.group != provisions->settings.group)
        log_notice("another user or group for the worker counts from the service's next start");
    if (renewal.settings.config->workers != provisions->settings.config->workers)
        log_notice("another number of workers counts from the service's next start");
    renewal.settings.user = provisions->settings.user;
    renewal.settings.group = provisions->settings.group;
    *ret = renewal;
    return 0;
}

void renewal_close(struct renewal *renewal)
{
    settings_done(&renewal->settings);
    doors_close(&renewal->doors);
}

static bool are_same(const struct doors *a, const struct doors *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = address_is_equal(&a->addresses[i], &b->addresses[i]);
    return same;
}

void renewal_apply(struct renewal *renewal, struct provisions *provisions, const struct crew *crew)
{
    bool are_others = !are_same(&renewal->doors, &provisions->doors);
    for (unsigned i = 0; are_others && i < crew_size(crew); i++)
        send_doors(&renewal->doors, crew_worker(crew, i));
    settings_done(&provisions->settings);
    doors_close(&provisions->doors);
    provisions->settings = renewal->settings;
    provisions->doors = renewal->doors;
    *renewal = (struct renewal){.settings = {.config_fd = -1}};
}
