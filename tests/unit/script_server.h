/* A TCP server on the loopback interface that follows a script: waits for these bytes, answers with
 * those. One connection; on the loop of the test. */
#ifndef TESTS_SCRIPT_SERVER_H
#define TESTS_SCRIPT_SERVER_H

#include "base/endpoint.h"
#include "base/loop.h"

enum script_end { SCRIPT_STAYS, SCRIPT_CLOSES, SCRIPT_RESETS };

struct script_step {
    const char *expect;
    size_t expect_size; /* 0: any */
    const char *send;
    size_t send_size;
};

#define SCRIPT_STEP(expect, send)                                                                  \
    {                                                                                              \
        expect, sizeof(expect) - 1, send, sizeof(send) - 1                                         \
    }

struct script_server {
    struct loop *loop;
    const struct script_step *steps;
    size_t count;
    enum script_end end;
    bool drips; /* sends one byte a turn */
    struct address address;

    size_t accepted, done; /* connections, steps */
    size_t got_size;
    char got[4096]; /* what came since the last step */

    int listener, fd;
    struct watch *listening, *watch;
    struct deferred drip;
    const char *dripping;
    size_t drip_size;
};

void script_server_open(struct script_server *server, struct loop *loop,
                        const struct script_step *steps, size_t count);
void script_server_close(struct script_server *server);

#endif
