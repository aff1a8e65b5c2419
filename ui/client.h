/* Speaks to the service: power.sock (the supervisor: lines of key=value, see
 * service/supervisor/power.h) and control.sock (the worker: JSON, see service/control/control.h).
 * For programs of the user's side: it waits, up to a timeout. */
#ifndef UI_CLIENT_H
#define UI_CLIENT_H

#include <cjson/cJSON.h>
#include <stddef.h>

#define CLIENT_RUN_DIR "/run/atlantic"

enum {
    CLIENT_TIMEOUT_MS = 5000,
    CLIENT_CHANGE_TIMEOUT_MS = 60 * 1000,
    CLIENT_ANSWER_KEYS_MAX = 64
};

/* The supervisor's answer. Unknown keys are kept; a missing one reads as "". */
struct client_power {
    char *text; /* owns what the rows point to */
    size_t count;
    struct {
        const char *key, *value;
    } rows[CLIENT_ANSWER_KEYS_MAX];
};

/* Send one word. 0 with an answer (which may say error=...); -ENOENT, -ECONNREFUSED nobody
 * listens; -EACCES; -ETIMEDOUT; -EPROTO this was no answer; others. */
int client_power(const char *run_dir, const char *word, int timeout_ms, struct client_power *ret);
const char *client_power_get(const struct client_power *answer, const char *key);
void client_power_done(struct client_power *answer);
/* The text of an answer, up to its empty line, taken in any case. 0 or -EPROTO. */
int client_power_parse(char *take_text, struct client_power *ret);

/* Call a method; takes `params` (NULL for none). 0 with the whole answer: an object that holds
 * "result" or "error". The same errors. */
int client_control(const char *run_dir, const char *method, cJSON *take_params, int timeout_ms,
                   cJSON **ret);

#endif
