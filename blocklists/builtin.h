/* The list that comes with Atlantic, inside the program: builtin.txt of this folder, compiled in,
 * so that there is something to filter with before any file is installed or downloaded. */
#ifndef BLOCKLISTS_BUILTIN_H
#define BLOCKLISTS_BUILTIN_H

#include <stddef.h>

extern const char builtin_list_text[]; /* FILTER_DOMAINS; not terminated */
extern const size_t builtin_list_size;

#endif
