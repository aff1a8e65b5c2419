/* The lists and the catalogue as tables. Pure: JSON in, text out. */
#ifndef UI_CLI_LISTS_TEXT_H
#define UI_CLI_LISTS_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The result of the worker's method; `now_s` is Unix time. Also what is wrong with any of them. */
void lists_text_print(const cJSON *result, int64_t now_s, bool has_colour, FILE *to);
/* Is one of them being downloaded? `name` NULL: any. */
bool lists_text_is_running(const cJSON *result, const char *name);
/* Did the last download of one of them fail? */
bool lists_text_has_failed(const cJSON *result, const char *name);
void lists_text_print_catalogue(bool has_colour, FILE *to);
cJSON *lists_text_catalogue(void);

#endif
