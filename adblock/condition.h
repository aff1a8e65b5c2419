/* What a rule asks beside its pattern: page, client, type of question. Encoded once by the compiler
 * into IMAGE_CONDITIONS, evaluated there without unpacking. */
#ifndef ADBLOCK_CONDITION_H
#define ADBLOCK_CONDITION_H

#include "adblock/filter.h"
#include "adblock/growing.h"
#include "adblock/image.h"
#include "adblock/name_hash.h"

/* Names of a site: "example.com" and "google.*" (every public suffix). */
struct condition_host {
    const struct name_suffix *suffixes;
    size_t suffix_count;
    const struct name_suffix *entities; /* of the host without its public suffix */
    size_t entity_count;
};
enum { CONDITION_ENTITY_SALT = 0x656e7469 }; /* entities hash apart from names */

/* An answer as it is stored. */
struct condition_answer {
    uint8_t kind; /* enum filter_answer_kind; CONDITION_ANSWER_ANY: an exception for all */
    uint8_t family;
    uint16_t rcode, type;
    uint8_t ip[16];
    uint32_t text; /* in strings */
};
enum { CONDITION_ANSWER_ANY = 0xff };

/* Encode `value` of a condition of kind `which` at the end of `conditions`; texts go to `strings`.
 * 0; -EINVAL (*ret_reason says why), -ENOMEM. */
int condition_encode(enum rule_condition which, struct slice value, uint32_t flags, uint64_t seed,
                     struct growing *conditions, struct growing *strings, const char **ret_reason);

bool condition_has_host(const void *condition, const struct condition_host *host);
/* Does it name hosts to be among, not only hosts to keep off? */
bool condition_is_positive(const void *condition);
bool condition_has_client(const struct image *image, const void *condition,
                          const struct filter_name *name);
bool condition_has_tag(const struct image *image, const void *condition, const char *tags);
bool condition_has_type(const void *condition, uint16_t qtype);
const struct condition_answer *condition_answer(const void *condition);
/* An address that reaches nobody: such an answer refuses the name. */
bool condition_answer_is_null(const struct condition_answer *answer);

/* Does the condition at that place lie within its section, and its texts in theirs? */
bool condition_is_sound(const struct image *image, enum rule_condition which, uint32_t at);

#endif
