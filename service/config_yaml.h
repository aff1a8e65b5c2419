/* One YAML document, read with the position of every node (libyaml), for the configuration only.
 * It says where something is and what is wrong with the syntax; it does not know any key. */
#ifndef SERVICE_CONFIG_YAML_H
#define SERVICE_CONFIG_YAML_H

#include "service/config.h"

enum { CONFIG_FILE_MAX_BYTES = 256 * 1024 };

struct config_yaml;
typedef struct yaml_node_s yaml_node_t;

/* `name` is borrowed as long as the document lives, `error` is where every complaint goes. An empty
 * text is an empty document. 0, -EINVAL (see *error), -ENOMEM. */
int config_yaml_open(const char *name, const char *text, size_t size, struct config_error *error,
                     struct config_yaml **ret);
/* NULL is accepted. Scalars are wiped: there may be credentials among them. */
void config_yaml_close(struct config_yaml *yaml);

/* NULL when the document is empty. */
yaml_node_t *config_yaml_root(struct config_yaml *yaml);

/* The scalar's text; NULL when it is no scalar or holds a NUL. */
const char *config_yaml_text(const yaml_node_t *node);
/* Nothing was written (`key:`), or `~`, or `null`. */
bool config_yaml_is_null(const yaml_node_t *node);
bool config_yaml_is_mapping(const yaml_node_t *node);
bool config_yaml_is_list(const yaml_node_t *node);

/* Pairs of a mapping: false behind the last one. */
bool config_yaml_pair(struct config_yaml *yaml, const yaml_node_t *mapping, size_t index,
                      yaml_node_t **ret_key, yaml_node_t **ret_value);
/* Items of a sequence: NULL behind the last one. */
yaml_node_t *config_yaml_item(struct config_yaml *yaml, const yaml_node_t *sequence, size_t index);
size_t config_yaml_count(const yaml_node_t *sequence);

/* "upstreams[2].tls.name": that node, or NULL if the file does not have it. */
yaml_node_t *config_yaml_find(struct config_yaml *yaml, const char *path);
/* The same, or the nearest one above it that the file has; NULL only for an empty document. */
yaml_node_t *config_yaml_nearest(struct config_yaml *yaml, const char *path);

unsigned config_yaml_line(const yaml_node_t *node);

/* Write "FILE:LINE:COLUMN: ..." for the node (NULL: the start of the file); returns -EINVAL. */
int config_yaml_fail(struct config_yaml *yaml, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
