/* Scope-owned things: released when the variable leaves its scope, on every path. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *where)
{
    free(*(void **)where);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

#define _free_     _cleanup_(cleanup_free)
#define _close_fd_ _cleanup_(cleanup_close)
#define _fclose_   _cleanup_(cleanup_fclose)

#endif
