/* atlantic-worker: everything that reads what the network sent. Started by atlanticd alone, with
 * the wire to it as descriptor 3; see atlantic-worker(8). */
#include "base/err.h"
#include "service/worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { IPC_FD = 3, EXIT_USAGE = 2 };

static int usage(FILE *to, int status)
{
    fprintf(to, "atlantic-worker is started by atlanticd; there is nothing to start by hand.\n"
                "See atlanticd(8), or run: atlantic --help\n");
    return status;
}

static int is_wire(int fd)
{
    int type = 0;
    socklen_t size = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
    struct loop *loop;
    struct worker *worker;
    int status = 1;

    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return printf("atlantic-worker %s\n", ATLANTIC_VERSION) < 0;
    if (argc > 1 || !is_wire(IPC_FD))
        return usage(stderr, EXIT_USAGE);
    signal(SIGPIPE, SIG_IGN);
    loop = loop_new();
    if (loop && worker_new(loop, IPC_FD, &worker) == 0) {
        loop_run(loop);
        status = worker_exit_status(worker);
        worker_free(worker);
    }
    loop_free(loop);
    return status;
}
