#include "service/engine/answer_cache.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct exchange {
    struct dns_question question;
    uint8_t answer[512];
    size_t size;
};

/* An answer with one address and this TTL. */
static struct exchange make(const char *name, uint16_t qtype, uint32_t ttl_s)
{
    struct exchange exchange = {0};
    struct address address;
    uint8_t query[512];
    ssize_t size = dns_message_query(7, name, qtype, query, sizeof(query));

    assert_true(size > 0);
    assert_int_equal(dns_message_parse_question(query, (size_t)size, &exchange.question), 0);
    address_parse_ip(qtype == DNS_A ? "192.0.2.1" : "2001:db8::1", &address);
    size = dns_message_addresses(query, (size_t)size, &exchange.question, &address, 1, ttl_s,
                                 exchange.answer, sizeof(exchange.answer));
    assert_true(size > 0);
    exchange.size = (size_t)size;
    return exchange;
}

static void put(struct answer_cache *cache, const struct exchange *exchange, uint32_t ttl_s,
                uint64_t now_ms)
{
    answer_cache_put(cache, &exchange->question, exchange->answer, exchange->size, ttl_s, now_ms);
}

static enum answer_state state; /* of the last one */

static ssize_t get(struct answer_cache *cache, const struct exchange *exchange, uint64_t now_ms,
                   uint8_t to[512])
{
    return answer_cache_get(cache, &exchange->question, now_ms, to, 512, &state);
}

static void test_ages_and_ends(void **unused)
{
    struct answer_cache *cache = answer_cache_new(10, 100000, 0);
    struct exchange exchange = make("a.example", DNS_A, 60);
    struct dns_answer answer;
    uint8_t to[512];

    (void)unused;
    assert_int_equal(get(cache, &exchange, 0, to), -ENOENT);
    put(cache, &exchange, 60, 1000);
    exchange.question.id = 0xbeef;
    assert_int_equal(get(cache, &exchange, 11000, to), exchange.size);
    assert_int_equal(to[0] << 8 | to[1], 0xbeef);
    assert_int_equal(dns_message_parse_answer(to, exchange.size, &exchange.question, &answer), 0);
    assert_int_equal(answer.ttl_s, 50);
    assert_int_equal(get(cache, &exchange, 61000, to), -ENOENT);
    assert_int_equal(answer_cache_stats(cache).entries, 0);
    assert_int_equal(answer_cache_stats(cache).bytes, 0);
    answer_cache_free(cache);
}

static void test_type_is_part_of_the_question(void **unused)
{
    struct answer_cache *cache = answer_cache_new(10, 100000, 0);
    struct exchange a = make("a.example", DNS_A, 60), aaaa = make("a.example", DNS_AAAA, 60);
    struct exchange plain = a;
    uint8_t to[512];

    (void)unused;
    put(cache, &a, 60, 0);
    assert_int_equal(get(cache, &aaaa, 0, to), -ENOENT);
    plain.question.wants_dnssec = !a.question.wants_dnssec;
    assert_int_equal(get(cache, &plain, 0, to), -ENOENT);
    answer_cache_free(cache);
}

static void test_stale(void **unused)
{
    struct answer_cache *cache = answer_cache_new(10, 100000, 100);
    struct exchange a = make("a.example", DNS_A, 60);
    struct dns_answer answer;
    uint8_t to[512];

    (void)unused;
    put(cache, &a, 60, 0);
    assert_true(get(cache, &a, 59999, to) > 0);
    assert_int_equal(state, ANSWER_FRESH);
    assert_true(get(cache, &a, 60000, to) > 0);
    assert_int_equal(state, ANSWER_STALE);
    assert_int_equal(dns_message_parse_answer(to, a.size, &a.question, &answer), 0);
    assert_int_equal(answer.ttl_s, ANSWER_STALE_TTL_S);
    answer_cache_hold(cache, &a.question, 90000);
    assert_true(get(cache, &a, 89999, to) > 0);
    assert_int_equal(state, ANSWER_STALE_HELD);
    assert_true(get(cache, &a, 159999, to) > 0);
    assert_int_equal(state, ANSWER_STALE);
    assert_int_equal(get(cache, &a, 160000, to), -ENOENT);
    answer_cache_free(cache);
}

static void test_popular_ones_are_due_before_their_end(void **unused)
{
    struct answer_cache *cache = answer_cache_new(10, 100000, 0);
    struct exchange a = make("a.example", DNS_A, 60);
    uint8_t to[512];

    (void)unused;
    put(cache, &a, 60, 0);
    get(cache, &a, 55000, to); /* asked once: not popular */
    assert_int_equal(state, ANSWER_FRESH);
    get(cache, &a, 55000, to);
    assert_int_equal(state, ANSWER_FRESH_DUE);
    get(cache, &a, 55000, to); /* said once */
    assert_int_equal(state, ANSWER_FRESH);
    put(cache, &a, 60, 55000);
    get(cache, &a, 56000, to);
    get(cache, &a, 57000, to);
    assert_int_equal(state, ANSWER_FRESH); /* far from its end */
    answer_cache_free(cache);
}

static void test_bounds(void **unused)
{
    struct answer_cache *cache = answer_cache_new(2, 100000, 0);
    struct exchange a = make("a.example", DNS_A, 60), b = make("b.example", DNS_A, 60),
                    c = make("c.example", DNS_A, 60);
    uint8_t to[512];

    (void)unused;
    put(cache, &a, 60, 0);
    put(cache, &b, 60, 0);
    assert_true(get(cache, &a, 0, to) > 0); /* used: b is the one to go */
    put(cache, &c, 60, 0);
    assert_true(get(cache, &a, 0, to) > 0);
    assert_int_equal(get(cache, &b, 0, to), -ENOENT);
    assert_int_equal(answer_cache_stats(cache).evictions, 1);
    put(cache, &a, 0, 0); /* an answer that must not be kept takes the old one away */
    assert_int_equal(get(cache, &a, 0, to), -ENOENT);
    assert_int_equal(answer_cache_get(cache, &c.question, 0, to, 10, &state), -ENOBUFS);
    answer_cache_free(cache);

    cache = answer_cache_new(100, 50, 0);
    put(cache, &a, 60, 0);
    assert_int_equal(answer_cache_stats(cache).entries, 0);
    answer_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages_and_ends),
        cmocka_unit_test(test_type_is_part_of_the_question),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_popular_ones_are_due_before_their_end),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
