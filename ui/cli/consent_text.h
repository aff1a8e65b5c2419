/* What people are asked before a query log is kept, and what they said, as text. Pure: JSON in,
 * text out. Results of the worker's; see service/control/control.h. */
#ifndef UI_CLI_CONSENT_TEXT_H
#define UI_CLI_CONSENT_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/* The text alone, wrapped. */
void consent_text_print_question(const cJSON *result, FILE *to);
/* Whether it was given, when, by whom, and what follows from it. */
void consent_text_print_answer(const cJSON *result, bool has_colour, FILE *to);
/* Why this "log" is not kept, and what to do; NULL: not for want of consent. Static. */
const char *consent_text_missing(const cJSON *log);

#endif
