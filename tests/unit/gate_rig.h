/* What the tests of http_gate work with: the gate over a fake stream. The test is the client
 * (through the fake stream) and the owner (of the gate). */
#ifndef TESTS_UNIT_GATE_RIG_H
#define TESTS_UNIT_GATE_RIG_H

#include "adblock/http_gate.h"
#include "tests/fake/fake_filter.h"
#include "tests/fake/fake_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TEXT_MAX = 256 * 1024 };

struct fixture {
    struct loop *loop;
    struct fake_stream *client;
    struct stream *gate;
    struct filter filter;
    bool is_paused;
    int decisions, blocks;
    char up[TEXT_MAX];   /* what the owner could read */
    char down[TEXT_MAX]; /* what reached the client */
    size_t up_size, down_size;
    int end; /* what peek said last, where it was negative */
};

int gate_rig_setup(void **state);
int gate_rig_setup_in_bytes(void **state); /* the client's bytes come one by one */
int gate_rig_teardown(void **state);

void turn(struct fixture *f);
void send_request(struct fixture *f, const char *text);
void answer(struct fixture *f, const char *text);
void forget(struct fixture *f);
void assert_starts(const char *text, const char *start);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define OK(body)  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" body
#define FORBIDDEN "HTTP/1.1 403 "
#define BAD_HEAD  "HTTP/1.1 400 "

#define gate_test(name) cmocka_unit_test_setup_teardown(name, gate_rig_setup, gate_rig_teardown)
#define gate_test_in_bytes(name)                                                                   \
    {                                                                                              \
#name "_in_bytes", name, gate_rig_setup_in_bytes, gate_rig_teardown, NULL                  \
    }

#endif
