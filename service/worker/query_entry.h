/* The engine's decisions in the query log's words: an adapter, so that neither knows the other. */
#ifndef SERVICE_WORKER_QUERY_ENTRY_H
#define SERVICE_WORKER_QUERY_ENTRY_H

#include "service/config.h"
#include "service/control/query_log.h"
#include "service/engine/decisions.h"

/* All but the program. */
void query_entry_fill(struct query_log_entry *entry, const struct decision *decision);
struct query_log_settings query_entry_settings(const struct config_query_log *config);

#endif
