/* From the YAML document to the structure and back to nothing: walks the schema's rows, so it knows
 * no key by name. What rows cannot say (this key needs that one) is config_check's. */
#ifndef SERVICE_CONFIG_LOAD_H
#define SERVICE_CONFIG_LOAD_H

#include "service/config_schema.h"
#include "service/config_yaml.h"

/* Fill a zeroed structure: what the mapping says, the defaults for the rest. `mapping` NULL: only
 * defaults. 0, -EINVAL with the document's error, -ENOMEM; the structure is then half-filled. */
int config_load(struct config_yaml *yaml, const struct config_section *section,
                yaml_node_t *mapping, void *to);

/* Free what the fields own; accepts half-filled ones. */
void config_release(const struct config_section *section, void *at);

#endif
