/* One control socket for several workers: what becomes of one question, and of workers that do not
 * answer it. */
#include "service/control/siblings.h"

#include "service/control/control.h"
#include "service/control/control_method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WORKERS = 3 };

struct house {
    struct loop *loop;
    struct siblings *siblings;
    struct control *controls[WORKERS];
    struct facts {
        unsigned number;
        int flows;
    } facts[WORKERS];
    struct sockaddr_un address;
    int client;
    unsigned told;
};

static void tell_state(void *owner, struct control_state *ret)
{
    const struct facts *facts = owner;
    *ret =
        (struct control_state){.state = facts->number == 1 ? "connecting" : "on", .uptime_ms = 10};
}

static void tell_counters(void *owner, control_counter_fn *tell, void *to)
{
    const struct facts *facts = owner;
    tell(to, "flows", "tcp", 10 + facts->number);
    tell(to, "flows", "udp", 1);
    tell(to, "filter", "asked", UINT64_C(1) << 40);
    tell(to, "filter", "names", 500);
}

static void tell_upstreams(void *owner, control_upstream_fn *tell, void *to)
{
    const struct facts *facts = owner;
    tell(to, &(struct control_upstream){.name = "home",
                                        .kind = "socks5",
                                        .server = "a:1",
                                        .health = facts->number == 1 ? "healthy" : "resting",
                                        .last_error = "timed out",
                                        .dials = 5,
                                        .failures = facts->number});
}

static void tell_flows(void *owner, control_flow_fn *tell, void *to)
{
    const struct facts *facts = owner;
    for (int i = 0; i < facts->flows; i++) {
        struct control_flow flow = {.id = (uint64_t)i,
                                    .kind = "tcp",
                                    .door = "tun",
                                    .state = "relaying",
                                    .age_ms = 1000 - 10 * (uint64_t)i + facts->number};
        tell(to, &flow);
    }
}

static void tell_refusals(void *owner, control_refusal_fn *tell, void *to)
{
    const struct facts *facts = owner;
    for (int i = 9; i >= 0; i--)
        tell(to,
             &(struct control_refusal){
                 .at_unix_ms = 1700000000000 + INT64_C(1000) * i + facts->number, .kind = "dns"});
}

static int listen_anywhere(struct sockaddr_un *ret)
{
    static int number;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "test_siblings.%d.%d", (int)getpid(),
             number++);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void on_counting(void *owner)
{
    struct house *house = owner;
    house->told++;
}

static void open_control(struct house *house, unsigned number)
{
    house->facts[number] = (struct facts){number, 3};
    const struct control_source source = {
        .owner = &house->facts[number],
        .state = tell_state,
        .counters = tell_counters,
        .upstreams = tell_upstreams,
        .flows = tell_flows,
        .refusals = tell_refusals,
    };
    const struct control_options options = {.source = &source,
                                            .siblings = number == 0 ? house->siblings : NULL};
    int listener = number == 0 ? listen_anywhere(&house->address) : -1;
    assert_int_equal(control_open(house->loop, listener, &options, &house->controls[number]), 0);
}

static void pair(int ret[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret), 0);
}

static int begin(void **state)
{
    struct house *house = calloc(1, sizeof(*house));
    house->loop = loop_new();
    loop_fake_clock(house->loop, 1000);
    house->siblings = siblings_new(house->loop, on_counting, house);
    for (unsigned i = 0; i < WORKERS; i++)
        open_control(house, i);
    for (unsigned i = 1; i < WORKERS; i++) {
        int fds[2];
        pair(fds);
        assert_int_equal(siblings_set(house->siblings, i, fds[0]), 0);
        assert_int_equal(control_serve(house->controls[i], fds[1]), 0);
    }
    house->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(
        connect(house->client, (struct sockaddr *)&house->address, sizeof(house->address)), 0);
    *state = house;
    return 0;
}

static int done(void **state)
{
    struct house *house = *state;
    close(house->client);
    for (unsigned i = 0; i < WORKERS; i++)
        control_close(house->controls[i]);
    siblings_free(house->siblings);
    loop_free(house->loop);
    free(house);
    return 0;
}

static void spin(struct house *house)
{
    for (int i = 0; i < 20; i++)
        loop_run_once(house->loop, 0);
}

static void say(struct house *house, const char *request)
{
    assert_int_equal(send(house->client, request, strlen(request), 0), strlen(request));
    spin(house);
}

/* NULL: nothing was said. */
static cJSON *hear(struct house *house)
{
    static char line[1 << 16];
    size_t size = 0;
    ssize_t count;
    spin(house);
    while ((count = recv(house->client, line + size, sizeof(line) - 1 - size, 0)) > 0)
        size += (size_t)count;
    if (size == 0)
        return NULL;
    cJSON *answer = cJSON_ParseWithLength(line, size);
    assert_non_null(answer);
    cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
    cJSON_Delete(answer);
    return result;
}

static double number_at(const cJSON *object, const char *group, const char *name)
{
    const cJSON *inner = group ? cJSON_GetObjectItemCaseSensitive(object, group) : object;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(inner, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static const char *text_at(const cJSON *list, int index, const char *name)
{
    return cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, index), name));
}

static void status_is_that_of_all(void **state)
{
    struct house *house = *state;
    say(house, "{\"method\":\"status\"}\n");
    cJSON *status = hear(house);
    const cJSON *counters = cJSON_GetObjectItemCaseSensitive(status, "counters");
    assert_int_equal(number_at(counters, "flows", "tcp"), 10 + 11 + 12);
    assert_int_equal(number_at(counters, "flows", "udp"), 3);
    assert_true(number_at(counters, "filter", "asked") == 3.0 * (1ULL << 40));
    assert_int_equal(number_at(counters, "filter", "names"), 500); /* the same lists */
    const cJSON *upstreams = cJSON_GetObjectItemCaseSensitive(status, "upstreams");
    assert_int_equal(cJSON_GetArraySize(upstreams), 1);
    assert_int_equal(number_at(cJSON_GetArrayItem(upstreams, 0), NULL, "dials"), 15);
    assert_int_equal(number_at(cJSON_GetArrayItem(upstreams, 0), NULL, "failures"), 3);
    assert_string_equal(text_at(upstreams, 0, "health"), "healthy");
    const cJSON *workers = cJSON_GetObjectItemCaseSensitive(status, "workers");
    assert_int_equal(cJSON_GetArraySize(workers), WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(number_at(cJSON_GetArrayItem(workers, i), NULL, "worker"), i + 1);
        assert_int_equal(number_at(cJSON_GetArrayItem(workers, i), NULL, "tcp"), 10 + i);
    }
    assert_string_equal(text_at(workers, 1, "state"), "connecting");
    cJSON_Delete(status);
}

static void lists_are_joined_in_order(void **state)
{
    struct house *house = *state;
    say(house, "{\"method\":\"flows\",\"params\":{\"limit\":5}}\n");
    cJSON *result = hear(house);
    const cJSON *flows = cJSON_GetObjectItemCaseSensitive(result, "flows");
    static const int workers[] = {3, 2, 1, 3, 2};
    assert_int_equal(cJSON_GetArraySize(flows), 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(number_at(cJSON_GetArrayItem(flows, i), NULL, "worker"), workers[i]);
    assert_int_equal(number_at(result, NULL, "total"), 9);
    cJSON_Delete(result);
    say(house, "{\"method\":\"blocked\",\"params\":{\"limit\":4}}\n");
    result = hear(house);
    const cJSON *blocked = cJSON_GetObjectItemCaseSensitive(result, "blocked");
    assert_int_equal(cJSON_GetArraySize(blocked), 4);
    assert_string_equal(text_at(blocked, 0, "time"), "2023-11-14T22:13:29.002Z");
    assert_string_equal(text_at(blocked, 3, "time"), "2023-11-14T22:13:28.002Z");
    cJSON_Delete(result);
}

static void questions_behind_each_other_have_their_own_answers(void **state)
{
    struct house *house = *state;
    say(house, "{\"method\":\"status\",\"id\":1}\n{\"method\":\"methods\",\"id\":2}\n"
               "{\"method\":\"flows\",\"id\":3}\n");
    char line[1 << 16] = "";
    spin(house);
    assert_true(recv(house->client, line, sizeof(line) - 1, 0) > 0);
    const char *one = strstr(line, "\"id\":1}\n"), *two = strstr(line, "\"id\":2}\n");
    const char *three = strstr(line, "\"id\":3}\n");
    assert_true(one && two && three && one < two && two < three);
}

static void one_that_is_gone_is_left_out(void **state)
{
    struct house *house = *state;
    control_close(house->controls[2]);
    house->controls[2] = NULL;
    spin(house);
    assert_int_equal(siblings_count(house->siblings), 1);
    say(house, "{\"method\":\"status\"}\n");
    cJSON *status = hear(house);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(status, "workers")), 2);
    cJSON_Delete(status);
}

static void one_that_is_silent_is_not_waited_for_long(void **state)
{
    struct house *house = *state;
    int fds[2];
    char heard[256] = "";
    pair(fds);
    assert_int_equal(siblings_set(house->siblings, 2, fds[0]), 0);
    say(house, "{\"method\":\"status\"}\n");
    assert_null(hear(house));
    loop_fake_clock(house->loop, 1000 + SIBLINGS_WAIT_MS);
    cJSON *status = hear(house);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(status, "workers")), 2);
    cJSON_Delete(status);

    /* Its late answer is nobody's, and its next one is heard. */
    assert_true(recv(fds[1], heard, sizeof(heard) - 1, 0) > 0);
    assert_non_null(strstr(heard, "\"id\":1"));
    say(house, "{\"method\":\"status\"}\n");
    static const char late[] = "{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":"
                               "{\"counters\":{\"flows\":{\"tcp\":1000}},\"upstreams\":7}}\n";
    assert_int_equal(send(fds[1], late, sizeof(late) - 1, 0), sizeof(late) - 1);
    status = hear(house);
    const cJSON *counters = cJSON_GetObjectItemCaseSensitive(status, "counters");
    assert_int_equal(number_at(counters, "flows", "tcp"), 10 + 11 + 1000);
    cJSON_Delete(status);
    close(fds[1]);
}

static void a_client_may_leave_while_it_waits(void **state)
{
    struct house *house = *state;
    int fds[2];
    pair(fds);
    assert_int_equal(siblings_set(house->siblings, 2, fds[0]), 0);
    say(house, "{\"method\":\"status\"}\n");
    close(house->client);
    spin(house);
    control_close(house->controls[0]); /* with the question still open */
    house->controls[0] = NULL;
    spin(house);
    close(fds[1]);
    house->client = -1;
}

static void nonsense_from_a_sibling_counts_for_nothing(void **state)
{
    static const char *const results[] = {
        "7",
        "[]",
        "null",
        "{\"counters\":[1,2]}",
        "{\"counters\":{\"flows\":[1]}}",
        "{\"counters\":{\"flows\":{\"tcp\":\"x\"}},\"upstreams\":[1,null,{}]}"};
    struct house *house = *state;
    int fds[2];
    pair(fds);
    assert_int_equal(siblings_set(house->siblings, 2, fds[0]), 0);
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        char line[256];
        say(house, "{\"method\":\"status\"}\n");
        int size = snprintf(line, sizeof(line), "nonsense\n{\"id\":%zu,\"result\":%s}\n", i + 1,
                            results[i]);
        assert_int_equal(send(fds[1], line, (size_t)size, 0), size);
        cJSON *status = hear(house);
        const cJSON *counters = cJSON_GetObjectItemCaseSensitive(status, "counters");
        assert_int_equal(number_at(counters, "flows", "tcp"), 10 + 11);
        cJSON_Delete(status);
    }
    close(fds[1]);
}

static void merge_log(const char *own, const char *other, char *ret, size_t capacity)
{
    cJSON *result = cJSON_Parse(own), *more = cJSON_Parse(other);

    control_merge_status(result, more, 1);
    assert_true(cJSON_PrintPreallocated(cJSON_GetObjectItemCaseSensitive(result, "log"), ret,
                                        (int)capacity, false));
    cJSON_Delete(result);
    cJSON_Delete(more);
}

static void the_log_is_that_of_all(void **state)
{
    static const char own[] = "{\"log\":{\"mode\":\"all\",\"written\":3,\"dropped\":1,\"lost\":0,"
                              "\"bytes\":10,\"is_failing\":false,\"was_damaged\":true}}";
    char text[256];

    (void)state;
    merge_log(own,
              "{\"log\":{\"mode\":\"all\",\"written\":4,\"dropped\":0,\"lost\":2,\"bytes\":9,"
              "\"is_failing\":true,\"was_damaged\":false}}",
              text, sizeof(text));
    assert_string_equal(text, "{\"mode\":\"all\",\"is_failing\":true,\"was_damaged\":true,"
                              "\"written\":7,\"dropped\":1,\"lost\":2,\"bytes\":10}");
    merge_log(own, "{\"log\":[\"written\"]}", text, sizeof(text));
    assert_non_null(strstr(text, "\"written\":3"));
}

static void counting_is_told(void **state)
{
    struct house *house = *state;
    control_note_counting(house->controls[1]);
    control_note_counting(house->controls[2]);
    spin(house);
    assert_int_equal(house->told, 2);
}

static void it_may_be_silent_for_long(void **state)
{
    struct house *house = *state;
    loop_fake_clock(house->loop, 1000 + 10 * CONTROL_SILENCE_MS);
    spin(house);
    assert_int_equal(siblings_count(house->siblings), 2);
}

#define in_house(test) cmocka_unit_test_setup_teardown(test, begin, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_house(status_is_that_of_all),
        in_house(lists_are_joined_in_order),
        in_house(questions_behind_each_other_have_their_own_answers),
        in_house(one_that_is_gone_is_left_out),
        in_house(one_that_is_silent_is_not_waited_for_long),
        in_house(a_client_may_leave_while_it_waits),
        in_house(nonsense_from_a_sibling_counts_for_nothing),
        in_house(the_log_is_that_of_all),
        in_house(counting_is_told),
        in_house(it_may_be_silent_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
