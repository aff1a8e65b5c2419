/* Client and server of the tunnel's benchmark; prints what was measured as name=value.
 *
 *   bench_load serve HOST PORT PROCESSES
 *   bench_load count HOST PORT                         datagrams that the server discarded
 *   bench_load up|down HOST PORT STREAMS SECONDS
 *   bench_load rtt HOST PORT BYTES SECONDS             microseconds
 *   bench_load rate HOST PORT AT_A_TIME SECONDS        new connections
 *   bench_load wide HOST PORT CONNECTIONS SECONDS      round-robin requests
 *   bench_load drip HOST PORT WRITES_PER_SECOND SECONDS    one byte each
 *   bench_load hold HOST PORT CONNECTIONS              until stdin ends
 *   bench_load udp-up|udp-down HOST PORT BYTES PER_SECOND SECONDS
 *   bench_load udp-flows HOST PORT AT_A_TIME SECONDS   one question from each new socket
 *   bench_load udp-hold HOST PORT FLOWS                all open at a time
 *   bench_load udp-segments HOST PORT BYTES SECONDS    UDP_SEGMENT, as fast as it can */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void prepare(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1UL); /* pacing by sleeping */
}

static int run(const char *what, const double *numbers, int count)
{
    if (count == 1 && strcmp(what, "serve") == 0)
        load_serve((int)numbers[0]);
    else if (count == 0 && strcmp(what, "count") == 0)
        load_count();
    else if (count == 1 && strcmp(what, "hold") == 0)
        load_tcp_hold((int)numbers[0]);
    else if (count == 1 && strcmp(what, "udp-hold") == 0)
        load_udp_hold((int)numbers[0]);
    else if (count == 2 && (strcmp(what, "up") == 0 || strcmp(what, "down") == 0))
        load_tcp_bulk(what[0], (int)numbers[0], numbers[1]);
    else if (count == 2 && strcmp(what, "rtt") == 0)
        load_tcp_rtt((size_t)numbers[0], numbers[1]);
    else if (count == 2 && strcmp(what, "rate") == 0)
        load_tcp_rate((int)numbers[0], numbers[1]);
    else if (count == 2 && strcmp(what, "wide") == 0)
        load_tcp_wide((int)numbers[0], numbers[1]);
    else if (count == 2 && strcmp(what, "drip") == 0)
        load_tcp_drip(numbers[0], numbers[1]);
    else if (count == 2 && strcmp(what, "udp-flows") == 0)
        load_udp_flows((int)numbers[0], numbers[1]);
    else if (count == 2 && strcmp(what, "udp-segments") == 0)
        load_udp_segments((size_t)numbers[0], numbers[1]);
    else if (count == 3 && strcmp(what, "udp-up") == 0)
        load_udp_up((size_t)numbers[0], numbers[1], numbers[2]);
    else if (count == 3 && strcmp(what, "udp-down") == 0)
        load_udp_down((size_t)numbers[0], numbers[1], numbers[2]);
    else
        return 2;
    return 0;
}

int main(int argc, char **argv)
{
    double numbers[3];
    int count = argc - 4;
    prepare();
    if (count < 0 || count > 3)
        return 2;
    load_set_target(argv[2], argv[3]);
    for (int i = 0; i < count; i++)
        numbers[i] = atof(argv[4 + i]);
    return run(argv[1], numbers, count);
}
