/* The text of a user's own rules: what was read is written the same way twice. */
#include "service/engine/own_rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct own_rules rules, again;
    size_t first_size, second_size;

    if (own_rules_parse((const char *)data, size, &rules) < 0)
        return 0;
    char *first = own_rules_format(&rules, &first_size);
    assert(first && own_rules_parse(first, first_size, &again) == 0);
    char *second = own_rules_format(&again, &second_size);
    assert(second && first_size == second_size && memcmp(first, second, first_size) == 0);
    free(first);
    free(second);
    own_rules_done(&rules);
    own_rules_done(&again);
    return 0;
}
