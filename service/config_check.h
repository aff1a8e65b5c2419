/* What the schema's rows cannot say: defaults that depend on other values, and values that do not
 * go together. */
#ifndef SERVICE_CONFIG_CHECK_H
#define SERVICE_CONFIG_CHECK_H

#include "service/config_yaml.h"

/* Names, ports and the default upstream. 0, -EINVAL with the document's error, -ENOMEM. */
int config_complete(struct config_yaml *yaml, struct config *config);
/* 0, or -EINVAL with the document's error at the value that is to be changed. */
int config_check(struct config_yaml *yaml, const struct config *config);

/* The same for the upstreams alone (service/config_upstream.c). */
int config_complete_upstreams(struct config_yaml *yaml, struct config *config);
int config_check_upstreams(struct config_yaml *yaml, const struct config *config);

/* And for the lists (service/config_lists.c): the catalogue's and the categories' become lists like
 * the others. */
int config_complete_lists(struct config_yaml *yaml, struct config_filter *filter);
int config_check_lists(struct config_yaml *yaml, const struct config_filter *filter);

/* What the region allows (service/config_region.c): the query log is not kept longer, and perhaps
 * with consent only; categories that are not for it are refused. */
void config_complete_region(struct config *config);
int config_check_region(struct config_yaml *yaml, const struct config *config);

/* Complain about the value at a path such as "dns.servers[1]", or about the nearest thing above it
 * that the file has; returns -EINVAL. */
__attribute__((format(printf, 3, 4))) int config_fail_at(struct config_yaml *yaml, const char *path,
                                                         const char *format, ...);

#endif
