/* The engine's decisions in the query log's words: an adapter, so that neither knows the other. */
#ifndef SERVICE_WORKER_QUERY_ENTRY_H
#define SERVICE_WORKER_QUERY_ENTRY_H

#include "service/config.h"
#include "service/control/query_log.h"
#include "service/engine/decisions.h"

/* `owner` is a struct query_log. */
decision_fn query_entry_add;
struct query_log_settings query_entry_settings(const struct config_query_log *config);

#endif
