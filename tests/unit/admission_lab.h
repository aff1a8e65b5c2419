/* Admission with a host that keeps a set, as the root half does, and answers at once, late or with
 * no; and with a resolver on loopback for the names of proxies. */
#ifndef TESTS_ADMISSION_LAB_H
#define TESTS_ADMISSION_LAB_H

#include "base/loop.h"
#include "service/engine/admission.h"

enum { ADMITTED_MAX = 32, ASKED_MAX = 64 };

struct asked {
    struct address address;
    int protocol;
};

struct admission_lab {
    struct loop *loop;
    uint64_t now_ms;
    struct pool *pool;
    struct admission *admission;
    struct config config;
    /* The host: a set, as the root half keeps it. */
    struct asked admitted[ADMITTED_MAX];
    size_t admitted_count;
    struct asked unanswered[ASKED_MAX];
    size_t unanswered_count;
    bool answers_late;
    int refusal; /* < 0: to whatever is asked */
    int ready, failed, failed_err, withdrawals;
    /* The resolver. */
    int dns_fd;
    struct watch *dns_watch;
    struct address dns_address;
    const char *answers[4]; /* of every name; none: NXDOMAIN */
    bool is_silent;
    int questions;
};

int admission_lab_open(void **state);
int admission_lab_close(void **state);

/* Answer the first that are unanswered, in the order in which they were asked. */
void admission_lab_answer(struct admission_lab *lab, size_t count, int err);
/* Port 0: any, of UDP; else TCP. */
bool admission_lab_is_admitted(struct admission_lab *lab, const char *ip, uint16_t port);

struct upstream_options admission_lab_proxy(const char *name, const char *server, bool has_udp);
void admission_lab_start(struct admission_lab *lab, const struct upstream_options *list,
                         size_t count);
const struct upstream *admission_lab_upstream(struct admission_lab *lab, size_t i);

void admission_lab_wait(struct admission_lab *lab, const int *counter, int wanted);
void admission_lab_pass(struct admission_lab *lab, uint64_t ms);

#endif
