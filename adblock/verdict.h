/* What the filter says. A value type; the rule and list behind it are numbers that the filter turns
 * into text (filter_describe). */
#ifndef ADBLOCK_VERDICT_H
#define ADBLOCK_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict_action {
    VERDICT_NONE,    /* no rule speaks of it: pass */
    VERDICT_ALLOW,   /* an exception: pass; of a request only where it beat a blocking rule */
    VERDICT_BLOCK,   /* refuse */
    VERDICT_HOST,    /* a hosts line: DNS answers with its address (0.0.0.0 and :: mean refuse) */
    VERDICT_REWRITE, /* DNS answers something else ($dnsrewrite, RPZ) */
};

struct verdict {
    enum verdict_action action;
    uint16_t list;  /* index into the filter's sources */
    uint32_t rule;  /* the deciding rule; meaningful unless VERDICT_NONE */
    uint8_t labels; /* of the asked name that the rule spells, from the right; 0: it spells none */
};

/* Must the conversation be refused? */
static inline bool verdict_is_block(const struct verdict *verdict)
{
    return verdict->action == VERDICT_BLOCK || verdict->action == VERDICT_HOST;
}

#endif
