/* Which queue a packet goes to: the function, and the kernel's program against it. */
#include "service/supervisor/steering.h"

#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ETHERNET = 14 };

static void dns_goes_to_the_first(void **state)
{
    (void)state;
    for (unsigned port = 1; port < 65536; port++)
        assert_int_equal(steering_queue((uint16_t)port, 53, 4), 0);
}

/* Linux takes even ports for connections and odd ones for sockets that are bound first. */
static void even_ports_spread(void **state)
{
    (void)state;
    for (unsigned queues = 1; queues <= 8; queues++) {
        unsigned counts[8] = {0}, total = 0;
        for (unsigned port = 32768; port < 61000; port += 2, total++)
            counts[steering_queue((uint16_t)port, 443, queues)]++;
        for (unsigned i = 0; i < queues; i++)
            assert_in_range(counts[i], total / queues * 9 / 10, total / queues * 11 / 10);
    }
}

/* In a row, as an application opens them that wants to be fast. */
static void few_in_a_row_spread_too(void **state)
{
    (void)state;
    for (unsigned first = 32768; first < 60000; first += 34) {
        unsigned count = 0;
        for (unsigned i = 0; i < 10; i++)
            count += steering_queue((uint16_t)(first + 2 * i), 443, 2);
        assert_in_range(count, 2, 8);
    }
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

struct sample {
    uint8_t bytes[ETHERNET + 80];
    size_t size;
};

static struct sample ip4(uint8_t protocol, unsigned fragment, unsigned own, unsigned peer)
{
    struct sample sample = {.size = ETHERNET + 24 + 8};
    uint8_t *ip = sample.bytes + ETHERNET;
    ip[0] = 0x46; /* with an option */
    put16(ip + 6, fragment);
    ip[9] = protocol;
    put16(ip + 24, own);
    put16(ip + 26, peer);
    return sample;
}

static struct sample ip6(uint8_t next, unsigned own, unsigned peer)
{
    struct sample sample = {.size = ETHERNET + 40 + 8};
    uint8_t *ip = sample.bytes + ETHERNET;
    ip[0] = 0x60;
    ip[6] = next;
    put16(ip + 40, own);
    put16(ip + 42, peer);
    return sample;
}

/* A trial run hands over a frame from behind its Ethernet header on. */
static uint32_t run(int program, struct sample sample)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof(attributes));
    attributes.test.prog_fd = (uint32_t)program;
    attributes.test.data_in = (uintptr_t)sample.bytes;
    attributes.test.data_size_in = (uint32_t)sample.size;
    assert_int_equal(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes)), 0);
    return attributes.test.retval;
}

static void the_program_does_as_the_function_says(void **state)
{
    int program = steering_load();
    (void)state;
    if (program == -EPERM || program == -ENOSYS)
        skip(); /* without rights, or where the kernel has none */
    assert_true(program >= 0);
    for (unsigned port = 1; port < 65536; port += 251) {
        unsigned wanted = steering_queue((uint16_t)port, 443, 5);
        assert_int_equal(run(program, ip4(TCP, 0x4000, port, 443)) % 5, wanted);
        assert_int_equal(run(program, ip4(UDP, 0, port, 443)) % 5, wanted);
        assert_int_equal(run(program, ip6(TCP, port, 443)) % 5, wanted);
        assert_int_equal(run(program, ip6(UDP, port, 443)) % 5, wanted);
        assert_int_equal(run(program, ip4(UDP, 0, port, 53)), 0);
        assert_int_equal(run(program, ip6(TCP, port, 53)), 0);
        assert_int_equal(run(program, ip4(UDP, 0x2000, port, 443)), 0); /* the first fragment */
        assert_int_equal(run(program, ip4(UDP, 7, port, 443)), 0);
        assert_int_equal(run(program, ip4(ICMP, 0, port, 443)), 0);
        assert_int_equal(run(program, ip6(44, port, 443)), 0);
    }
    struct sample cut = ip4(TCP, 0, 999, 443);
    cut.size = ETHERNET + 21;
    assert_int_equal(run(program, cut), 0);
    close(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dns_goes_to_the_first),
        cmocka_unit_test(even_ports_spread),
        cmocka_unit_test(few_in_a_row_spread_too),
        cmocka_unit_test(the_program_does_as_the_function_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
