/* What a function prints of a JSON object. */
#ifndef TESTS_PRINTED_H
#define TESTS_PRINTED_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

typedef void print_fn(const cJSON *result, bool has_colour, FILE *to);

/* Without colours. */
void assert_printed(print_fn *print, const char *json, const char *expected);

#endif
