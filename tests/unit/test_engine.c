/* The engine as a whole, from its local endpoint: what it is told takes hold, what fails leaves
 * everything as it was, what is under way may end with it. */
#include "engine_rig.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* RFC 1928 sec. 6 */
enum { REPLY_OK = 0, REPLY_NOT_ALLOWED = 2 };
enum { MANY_RESOLVERS = 200 };

static int connect_echo(struct engine_rig *rig)
{
    return engine_rig_connect(rig, "127.0.0.1", rig->echo.address.port);
}

static struct engine_status status_of(const struct engine_rig *rig)
{
    struct engine_status status;
    engine_status(rig->engine, &status);
    return status;
}

static bool note_flow(void *owner, const struct flow *flow)
{
    const struct flow **ret = owner;
    *ret = flow;
    return false;
}

static void test_from_the_door_to_the_target(void **state)
{
    struct engine_rig *rig = *state;
    const struct flow *flow = NULL;

    assert_int_equal(connect_echo(rig), REPLY_OK);
    engine_rig_echo(rig, "hello");
    assert_int_equal(status_of(rig).live[FLOW_TCP], 1);
    assert_int_equal(status_of(rig).flows.opened[FLOW_TCP], 1);
    assert_true(status_of(rig).has_door);
    assert_false(status_of(rig).has_tun);
    engine_each_flow(rig->engine, note_flow, &flow);
    assert_string_equal(flow->door, "socks5");
    assert_int_equal(flow->bytes.up, 5);
    assert_int_equal(rig->tally.bytes.down, 5);
    engine_rig_hang_up(rig);
    for (int i = 0; i < 3000 && status_of(rig).live[FLOW_TCP] > 0; i++)
        loop_run_once(rig->loop, 10);
    assert_int_equal(status_of(rig).live[FLOW_TCP], 0);
}

static void test_names_are_looked_up_and_judged(void **state)
{
    struct engine_rig *rig = *state;
    const struct refusal *last;

    assert_int_equal(engine_rig_connect(rig, "two.example", rig->echo.address.port), REPLY_OK);
    engine_rig_echo(rig, "named");
    assert_int_equal(engine_rig_connect(rig, "x.ads.example", 80), REPLY_NOT_ALLOWED);
    assert_int_equal(engine_refusals(rig->engine, &last, 1), 1);
    assert_string_equal(last->name, "x.ads.example");
    assert_int_equal(rig->told_blocked, 1);
    assert_int_equal(status_of(rig).blocked, 1);
    assert_non_null(engine_filter(rig->engine));
}

/* --- another configuration --- */

static void test_what_goes_on_goes_on(void **state)
{
    struct engine_rig *rig = *state;
    struct config *config = engine_rig_config(rig, "  - kind: block\n", "  enabled: false\n");

    assert_int_equal(connect_echo(rig), REPLY_OK);
    engine_rig_echo(rig, "before");
    assert_int_equal(engine_rig_configure(rig, config), 0);
    engine_rig_echo(rig, "after");
    assert_null(engine_filter(rig->engine));
    assert_int_equal(connect_echo(rig), REPLY_NOT_ALLOWED);
}

/* The upstreams are wrong: neither they nor the lists take hold. */
static void test_a_wrong_one_changes_nothing(void **state)
{
    struct engine_rig *rig = *state;
    struct config *config = engine_rig_config(rig, "  - kind: direct\n  - kind: block\n", "");

    free(config->upstreams[1].name);
    config->upstreams[1].name = strdup(config->upstreams[0].name);
    assert_true(engine_rig_configure(rig, config) < 0);
    assert_non_null(strstr(rig->error.text, "cannot apply"));
    engine_rig_settle(rig);
    assert_int_equal(connect_echo(rig), REPLY_OK);
    assert_int_equal(engine_rig_connect(rig, "ads.example", 80), REPLY_NOT_ALLOWED);
}

/* It fails at the last step, when the resolver has been told already; and then it is freed. */
static void test_one_that_fails_late_is_not_used(void **state)
{
    struct engine_rig *rig = *state;
    struct config *config = engine_rig_config(rig, "  - kind: block\n", "");
    struct address *many = calloc(MANY_RESOLVERS, sizeof(*many));

    for (int i = 0; i < MANY_RESOLVERS; i++)
        address_parse("[2001:db8:1111:2222:3333:4444:5555:6666]:53", &many[i]);
    free(config->dns.bootstrap);
    config->dns.bootstrap = many; /* more than there is room for */
    config->dns.bootstrap_count = MANY_RESOLVERS;
    assert_true(engine_rig_configure(rig, config) < 0);
    assert_int_equal(engine_rig_connect(rig, "two.example", rig->echo.address.port), REPLY_OK);
    engine_rig_echo(rig, "as before");
}

static void test_a_list_that_is_not_there(void **state)
{
    struct engine_rig *rig = *state;
    struct config *config = engine_rig_config(
        rig, "  - kind: block\n", "  lists:\n    - {name: gone, file: /nowhere/list.txt}\n");

    assert_true(engine_rig_configure(rig, config) < 0);
    assert_non_null(strstr(rig->error.text, "/nowhere/list.txt"));
    assert_int_equal(connect_echo(rig), REPLY_OK);
}

/* --- upstreams and the fence --- */

static struct config *config_with_proxy(struct engine_rig *rig)
{
    char upstream[200], server[ADDRESS_TEXT_MAX];
    snprintf(upstream, sizeof(upstream), "  - {kind: socks5, name: proxy, server: \"%s\"}\n",
             address_format(&rig->proxy.address, server));
    return engine_rig_config(rig, upstream, "");
}

static void test_an_upstream_that_was_admitted(void **state)
{
    struct engine_rig *rig = *state;
    struct pool_member member;

    assert_int_equal(engine_rig_configure(rig, config_with_proxy(rig)), 0);
    assert_int_equal(engine_rig_connect(rig, "far.example", 7), REPLY_OK);
    engine_rig_echo(rig, "through the proxy");
    assert_int_equal(rig->proxy.accepted, 1);
    assert_int_equal(engine_upstreams(rig->engine, &member, 1), 1);
    assert_string_equal(member.upstream->name, "proxy");
    assert_int_equal(member.health, POOL_HEALTHY);
}

static void test_one_that_was_not(void **state)
{
    struct engine_rig *rig = *state;

    rig->admit_err = -EACCES;
    assert_int_equal(engine_rig_configure(rig, config_with_proxy(rig)), 0);
    assert_int_not_equal(engine_rig_connect(rig, "far.example", 7), REPLY_OK);
    assert_int_equal(rig->proxy.accepted, 0);
}

/* --- doors --- */

static void test_another_door_replaces_the_one_before(void **state)
{
    struct engine_rig *rig = *state;
    struct address before = rig->door;

    assert_int_equal(connect_echo(rig), REPLY_OK);
    assert_int_equal(engine_rig_listen(rig), 0);
    assert_false(address_is_equal(&before, &rig->door));
    engine_rig_echo(rig, "still there"); /* who came by the old one stays */
    assert_int_equal(connect_echo(rig), REPLY_OK);
    engine_rig_echo(rig, "by the new one");
}

static void test_a_device_that_is_none(void **state)
{
    struct engine_rig *rig = *state;
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    engine_tun_detach(rig->engine); /* none: nothing happens */
    if (engine_tun_attach(rig->engine, fds[0], true) == 0)
        engine_tun_detach(rig->engine);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* taken in any case */
    assert_false(status_of(rig).has_tun);
    close(fds[1]);
}

/* --- the end, at any moment --- */

static void test_the_end_while_it_dials(void **state)
{
    struct engine_rig *rig = *state;

    rig->dns_peer.is_silent = true;
    assert_int_equal(connect_echo(rig), REPLY_OK);
    rig->proxy_code = 0;
    assert_int_equal(engine_rig_configure(rig, config_with_proxy(rig)), 0);
    rig->proxy.on_bytes = NULL; /* takes connections and says nothing */
    assert_int_equal(send(rig->fd, "x", 1, MSG_NOSIGNAL), 1);
    engine_rig_settle(rig);
}

#define rig_test(fn) cmocka_unit_test_setup_teardown(fn, engine_rig_open, engine_rig_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_from_the_door_to_the_target),
        rig_test(test_names_are_looked_up_and_judged),
        rig_test(test_what_goes_on_goes_on),
        rig_test(test_a_wrong_one_changes_nothing),
        rig_test(test_one_that_fails_late_is_not_used),
        rig_test(test_a_list_that_is_not_there),
        rig_test(test_an_upstream_that_was_admitted),
        rig_test(test_one_that_was_not),
        rig_test(test_another_door_replaces_the_one_before),
        rig_test(test_a_device_that_is_none),
        rig_test(test_the_end_while_it_dials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
