/* The rules of base/stream.h as a test suite that every implementation of a stream is run through.
 *
 * The implementer gives a way to make a fresh connected pair: the stream under test and its far
 * end, which the suite drives as a plain peer would: it sends, receives, finishes and resets.
 *
 *   static int open_pair(void *owner, struct loop *loop, struct contract_pair *ret)
 *   {
 *       int fds[2] = ...;                        two ends of a TCP connection, not blocking
 *       ret->stream = socket_stream_new(loop, fds[0]);
 *       contract_remote_from_fd(fds[1], &ret->remote);
 *       return 0;
 *   }
 *
 *   int main(void)
 *   {
 *       static const struct stream_contract contract = {.name = "socket", .open = open_pair};
 *       int failed = cmocka_run_group_tests(tests, NULL, NULL);   the implementation's own tests
 *       return failed + stream_contract_run(&contract);
 *   }
 *
 * and links `stream_contract`. A far end that is not a descriptor (a TLS server over a fake stream,
 * a TCP client that speaks packets) fills in contract_remote itself; the suite turns the loop while
 * it waits for either side, so the far end may live on the same loop. */
#ifndef TESTS_STREAM_CONTRACT_H
#define TESTS_STREAM_CONTRACT_H

#include "base/stream.h"

struct contract_remote {
    /* Bytes taken, 0 when nothing can be taken now, < 0 broken. */
    ssize_t (*send)(void *owner, const void *data, size_t size);
    /* > 0 bytes, 0 nothing now, ERR_EOF the stream finished, other < 0 it was reset. */
    ssize_t (*receive)(void *owner, void *to, size_t capacity);
    void (*finish)(void *owner); /* an orderly end of sending; receiving goes on */
    void (*reset)(void *owner);  /* the rudest end there is; only free follows */
    void (*free)(void *owner);   /* after each test, when the stream has been let go */
    void *owner;
};

struct contract_pair {
    struct stream *stream;
    struct contract_remote remote;
};

/* What an implementation cannot do by its nature. */
enum contract_exception {
    /* Its abort looks like an orderly end to the far end. */
    CONTRACT_ABORT_IS_UNSEEN = 1,
    /* It has no half-close: after either side's finish nothing flows in the other direction. */
    CONTRACT_NO_HALF_CLOSE = 2,
};

struct stream_contract {
    const char *name;
    /* A connected pair on this loop; 0, or anything else fails the test. Called once per test. */
    int (*open)(void *owner, struct loop *loop, struct contract_pair *ret);
    void *owner;
    unsigned exceptions;
    uint64_t patience_ms; /* how long what should come may take; 0: 5 s */
};

/* Runs the suite as a cmocka group and returns how many of its tests failed. */
int stream_contract_run(const struct stream_contract *contract);

/* A far end that is a descriptor, which it takes over and makes non-blocking. */
int contract_remote_from_fd(int fd, struct contract_remote *ret);
/* A far end that is a stream itself, which it takes over. */
int contract_remote_from_stream(struct stream *stream, struct contract_remote *ret);

#endif
