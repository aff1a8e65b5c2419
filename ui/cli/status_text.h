/* What is known of the service as one JSON object, and that object as text for people. */
#ifndef UI_CLI_STATUS_TEXT_H
#define UI_CLI_STATUS_TEXT_H

#include "ui/client.h"

#include <stdbool.h>
#include <stdio.h>

/* The supervisor's answer, the worker's `status` and today's `usage` (results; NULL while it cannot
 * answer). Copies; NULL without memory. */
cJSON *status_merge(const struct client_power *power, const cJSON *worker, const cJSON *today);

/* One sentence: the state, the reason, what to do. */
void status_print_headline(const cJSON *status, bool has_colour, FILE *to);
/* The sentence and a short table; `now_s` is the clock that `since` is compared to. */
void status_print(const cJSON *status, long long now_s, bool has_colour, FILE *to);

#endif
