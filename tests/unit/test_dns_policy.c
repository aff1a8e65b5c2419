/* What is decided about questions and answers, with real lists. */
#include "service/engine/dns_policy.h"

#include "tests/unit/dns_bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Three such records are more than a datagram without EDNS may hold. */
#define LONG                                                                                       \
    "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"   \
    "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const char rules[] = "||ads.example^\n"
                            "@@||good.ads.example^\n"
                            "||192.0.2.66^\n"
                            "||mail.example^$dnsrewrite=NOERROR;MX;10 mx.example.\n"
                            "||here.example^$dnsrewrite=192.0.2.7\n"
                            "||gone.example^$dnsrewrite=NXDOMAIN\n"
                            "||search.example^$dnsrewrite=Safe.Search.example.\n"
                            "||nas.lan^$dnsrewrite=192.168.1.5\n"
                            "||wordy.example^$dnsrewrite=NOERROR;TXT;" LONG "1\n"
                            "||wordy.example^$dnsrewrite=NOERROR;TXT;" LONG "2\n"
                            "||wordy.example^$dnsrewrite=NOERROR;TXT;" LONG "3\n";
static const char hosts[] = "# hosts\n192.168.1.9 printer.example\n0.0.0.0 null.example\n"
                            "127.0.0.1 loop.example\n";
static const char rpz[] = "$TTL 60\n@ SOA ns. me. 1 1 1 1 1\n  NS ns.\n"
                          "drop.example CNAME rpz-drop.\n"
                          "tcp.example CNAME rpz-tcp-only.\n"
                          "nodata.example CNAME *.\n"
                          "32.77.2.0.192.rpz-ip CNAME .\n"
                          "*.badhost.example.rpz-nsdname CNAME .\n"
                          "ns.evil.example.rpz-nsdname CNAME .\n";

static struct filter *filter;
static struct decisions decisions;
static struct config_dns config;
static struct dns_policy policy;
static bool is_listed;
static char *private_names[] = {(char *)"corp.example", (char *)"office.lan"};

static const struct filter *filter_in_force(void *owner)
{
    (void)owner;
    return filter;
}

static void nothing(void *owner)
{
    (void)owner;
}

static int setup(void **state)
{
    const struct filter_source sources[] = {
        {.name = "rules",
         .category = "ads",
         .format = FILTER_ADBLOCK,
         .text = rules,
         .size = sizeof(rules) - 1},
        {.name = "hosts",
         .category = "ads",
         .format = FILTER_HOSTS,
         .text = hosts,
         .size = sizeof(hosts) - 1},
        {.name = "rpz",
         .category = "ads",
         .format = FILTER_RPZ,
         .text = rpz,
         .size = sizeof(rpz) - 1},
    };
    struct filter_problem problem;

    (void)state;
    assert_int_equal(filter_compile(sources, 3, NULL, 0, &filter, &problem), 0);
    decisions = (struct decisions){.filter = filter_in_force, .on_blocked = nothing};
    config = (struct config_dns){.refuses_private_answers = true,
                                 .private_names = private_names,
                                 .private_names_count = 2,
                                 .blocking_ttl_s = 10};
    is_listed = true;
    policy = (struct dns_policy){.config = &config, .decisions = &decisions};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    filter_unref(filter);
    return 0;
}

/* The question that was asked last, what became of it, and the answer as text. */
static uint8_t query[512], to[DNS_MESSAGE_MAX];
static struct dns_asked asked;
static struct dns_decision decision;
static char text[2048];

static void ask(const char *name, uint16_t qtype)
{
    ssize_t size = dns_message_query(7, name, qtype, query, sizeof(query));
    assert_true(size > 0);
    asked = (struct dns_asked){.query = query, .size = (size_t)size, .is_stream = asked.is_stream};
    assert_int_equal(dns_message_parse_question(query, (size_t)size, &asked.question), 0);
}

static void read_text(ssize_t size)
{
    ldns_pkt *packet = NULL;
    char *whole;

    assert_true(size > 0);
    assert_int_equal(ldns_wire2pkt(&packet, to, (size_t)size), LDNS_STATUS_OK);
    whole = ldns_pkt2str(packet);
    snprintf(text, sizeof(text), "%s", whole);
    free(whole);
    ldns_pkt_free(packet);
}

static enum dns_ruling decide(const char *name, uint16_t qtype)
{
    ask(name, qtype);
    dns_policy_decide(&policy, &asked, is_listed, to, sizeof(to), &decision);
    text[0] = '\0';
    if (decision.ruling == DNS_RULING_ANSWERED)
        read_text(decision.size);
    return decision.ruling;
}

static void assert_answer(const char *name, uint16_t qtype, const char *part)
{
    assert_int_equal(decide(name, qtype), DNS_RULING_ANSWERED);
    assert_non_null(strstr(text, part));
}

static void test_names_of_lists(void **state)
{
    (void)state;
    assert_int_equal(decide("www.example", DNS_A), DNS_RULING_ASK);
    assert_int_equal(decide("good.ads.example", DNS_A), DNS_RULING_ALLOWED);
    assert_answer("www.ads.example", DNS_A, "\tA\t0.0.0.0");
    assert_int_equal(policy.stats.blocked, 1);
    assert_answer("ads.example", DNS_HTTPS, "ANSWER: 0");
    assert_int_equal(decisions.blocked, 2);
}

static void test_hosts(void **state)
{
    (void)state;
    assert_answer("printer.example", DNS_A, "\tA\t192.168.1.9");
    assert_answer("printer.example", DNS_AAAA, "ANSWER: 0");
    assert_int_equal(policy.stats.blocked, 0);
    assert_answer("null.example", DNS_A, "\tA\t0.0.0.0");
    config.blocking = CONFIG_BLOCK_NXDOMAIN;
    assert_answer("loop.example", DNS_A, "NXDOMAIN");
    assert_int_equal(policy.stats.blocked, 2);
}

static void test_rewritten(void **state)
{
    (void)state;
    assert_answer("here.example", DNS_A, "\tA\t192.0.2.7");
    assert_answer("here.example", DNS_AAAA, "ANSWER: 0");
    assert_answer("mail.example", 15, "10 mx.example.");
    assert_answer("gone.example", DNS_A, "NXDOMAIN");
    assert_int_equal(decide("search.example", DNS_A), DNS_RULING_ALIAS);
    assert_string_equal(decision.alias, "safe.search.example");
}

/* What is too large for a datagram is asked for again over TCP, whoever the records are from. */
static void test_rewritten_too_large(void **state)
{
    (void)state;
    assert_answer("wordy.example", 16, "ANSWER: 3");
    asked.question.udp_size = DNS_UDP_DEFAULT;
    dns_policy_decide(&policy, &asked, true, to, sizeof(to), &decision);
    assert_in_range(decision.size, 1, DNS_UDP_DEFAULT);
    read_text(decision.size);
    assert_non_null(strstr(text, " tc "));
    asked.is_stream = true;
    dns_policy_decide(&policy, &asked, true, to, sizeof(to), &decision);
    read_text(decision.size);
    assert_non_null(strstr(text, "ANSWER: 3"));
    asked.is_stream = false;
}

static void test_policy_zone(void **state)
{
    (void)state;
    assert_int_equal(decide("drop.example", DNS_A), DNS_RULING_DROP);
    assert_answer("nodata.example", DNS_A, "rcode: NOERROR");
    assert_non_null(strstr(text, "ANSWER: 0"));
    assert_answer("tcp.example", DNS_A, " tc ");
    asked.is_stream = true;
    assert_int_equal(decide("tcp.example", DNS_A), DNS_RULING_ALLOWED);
    asked.is_stream = false;
}

static void test_names_that_stay(void **state)
{
    (void)state;
    assert_answer("localhost", DNS_A, "\tA\t127.0.0.1");
    assert_answer("app.localhost", DNS_AAAA, "\tAAAA\t::1");
    assert_answer("printer.local", DNS_A, "NXDOMAIN");
    assert_answer("9.1.168.192.in-addr.arpa", 12, "NXDOMAIN");
    assert_answer("nas.lan", DNS_A, "\tA\t192.168.1.5"); /* a rule knows better */
    assert_int_equal(decide("a.office.lan", DNS_A), DNS_RULING_ASK);
    assert_answer("example", 252, "REFUSED"); /* a zone transfer */
    is_listed = false;                        /* a question of our own */
    assert_answer("localhost", DNS_A, "\tA\t127.0.0.1");
    assert_answer("nas.lan", DNS_A, "NXDOMAIN");
    assert_int_equal(decide("ads.example", DNS_A), DNS_RULING_ALLOWED);
}

static enum dns_judgement judge(const char *name, uint16_t qtype, const char *const *lines)
{
    static struct dns_bytes bytes;

    ask(name, qtype);
    dns_bytes_answer(&bytes, 0, name, qtype, lines);
    return dns_policy_judge(&policy, &asked, true, bytes.data, bytes.size);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_answers(void **state)
{
    (void)state;
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN A 192.0.2.1")),
                     DNS_JUDGED_GOOD);
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN CNAME x.ads.example.")),
                     DNS_JUDGED_BLOCKED);
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN CNAME gone.example.")),
                     DNS_JUDGED_BLOCKED);
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN CNAME good.ads.example.")),
                     DNS_JUDGED_GOOD);
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN A 192.0.2.66")),
                     DNS_JUDGED_BLOCKED);
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN A 192.0.2.77")),
                     DNS_JUDGED_BLOCKED);
    assert_int_equal(policy.stats.blocked, 4);
    read_text(dns_policy_refuse(&policy, &asked, DNS_JUDGED_BLOCKED, to, sizeof(to)));
    assert_non_null(strstr(text, "\tA\t0.0.0.0"));
}

/* Where a server says whose name servers it asked. */
static void test_name_servers_of_answers(void **state)
{
    (void)state;
    assert_int_equal(
        judge("a.example", DNS_A,
              LINES("a.example. 60 IN A 192.0.2.1", "", "example. 60 IN NS ns.evil.example.")),
        DNS_JUDGED_BLOCKED);
    assert_int_equal(judge("example", 2, LINES("example. 60 IN NS ns1.badhost.example.")),
                     DNS_JUDGED_BLOCKED);
    assert_int_equal(
        judge("a.example", DNS_A,
              LINES("a.example. 60 IN A 192.0.2.1", "", "example. 60 IN NS ns.good.example.")),
        DNS_JUDGED_GOOD);
    assert_int_equal(judge("a.example", DNS_A, LINES("a.example. 60 IN CNAME ns.evil.example.")),
                     DNS_JUDGED_GOOD); /* as a host it is like others */
    assert_int_equal(policy.stats.blocked, 2);
}

static void test_rebinding(void **state)
{
    static const char *const lines[] = {
        "a.example. 60 IN A 192.168.1.1", "a.example. 60 IN A 127.0.0.1",
        "a.example. 60 IN A 198.18.0.1",  "a.example. 60 IN AAAA fd00::1",
        "a.example. 60 IN AAAA ::1",      "a.example. 60 IN AAAA ::ffff:10.0.0.1",
        "a.example. 60 IN A 100.64.0.1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(
            judge("a.example", strstr(lines[i], "AAAA") ? DNS_AAAA : DNS_A, LINES(lines[i])),
            DNS_JUDGED_PRIVATE);
    assert_int_equal(policy.stats.rebinding, 7);
    read_text(dns_policy_refuse(&policy, &asked, DNS_JUDGED_PRIVATE, to, sizeof(to)));
    assert_non_null(strstr(text, "rcode: NOERROR"));
    assert_non_null(strstr(text, "ANSWER: 0"));
    assert_int_equal(judge("a.corp.example", DNS_A, LINES("a.corp.example. 60 IN A 10.0.0.1")),
                     DNS_JUDGED_GOOD);
    assert_int_equal(judge("acorp.example", DNS_A, LINES("acorp.example. 60 IN A 10.0.0.1")),
                     DNS_JUDGED_PRIVATE);
    config.refuses_private_answers = false;
    assert_int_equal(judge("a.example", DNS_A, LINES(lines[0])), DNS_JUDGED_GOOD);
}

/* --- stand-ins --- */

static char *excepted[] = {(char *)"bank.example"};

static int setup_stand_ins(void **state)
{
    setup(state);
    config.mode = CONFIG_DNS_STAND_IN;
    config.stand_in_except = excepted;
    config.stand_in_except_count = 1;
    return stand_ins_open(-1, &policy.stand_ins);
}

static int teardown_stand_ins(void **state)
{
    stand_ins_close(policy.stand_ins);
    return teardown(state);
}

static void test_stand_ins(void **state)
{
    (void)state;
    assert_answer("www.example", DNS_A, "www.example.\t10\tIN\tA\t198.19.");
    assert_answer("www.example", DNS_AAAA, "\tAAAA\tfd00:6b73:0:5349:");
    assert_answer("www.example", DNS_HTTPS, "ANSWER: 0"); /* no hints past them */
    assert_int_equal(decide("www.example", 15), DNS_RULING_ASK);
    assert_answer("good.ads.example", DNS_A, "\tA\t198.19.");
    assert_answer("ads.example", DNS_A, "\tA\t0.0.0.0"); /* lists come first */
    assert_answer("here.example", DNS_A, "\tA\t192.0.2.7");
}

static void test_names_without_stand_ins(void **state)
{
    (void)state;
    assert_int_equal(decide("www.bank.example", DNS_A), DNS_RULING_ASK);
    assert_int_equal(decide("www.bank.example", DNS_HTTPS), DNS_RULING_ASK);
    assert_int_equal(decide("a.office.lan", DNS_A), DNS_RULING_ASK);
    assert_int_equal(decide("intranet", DNS_A), DNS_RULING_ASK);
    assert_answer("printer.local", DNS_A, "NXDOMAIN");
    assert_answer("localhost", DNS_A, "127.0.0.1");
    is_listed = false; /* a question of our own wants to know */
    assert_int_equal(decide("www.example", DNS_A), DNS_RULING_ALLOWED);
}

static void assert_reverse(const struct address *address, const char *part)
{
    char name[80];

    if (address->family == 4) {
        snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", address->ip[3], address->ip[2],
                 address->ip[1], address->ip[0]);
    } else {
        for (size_t i = 0; i < 16; i++)
            snprintf(name + 4 * i, sizeof(name) - 4 * i, "%x.%x.", address->ip[15 - i] & 15,
                     address->ip[15 - i] >> 4);
        strcpy(name + 64, "ip6.arpa");
    }
    assert_answer(name, 12, part);
}

static void test_reverse_names_of_stand_ins(void **state)
{
    struct address address;

    (void)state;
    assert_int_equal(stand_ins_give(policy.stand_ins, "www.example", 4, 1, &address), 0);
    assert_reverse(&address, "\tPTR\twww.example.");
    address.ip[3] ^= 1;
    assert_reverse(&address, "NXDOMAIN");
    assert_int_equal(stand_ins_give(policy.stand_ins, "www.example", 6, 1, &address), 0);
    assert_reverse(&address, "\tPTR\twww.example.");
    config.mode = CONFIG_DNS_REAL; /* they are remembered all the same */
    assert_reverse(&address, "\tPTR\twww.example.");
    assert_int_equal(decide("www.example", DNS_A), DNS_RULING_ASK);
}

#define policy_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        policy_test(test_names_of_lists),
        policy_test(test_hosts),
        policy_test(test_rewritten),
        policy_test(test_rewritten_too_large),
        policy_test(test_policy_zone),
        policy_test(test_names_that_stay),
        policy_test(test_answers),
        policy_test(test_rebinding),
        policy_test(test_name_servers_of_answers),
        cmocka_unit_test_setup_teardown(test_stand_ins, setup_stand_ins, teardown_stand_ins),
        cmocka_unit_test_setup_teardown(test_names_without_stand_ins, setup_stand_ins,
                                        teardown_stand_ins),
        cmocka_unit_test_setup_teardown(test_reverse_names_of_stand_ins, setup_stand_ins,
                                        teardown_stand_ins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
