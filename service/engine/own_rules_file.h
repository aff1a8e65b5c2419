/* The user's own rules in the worker's folder: one small file (base/kept_file), so that what one
 * worker writes, all of them obey. */
#ifndef SERVICE_ENGINE_OWN_RULES_FILE_H
#define SERVICE_ENGINE_OWN_RULES_FILE_H

#include "base/kept_file.h"
#include "service/engine/own_rules.h"

#define OWN_RULES_FILE_NAME "rules"

/* 0; -ENOENT nothing was ever written; -EBADMSG it is damaged; others. */
int own_rules_file_read(const struct kept_file *file, struct own_rules *ret);
/* 0; < 0 and the file is as before. */
int own_rules_file_write(const struct kept_file *file, const struct own_rules *rules);

#endif
