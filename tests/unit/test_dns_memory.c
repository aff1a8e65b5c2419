/* Questions that are answered at once take no memory: every allocation of our own code is counted
 * (the linker turns its calls of malloc and the like into ours). */
#include "udp_flow_lab.h"

#include "adblock/dns_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { QUESTIONS = 1000 };

static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

static void ask(struct udp_flow_lab *lab, const char *name, uint16_t qtype)
{
    uint8_t query[DNS_UDP_DEFAULT];
    ssize_t size = dns_message_query(7, name, qtype, query, sizeof(query));

    assert_true(size > 0);
    fake_dgram_deliver(lab->client, "192.0.2.53:53", query, (size_t)size);
}

static void test_a_refusal_takes_no_memory(void **state)
{
    struct udp_flow_lab *lab = *state;
    size_t before;

    engine_lab_block(&lab->engine, "ads.example\n");
    before = allocations;
    for (int i = 0; i < QUESTIONS; i++)
        ask(lab, i % 2 ? "ads.example" : "www.ads.example", i % 3 ? DNS_A : DNS_HTTPS);
    assert_int_equal(lab->client->sent, QUESTIONS);
    assert_int_equal(allocations, before);
}

static void test_an_answer_that_was_kept_takes_no_memory(void **state)
{
    struct udp_flow_lab *lab = *state;
    size_t before = allocations;

    ask(lab, "web.example", DNS_A);
    assert_true(allocations > before); /* a server has to be asked */
    engine_lab_wait(&lab->engine, &lab->client->sent, 1);
    before = allocations;
    for (int i = 0; i < QUESTIONS; i++)
        ask(lab, "web.example", DNS_A);
    assert_int_equal(lab->client->sent, QUESTIONS + 1);
    assert_int_equal(allocations, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_refusal_takes_no_memory, udp_flow_lab_open,
                                        udp_flow_lab_close),
        cmocka_unit_test_setup_teardown(test_an_answer_that_was_kept_takes_no_memory,
                                        udp_flow_lab_open, udp_flow_lab_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
