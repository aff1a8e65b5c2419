/* A question to the control interface, and what it is answered. */
#ifndef TESTS_CONTROL_ASKED_H
#define TESTS_CONTROL_ASKED_H

#include "service/control/control_method.h"

/* `params` without braces. The result, or the error where there is none, as it is sent: some
 * figures of ours are raw text until then. The caller's. */
cJSON *control_asked(const struct control_context *context, const char *method, const char *params);

#endif
