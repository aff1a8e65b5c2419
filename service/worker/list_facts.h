/* The lists in the control socket's words; see facts.h. `owner` is a struct facts. */
#ifndef SERVICE_WORKER_LIST_FACTS_H
#define SERVICE_WORKER_LIST_FACTS_H

#include "service/control/control.h"

void list_facts_tell(void *owner, control_list_fn *tell, void *to);
const char *list_facts_problem(void *owner);
int list_facts_update(void *owner, const char *name);

#endif
