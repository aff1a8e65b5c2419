/* The filter's state, the user's own rules and explanations as text. Pure: JSON in, text out. */
#ifndef UI_CLI_RULES_TEXT_H
#define UI_CLI_RULES_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { RULES_TEXT_MAX = 160 };

/* "paused for another 4 min: everything passes; ..."; "" when there is nothing special about it. */
const char *rules_text_state(const cJSON *filter, char to[RULES_TEXT_MAX]);
/* "allow ads.example.com, for another 59 min" */
const char *rules_text_rule(const cJSON *rule, char *to, size_t capacity);

/* Results of the worker's; see service/control/control.h. */
void rules_text_print(const cJSON *result, bool has_colour, FILE *to);
void rules_text_print_explanation(const cJSON *result, bool has_colour, FILE *to);

#endif
