/* Whom the fence lets the worker speak to: by root's file, and on request. */
#include "base/err.h"
#include "service/supervisor/admission.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct house {
    struct config *config;
    struct admission admission;
};

static int done(void **state)
{
    struct house *house = *state;
    config_unref(house->config);
    free(house);
    return 0;
}

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct house));
    return *state ? 0 : -1;
}

static struct config *parse(const char *text)
{
    struct config *config = NULL;
    struct config_error error = {.text = ""};
    if (config_parse("test", text, strlen(text), &config, &error) < 0)
        fail_msg("%s", error.text);
    return config;
}

static struct admission *configure(void **state, const char *text, const char *resolv_conf)
{
    struct house *house = *state;
    struct config *config = parse(text);
    admission_set_config(&house->admission, config, resolv_conf);
    config_unref(house->config);
    house->config = config;
    return &house->admission;
}

static struct address at(const char *text)
{
    struct address address;
    if (address_parse(text, &address) < 0 && address_parse_ip(text, &address) < 0)
        fail_msg("%s", text);
    return address;
}

static int ask(struct admission *admission, const char *text, int protocol)
{
    struct address address = at(text);
    struct fence_admitted ignored;
    return admission_ask(admission, 0, &address, protocol, &ignored);
}

static bool admits(const struct admission *admission, const char *text, int protocol)
{
    struct address address = at(text);
    struct fence fence = {0};
    admission_describe(admission, &fence);
    for (size_t i = 0; i < fence.admitted_count; i++)
        if (fence.admitted[i].protocol == protocol &&
            address_is_equal(&fence.admitted[i].address, &address))
            return true;
    return false;
}

static const char by_address[] = "upstreams:\n"
                                 "  - kind: socks5\n"
                                 "    server: 192.168.1.9:1080\n"
                                 "  - kind: http\n"
                                 "    server: proxy.example:3128\n"
                                 "    addresses: [198.51.100.4, '2001:db8::4']\n";

static void what_the_file_names_is_admitted_unasked(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    assert_true(admits(admission, "192.168.1.9:1080", IPPROTO_TCP));
    assert_true(admits(admission, "198.51.100.4:3128", IPPROTO_TCP));
    assert_true(admits(admission, "[2001:db8::4]:3128", IPPROTO_TCP));
    assert_false(admits(admission, "192.168.1.9:1080", IPPROTO_UDP));
    struct fence fence = {0};
    admission_describe(admission, &fence);
    assert_int_equal(fence.admitted_count, 3);
    assert_false(fence.admits_all);
    assert_int_equal(ask(admission, "192.168.1.9:1080", IPPROTO_TCP), 1);
}

static void resolvers_only_where_names_must_be_looked_up(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    assert_int_equal(ask(admission, "198.51.100.53:53", IPPROTO_UDP), -EACCES);
    admission = configure(state,
                          "upstreams:\n  - kind: socks5\n    server: proxy.example:1080\n"
                          "dns:\n  bootstrap: [192.168.1.1]\n",
                          "/dev/null");
    assert_true(admits(admission, "192.168.1.1:53", IPPROTO_UDP));
    assert_true(admits(admission, "192.168.1.1:53", IPPROTO_TCP));
    assert_int_equal(ask(admission, "9.9.9.9:53", IPPROTO_UDP), -EACCES);
}

static void the_systems_resolvers_when_none_is_named(void **state)
{
    char path[] = "/tmp/test_admission.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    dprintf(fd, "# comment\nsearch example\nnameserver 192.168.1.1\nnameserver junk\n"
                "nameserver 2001:db8::53\nnameserver 127.0.0.53\n");
    close(fd);
    struct admission *admission =
        configure(state, "upstreams:\n  - kind: socks5\n    server: proxy.example:1080\n", path);
    unlink(path);
    assert_true(admits(admission, "192.168.1.1:53", IPPROTO_UDP));
    assert_true(admits(admission, "[2001:db8::53]:53", IPPROTO_TCP));
    struct fence fence = {0};
    admission_describe(admission, &fence);
    assert_int_equal(fence.admitted_count, 4); /* loopback does not meet the fence */
}

static void a_request_is_judged(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    assert_int_equal(ask(admission, "198.51.100.7:1080", IPPROTO_TCP), 0);
    assert_true(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
    assert_int_equal(ask(admission, "198.51.100.7:1080", IPPROTO_TCP), 1);
    assert_int_equal(ask(admission, "127.0.0.1:1080", IPPROTO_TCP), -EACCES);
    const char *const no[] = {"10.0.0.1:1080",      "[fd00::1]:1080", "[fe80::1]:1080",
                              "224.0.0.251:99",     "[ff02::fb]:99",  "255.255.255.255:9",
                              "198.51.100.7:53",    "0.0.0.0:1080",   "198.51.100.7:5353",
                              "[2001:db8::9]:5355", "[::]:80",        "169.254.1.1:1080"};
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (ask(admission, no[i], IPPROTO_TCP) != -EACCES)
            fail_msg("%s", no[i]);
    assert_int_equal(ask(admission, "198.51.100.7", IPPROTO_TCP), -EINVAL);
    assert_int_equal(ask(admission, "198.51.100.7:9", IPPROTO_ICMP), -EINVAL);
    struct fence_admitted ignored;
    struct address none = {0};
    assert_int_equal(admission_ask(admission, 0, &none, IPPROTO_TCP, &ignored), -EINVAL);
}

static void a_mapped_address_is_what_it_maps(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    assert_int_equal(ask(admission, "[::ffff:10.0.0.1]:1080", IPPROTO_TCP), -EACCES);
    assert_int_equal(ask(admission, "[::ffff:198.51.100.7]:1080", IPPROTO_TCP), 0);
    assert_true(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
}

static void private_upstreams_on_roots_word(void **state)
{
    struct admission *admission = configure(
        state,
        "upstreams:\n  - kind: socks5\n    server: nas:1080\nallow_private_upstreams: true\n",
        "/dev/null");
    assert_int_equal(ask(admission, "10.0.0.1:1080", IPPROTO_TCP), 0);
    assert_int_equal(ask(admission, "10.0.0.1:53", IPPROTO_TCP), -EACCES);
}

static void a_relay_is_the_whole_address(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    assert_int_equal(ask(admission, "192.168.1.9", IPPROTO_UDP), 0); /* the file names it */
    assert_int_equal(ask(admission, "198.51.100.9", IPPROTO_UDP), 0);
    assert_int_equal(ask(admission, "10.0.0.9", IPPROTO_UDP), -EACCES);
}

static void there_is_a_limit(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    for (int i = 0; i < FENCE_ADMITTED_MAX - 3; i++) {
        char text[32];
        snprintf(text, sizeof(text), "198.51.100.7:%d", 10000 + i);
        assert_int_equal(ask(admission, text, IPPROTO_TCP), 0);
    }
    assert_int_equal(ask(admission, "198.51.100.7:9999", IPPROTO_TCP), ERR_LIMIT);
    struct fence_admitted gone;
    struct address one = at("198.51.100.7:10000");
    assert_int_equal(admission_withdraw(admission, 0, &one, IPPROTO_TCP, &gone), 0);
    assert_true(address_is_equal(&gone.address, &one));
    assert_int_equal(admission_withdraw(admission, 0, &one, IPPROTO_TCP, &gone), 1);
    assert_int_equal(ask(admission, "198.51.100.7:9999", IPPROTO_TCP), 0);
}

static void what_the_file_names_cannot_be_withdrawn(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    struct fence_admitted ignored;
    struct address one = at("192.168.1.9:1080");
    assert_int_equal(admission_withdraw(admission, 0, &one, IPPROTO_TCP, &ignored), 1);
    assert_true(admits(admission, "192.168.1.9:1080", IPPROTO_TCP));
}

static void direct_admits_all_and_its_dns_servers(void **state)
{
    struct admission *admission = configure(
        state, "upstreams:\n  - kind: direct\ndns:\n  servers: ['tls://9.9.9.9#dns.quad9.net']\n",
        "/dev/null");
    struct fence fence = {0};
    admission_describe(admission, &fence);
    assert_true(fence.admits_all);
    assert_true(admits(admission, "9.9.9.9:853", IPPROTO_TCP));
}

static void a_reload_judges_again(void **state)
{
    struct admission *admission = configure(
        state,
        "upstreams:\n  - kind: socks5\n    server: nas:1080\nallow_private_upstreams: true\n",
        "/dev/null");
    assert_int_equal(ask(admission, "10.0.0.1:1080", IPPROTO_TCP), 0);
    assert_int_equal(ask(admission, "198.51.100.7:1080", IPPROTO_TCP), 0);
    admission = configure(state, by_address, "/dev/null");
    assert_false(admits(admission, "10.0.0.1:1080", IPPROTO_TCP));
    assert_true(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
    admission_forget(admission, 0);
    assert_false(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
}

static void what_several_workers_want_stays_until_the_last(void **state)
{
    struct admission *admission = configure(state, by_address, "/dev/null");
    struct address one = at("198.51.100.7:1080");
    struct fence_admitted gone;
    for (unsigned worker = 0; worker < 3; worker++)
        assert_int_equal(admission_ask(admission, worker, &one, IPPROTO_TCP, &gone), worker > 0);
    assert_int_equal(admission->asked_count, 1);
    assert_int_equal(admission_withdraw(admission, 1, &one, IPPROTO_TCP, &gone), 1);
    admission_forget(admission, 0);
    assert_true(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
    assert_int_equal(admission_withdraw(admission, 1, &one, IPPROTO_TCP, &gone), 1);
    assert_true(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
    assert_int_equal(admission_withdraw(admission, 2, &one, IPPROTO_TCP, &gone), 0);
    assert_false(admits(admission, "198.51.100.7:1080", IPPROTO_TCP));
}

#define in_house(test) cmocka_unit_test_setup_teardown(test, begin, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_house(what_the_file_names_is_admitted_unasked),
        in_house(resolvers_only_where_names_must_be_looked_up),
        in_house(the_systems_resolvers_when_none_is_named),
        in_house(a_request_is_judged),
        in_house(a_mapped_address_is_what_it_maps),
        in_house(private_upstreams_on_roots_word),
        in_house(a_relay_is_the_whole_address),
        in_house(there_is_a_limit),
        in_house(what_the_file_names_cannot_be_withdrawn),
        in_house(direct_admits_all_and_its_dns_servers),
        in_house(a_reload_judges_again),
        in_house(what_several_workers_want_stays_until_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
