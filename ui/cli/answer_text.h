/* The worker's answers as tables. Pure: JSON in, text out. */
#ifndef UI_CLI_ANSWER_TEXT_H
#define UI_CLI_ANSWER_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

void answer_print_usage(const cJSON *result, bool has_colour, FILE *to);
void answer_print_flows(const cJSON *result, bool has_colour, FILE *to);
void answer_print_blocked(const cJSON *result, bool has_colour, FILE *to);
void answer_print_check(const cJSON *result, bool has_colour, FILE *to);

#endif
