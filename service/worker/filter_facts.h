/* The filter in the control socket's words: what it says of a name or a request, and what the user
 * says in passing; see facts.h. `owner` is a struct facts. */
#ifndef SERVICE_WORKER_FILTER_FACTS_H
#define SERVICE_WORKER_FILTER_FACTS_H

#include "service/control/control.h"

int filter_facts_check(void *owner, const struct control_question *question,
                       struct control_verdict *ret);
int filter_facts_explain(void *owner, const struct control_question *question,
                         control_match_fn *tell, void *to);
void filter_facts_tell(void *owner, struct control_filter *ret);
void filter_facts_tell_rules(void *owner, control_rule_fn *tell, void *to);
int filter_facts_change(void *owner, const struct control_change *change);

#endif
