/* SQLite files in a folder of which we have a descriptor alone, and SQLite's codes in our currency.
 * For the ledger and the query log. */
#ifndef SERVICE_CONTROL_USAGE_SQLITE_H
#define SERVICE_CONTROL_USAGE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>

/* 0, -ENOMEM, -EBADMSG (damaged, or no database), -ENOSPC, else -EIO. */
int usage_sqlite_err(int code);
/* `dir_fd` is borrowed for the connection's life; -1: in memory. -ENOENT only without may_make. */
int usage_sqlite_open(int dir_fd, const char *name, bool may_make, sqlite3 **ret);

#endif
