/* The ruleset's text: what must be there, what must not, and that nftables reads all of it. */
#include "killswitch/fence.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct fence locked(void)
{
    struct fence fence = {.worker = 990, .tun = "atlantic-tun0"};
    assert_int_equal(address_parse_ip("198.18.0.1", &fence.tun4), 0);
    assert_int_equal(address_parse_ip("fd00:6b73::1", &fence.tun6), 0);
    return fence;
}

static void admit(struct fence *fence, const char *address, int protocol)
{
    struct fence_admitted *next = &fence->admitted[fence->admitted_count++];
    assert_int_equal(address_parse(address, &next->address), 0);
    next->protocol = protocol;
}

static struct fence_prefix prefix(const char *network, uint8_t bits)
{
    struct fence_prefix result = {.bits = bits};
    assert_int_equal(address_parse_ip(network, &result.network), 0);
    return result;
}

static void add_onlink(struct fence *fence, const char *network, uint8_t bits)
{
    fence->onlink[fence->onlink_count++] = prefix(network, bits);
}

static struct fence everything(void)
{
    struct fence fence = locked();
    fence.admits_all = true;
    fence.admits_lan = true;
    admit(&fence, "198.51.100.1:1080", IPPROTO_TCP);
    admit(&fence, "198.51.100.1:1080", IPPROTO_UDP);
    admit(&fence, "[2001:db8:100::1]:443", IPPROTO_TCP);
    add_onlink(&fence, "192.168.1.0", 24);
    add_onlink(&fence, "192.168.0.0", 16);
    add_onlink(&fence, "203.0.113.0", 24);
    add_onlink(&fence, "fd12::", 64);
    add_onlink(&fence, "2001:db8:1::", 64);
    add_onlink(&fence, "fe80::", 64);
    fence.device_count = 2;
    strcpy(fence.devices[0], "eth0");
    strcpy(fence.devices[1], "wlan0");
    return fence;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* The text of one chain or set, up to its closing brace; to be freed. */
static char *block(const char *text, const char *head)
{
    const char *start = strstr(text, head);
    assert_non_null(start);
    const char *end = strstr(start, "\n  }\n");
    assert_non_null(end);
    return strndup(start, (size_t)(end - start));
}

static void the_same_input_gives_the_same_text(void **state)
{
    (void)state;
    struct fence fence = everything();
    char *once = ruleset_format(&fence), *again = ruleset_format(&fence);
    assert_string_equal(once, again);
    free(once);
    free(again);
}

static void replaces_all_in_one_transaction(void **state)
{
    (void)state;
    struct fence fence = everything();
    char *text = ruleset_format(&fence);
    const char *head =
        "table inet atlantic {}\ndelete table inet atlantic\ntable inet atlantic {\n";
    assert_memory_equal(text, head, strlen(head));
    assert_true(has(text, "table netdev atlantic {}\ndelete table netdev atlantic\n"));
    assert_false(has(text, "owner"));
    assert_false(has(text, "flush"));
    free(text);
}

static void locked_admits_nothing(void **state)
{
    (void)state;
    struct fence fence = locked();
    char *text = ruleset_format(&fence);
    assert_false(has(text, "elements"));
    assert_false(has(text, "@lan4 accept"));
    assert_false(has(text, "th dport != "));
    assert_false(has(text, "netdev"));
    char *leave = block(text, "chain leave");
    assert_true(has(leave, "policy drop;"));
    free(leave);
    free(text);
}

static void nobody_gets_no_worker_rules(void **state)
{
    (void)state;
    struct fence fence = everything();
    fence.worker = FENCE_NOBODY;
    char *text = ruleset_format(&fence);
    assert_false(has(text, "skuid 4294967295"));
    assert_false(has(text, "ct mark set"));
    free(text);
}

static void admits_endpoints_by_family_and_protocol(void **state)
{
    (void)state;
    struct fence fence = everything();
    char *text = ruleset_format(&fence);
    assert_true(has(text, "elements = { 198.51.100.1 . tcp . 1080, 198.51.100.1 . udp . 1080 }"));
    assert_true(has(text, "elements = { 2001:db8:100::1 . tcp . 443 }"));
    free(text);
}

static void direct_admits_no_clear_dns_and_no_multicast(void **state)
{
    (void)state;
    struct fence fence = everything();
    char *text = ruleset_format(&fence);
    const char *line = "ct mark 0x4b0000 ct direction original ip daddr != { 224.0.0.0/4, "
                       "255.255.255.255 } meta l4proto { tcp, udp } th dport != { 53, 5353, 5355 } "
                       "accept\n";
    assert_true(has(text, line));
    free(text);
}

static void the_lan_is_private_and_comes_after_dns(void **state)
{
    (void)state;
    struct fence fence = everything();
    char *text = ruleset_format(&fence);
    char *lan = block(text, "set lan4");
    assert_true(has(lan, "192.168.1.0/24"));
    assert_false(has(lan, "203.0.113.0"));
    free(lan);
    lan = block(text, "set lan6");
    assert_true(has(lan, "fd12::/64, fe80::/64"));
    assert_false(has(lan, "2001:db8:1::"));
    free(lan);
    const char *const chains[] = {"chain output", "chain leave", "chain forward"};
    for (size_t i = 0; i < 3; i++) {
        char *chain = block(text, chains[i]);
        const char *dns = strstr(chain, "{ 53, 853, 5353, 5355 }");
        assert_non_null(dns);
        assert_true(strstr(chain, "@lan4") > dns);
        free(chain);
    }
    free(text);
}

static void the_last_word_is_in_postrouting(void **state)
{
    (void)state;
    struct fence fence = everything();
    char *text = ruleset_format(&fence), *leave = block(text, "chain leave");
    assert_true(has(leave, "hook postrouting"));
    assert_false(has(leave, "skuid"));
    assert_false(has(leave, "established"));
    free(leave);
    free(text);
}

static void each_device_has_its_chain(void **state)
{
    (void)state;
    struct fence fence = everything();
    strcpy(fence.devices[1], "a\"b");
    char *text = ruleset_format(&fence);
    assert_true(has(text,
                    "chain egress0 {\n    type filter hook egress device \"eth0\" priority 0; "
                    "policy drop;"));
    assert_false(has(text, "a\"b"));
    free(text);
}

static void one_endpoint_is_one_element(void **state)
{
    (void)state;
    struct fence_admitted endpoint = {.protocol = IPPROTO_UDP};
    assert_int_equal(address_parse("[2001:db8::5]:53", &endpoint.address), 0);
    char *text = ruleset_format_admit(&endpoint, false);
    assert_string_equal(text, "add element inet atlantic admitted6 { 2001:db8::5 . udp . 53 }\n");
    free(text);
    text = ruleset_format_admit(&endpoint, true);
    assert_string_equal(text,
                        "delete element inet atlantic admitted6 { 2001:db8::5 . udp . 53 }\n");
    free(text);
    endpoint.address.port = 0;
    text = ruleset_format_admit(&endpoint, false);
    assert_string_equal(text, "add element inet atlantic relays6 { 2001:db8::5 }\n");
    free(text);
}

static void a_relay_may_use_any_port_but_dns(void **state)
{
    (void)state;
    struct fence fence = locked();
    struct address relay;
    assert_int_equal(address_parse_ip("198.51.100.7", &relay), 0);
    fence.admitted[fence.admitted_count++] =
        (struct fence_admitted){.address = relay, .protocol = IPPROTO_UDP};
    char *text = ruleset_format(&fence);
    char *set = block(text, "set relays4");
    assert_true(has(set, "elements = { 198.51.100.7 }"));
    free(set);
    set = block(text, "set admitted4");
    assert_false(has(set, "elements"));
    free(set);
    assert_true(has(text, "ct direction original ip daddr @relays4 udp dport != "
                          "{ 53, 5353, 5355 } accept\n"));
    free(text);
}

static void a_lan_is_private_from_end_to_end(void **state)
{
    (void)state;
    const struct {
        const char *network;
        uint8_t bits;
        bool is_lan;
    } cases[] = {
        {"192.168.7.0", 24, true}, {"10.0.0.0", 8, true},     {"172.16.0.0", 12, true},
        {"172.31.0.0", 16, true},  {"169.254.0.0", 16, true}, {"fd00::", 8, true},
        {"fe80::", 64, true},      {"10.0.0.0", 7, false},    {"172.32.0.0", 16, false},
        {"0.0.0.0", 0, false},     {"0.0.0.0", 1, false},     {"192.0.0.0", 8, false},
        {"8.8.8.0", 24, false},    {"100.64.0.0", 10, false}, {"127.0.0.0", 8, false},
        {"2001:db8::", 32, false}, {"fe00::", 9, false},      {"::", 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fence_prefix given = prefix(cases[i].network, cases[i].bits);
        if (fence_prefix_is_lan(&given) != cases[i].is_lan)
            fail_msg("%s/%u", cases[i].network, (unsigned)cases[i].bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_input_gives_the_same_text),
        cmocka_unit_test(replaces_all_in_one_transaction),
        cmocka_unit_test(locked_admits_nothing),
        cmocka_unit_test(nobody_gets_no_worker_rules),
        cmocka_unit_test(admits_endpoints_by_family_and_protocol),
        cmocka_unit_test(direct_admits_no_clear_dns_and_no_multicast),
        cmocka_unit_test(the_lan_is_private_and_comes_after_dns),
        cmocka_unit_test(the_last_word_is_in_postrouting),
        cmocka_unit_test(each_device_has_its_chain),
        cmocka_unit_test(one_endpoint_is_one_element),
        cmocka_unit_test(a_relay_may_use_any_port_but_dns),
        cmocka_unit_test(a_lan_is_private_from_end_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
