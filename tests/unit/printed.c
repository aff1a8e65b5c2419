#include "tests/unit/printed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

void assert_printed(print_fn *print, const char *json, const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    cJSON *result = cJSON_Parse(json);

    assert_non_null(result);
    print(result, false, to);
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(result);
}
