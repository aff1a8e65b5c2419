/* What a user decided in passing: the filter pauses until then, this name is allowed or denied, for
 * a while or for ever. Times are the wall clock's, so that they mean the same after a restart. Data
 * and its text; who keeps and obeys it is own_rules_file and engine_rules. */
#ifndef SERVICE_ENGINE_OWN_RULES_H
#define SERVICE_ENGINE_OWN_RULES_H

#include "base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OWN_RULES_MAX = 2000, OWN_RULES_TEXT_MAX = 1024 * 1024 };
#define OWN_RULES_FOR_EVER INT64_MAX

struct own_rule {
    char name[NAME_MAX_BYTES + 1]; /* lower case; with everything below it */
    bool is_allowed;
    int64_t until_s; /* Unix time, or OWN_RULES_FOR_EVER */
};

/* {0} is empty. */
struct own_rules {
    struct own_rule *rules; /* the oldest first */
    size_t count;
    int64_t paused_until_s; /* 0: not paused */
};

void own_rules_done(struct own_rules *rules);
/* In place of what was said of that very name before. 0; ERR_LIMIT, -ENOMEM. */
int own_rules_put(struct own_rules *rules, const char *name, bool is_allowed, int64_t until_s);
/* False if there was nothing. */
bool own_rules_remove(struct own_rules *rules, const char *name);
/* Take away what is over; true if there was something. */
bool own_rules_expire(struct own_rules *rules, int64_t now_s);
/* When the next of them is over; OWN_RULES_FOR_EVER: none will be. */
int64_t own_rules_next_end(const struct own_rules *rules);

/* Lines that cannot be read are left out. 0; -EBADMSG this is no such text; -ENOMEM. On failure
 * *ret is untouched. */
int own_rules_parse(const char *text, size_t size, struct own_rules *ret);
/* Allocated; NULL: out of memory. */
char *own_rules_format(const struct own_rules *rules, size_t *ret_size);

#endif
