/* What an answer says under a name. An answer may come from another version of the service: what is
 * missing, or of another type, reads as nothing. */
#ifndef UI_CLI_MEMBER_H
#define UI_CLI_MEMBER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* All take NULL for the object. */
const char *member_text(const cJSON *object, const char *name); /* or ""; borrowed */
double member_number(const cJSON *object, const char *name, double fallback);
uint64_t member_count(const cJSON *object, const char *name); /* or 0; so is what is below it */
bool member_is_true(const cJSON *object, const char *name);

#endif
