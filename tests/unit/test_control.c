/* The control socket, spoken to from the other end: answers, errors, limits. */
#include "service/control/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct loop *loop;
    struct sockaddr_un address;
    struct usage *usage;
    struct control *control;
    int flows; /* how many the source has */
};

static time_t now(void)
{
    return 20000L * 24 * 60 * 60;
}

static void tell_state(void *owner, struct control_state *ret)
{
    (void)owner;
    *ret = (struct control_state){
        .state = "on", .reason = "all is well", .upstream = "home", .uptime_ms = 1234};
}

static void tell_counters(void *owner, control_counter_fn *tell, void *to)
{
    (void)owner;
    tell(to, "dns", "questions", 7);
    tell(to, "flows", "tcp", 18446744073709551615ULL);
    tell(to, "dns", "blocked", 2);
}

static void tell_upstreams(void *owner, control_upstream_fn *tell, void *to)
{
    (void)owner;
    tell(to, &(struct control_upstream){.name = "home",
                                        .kind = "socks5",
                                        .server = "a:1",
                                        .health = "resting",
                                        .retry_in_ms = 500,
                                        .last_error = "timed out"});
}

static void tell_flows(void *owner, control_flow_fn *tell, void *to)
{
    const struct fixture *fixture = owner;
    for (int i = 0; i < fixture->flows; i++) {
        struct control_flow flow = {.id = (uint64_t)i, .kind = "tcp", .door = "tun", .up = 5};
        flow.state = "relaying";
        address_parse("192.0.2.1:80", &flow.client);
        endpoint_parse("example.com:443", 0, &flow.target);
        if (!tell(to, &flow))
            return;
    }
}

static void tell_refusals(void *owner, control_refusal_fn *tell, void *to)
{
    (void)owner;
    for (int i = 0; i < 10; i++) {
        if (!tell(to, &(struct control_refusal){.at_unix_ms = 1700000000123,
                                                .kind = "dns",
                                                .name = "ads.example",
                                                .list = "builtin",
                                                .rule = "ads.example"}))
            return;
    }
}

static int check(void *owner, const struct control_question *question, struct control_verdict *ret)
{
    (void)owner;
    if (question->url)
        return -EINVAL;
    if (strcmp(question->host, "none.example") == 0)
        return -ENOENT;
    *ret = (struct control_verdict){.verdict = "block", .list = "builtin"};
    snprintf(ret->rule, sizeof(ret->rule), "%s", question->host);
    return 0;
}

/* Linux' abstract sockets: no file to clean up. */
static int open_listener(struct sockaddr_un *ret)
{
    static int number;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "test_control.%d.%d", (int)getpid(),
             number++);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret, sizeof(*ret)), 0);
    assert_int_equal(listen(fd, 128), 0);
    return fd;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct usage_options usage_options = {.dir_fd = -1, .now = now};
    fixture->loop = loop_new();
    loop_fake_clock(fixture->loop, 1000);
    assert_int_equal(usage_open(fixture->loop, &usage_options, &fixture->usage), 0);
    const struct control_source source = {
        .owner = fixture,
        .state = tell_state,
        .counters = tell_counters,
        .upstreams = tell_upstreams,
        .flows = tell_flows,
        .refusals = tell_refusals,
        .check = check,
    };
    const struct control_options options = {
        .group = (gid_t)-2, .source = &source, .usage = fixture->usage};
    int listener = open_listener(&fixture->address);
    assert_int_equal(control_open(fixture->loop, listener, &options, &fixture->control), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    control_close(fixture->control);
    usage_close(fixture->usage);
    loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static int connect_client(struct fixture *fixture)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&fixture->address, sizeof(fixture->address)),
                     0);
    return fd;
}

static void spin(struct fixture *fixture)
{
    for (int i = 0; i < 8; i++)
        loop_run_once(fixture->loop, 0);
}

/* Read until a newline or nothing more comes; allocated. */
static char *read_line(struct fixture *fixture, int fd)
{
    size_t size = 0, capacity = 1 << 20;
    char *line = malloc(capacity);
    for (int quiet = 0; quiet < 20 && (size == 0 || line[size - 1] != '\n'); quiet++) {
        spin(fixture);
        ssize_t count = recv(fd, line + size, capacity - 1 - size, 0);
        if (count == 0)
            break;
        if (count > 0) {
            size += (size_t)count;
            quiet = 0;
        }
    }
    line[size] = '\0';
    return line;
}

static cJSON *ask(struct fixture *fixture, const char *request)
{
    int fd = connect_client(fixture);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    char *line = read_line(fixture, fd);
    cJSON *answer = cJSON_Parse(line);
    assert_non_null(answer);
    free(line);
    close(fd);
    spin(fixture);
    return answer;
}

static const cJSON *at(const cJSON *object, const char *path)
{
    char copy[128], *rest = NULL;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        object = cJSON_IsArray(object) ? cJSON_GetArrayItem(object, atoi(name))
                                       : cJSON_GetObjectItemCaseSensitive(object, name);
        if (!object)
            fail_msg("no %s in the answer", path);
    }
    return object;
}

static void assert_text(const cJSON *object, const char *path, const char *expected)
{
    assert_string_equal(at(object, path)->valuestring, expected);
}

static void assert_number(const cJSON *object, const char *path, int expected)
{
    assert_int_equal(at(object, path)->valueint, expected);
}

static void test_status(void **state)
{
    struct fixture *fixture = *state;
    static const char request[] = "{\"method\":\"status\",\"id\":7}\n";
    int fd = connect_client(fixture);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    char *line = read_line(fixture, fd);
    assert_non_null(strstr(line, "\"tcp\":18446744073709551615}")); /* not rounded */
    cJSON *answer = cJSON_Parse(line);
    assert_number(answer, "id", 7);
    assert_text(answer, "result/state", "on");
    assert_text(answer, "result/reason", "all is well");
    assert_number(answer, "result/uptime_ms", 1234);
    assert_number(answer, "result/counters/dns/questions", 7);
    assert_number(answer, "result/counters/dns/blocked", 2);
    assert_text(answer, "result/upstreams/0/health", "resting");
    assert_text(answer, "result/upstreams/0/last_error", "timed out");
    cJSON_Delete(answer);
    free(line);
    close(fd);
}

static void test_usage_method(void **state)
{
    struct fixture *fixture = *state;
    struct usage_counters *counters = usage_counters(fixture->usage, "home");
    counters->up = 3;
    counters->down = 4;
    cJSON *answer = ask(fixture, "{\"method\":\"usage\"}\n");
    assert_text(answer, "result/rows/0/day", "2024-10-04");
    assert_text(answer, "result/rows/0/upstream", "home");
    assert_number(answer, "result/rows/0/bytes_up", 3);
    assert_number(answer, "result/total/bytes_down", 4);
    assert_true(cJSON_IsNumber(at(answer, "result/sequence")));
    cJSON_Delete(answer);
    answer = ask(fixture, "{\"method\":\"usage\",\"params\":{\"from\":\"2024-10-05\"}}\n");
    assert_int_equal(cJSON_GetArraySize(at(answer, "result/rows")), 0);
    cJSON_Delete(answer);
    answer = ask(fixture, "{\"method\":\"usage\",\"params\":{\"by\":\"upstream\"}}\n");
    assert_null(cJSON_GetObjectItem(at(answer, "result/rows/0"), "day"));
    cJSON_Delete(answer);
}

static void test_flows_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    fixture->flows = 3000;
    cJSON *answer = ask(fixture, "{\"method\":\"flows\",\"params\":{\"limit\":1000}}\n");
    assert_int_equal(cJSON_GetArraySize(at(answer, "result/flows")), 1000);
    assert_number(answer, "result/total", 3000);
    assert_text(answer, "result/flows/0/target", "example.com:443");
    assert_text(answer, "result/flows/0/client", "192.0.2.1:80");
    cJSON_Delete(answer);
    answer = ask(fixture, "{\"method\":\"flows\"}\n");
    assert_int_equal(cJSON_GetArraySize(at(answer, "result/flows")), 100);
    cJSON_Delete(answer);
}

static void test_blocked(void **state)
{
    struct fixture *fixture = *state;
    cJSON *answer = ask(fixture, "{\"method\":\"blocked\",\"params\":{\"limit\":2}}\n");
    assert_int_equal(cJSON_GetArraySize(at(answer, "result/blocked")), 2);
    assert_text(answer, "result/blocked/0/time", "2023-11-14T22:13:20.123Z");
    assert_text(answer, "result/blocked/0/list", "builtin");
    assert_true(cJSON_IsNull(at(answer, "result/blocked/0/client")));
    cJSON_Delete(answer);
}

static void test_filter_check(void **state)
{
    struct fixture *fixture = *state;
    cJSON *answer =
        ask(fixture, "{\"method\":\"filter.check\",\"params\":{\"host\":\"Ads.Example.\"}}\n");
    assert_text(answer, "result/asked", "ads.example");
    assert_text(answer, "result/verdict", "block");
    assert_text(answer, "result/list", "builtin");
    assert_text(answer, "result/rule", "ads.example");
    cJSON_Delete(answer);
}

static void test_errors(void **state)
{
    static const struct {
        const char *request, *code;
    } rows[] = {
        {"nonsense\n", "bad_request"},
        {"\n", "bad_request"},
        {"[]\n", "bad_request"},
        {"{}\n", "bad_request"},
        {"{\"method\":5}\n", "bad_request"},
        {"{\"method\":\"status\",\"params\":[]}\n", "bad_request"},
        {"{\"method\":\"destroy\"}\n", "unknown_method"},
        {"{\"method\":\"usage\",\"params\":{\"from\":\"yesterday\"}}\n", "bad_params"},
        {"{\"method\":\"usage\",\"params\":{\"from\":1}}\n", "bad_params"},
        {"{\"method\":\"usage\",\"params\":{\"by\":\"app\"}}\n", "bad_params"},
        {"{\"method\":\"flows\",\"params\":{\"limit\":1001}}\n", "bad_params"},
        {"{\"method\":\"flows\",\"params\":{\"limit\":1.5}}\n", "bad_params"},
        {"{\"method\":\"filter.check\"}\n", "bad_params"},
        {"{\"method\":\"filter.check\",\"params\":{\"host\":\"a b\"}}\n", "bad_params"},
        {"{\"method\":\"filter.check\",\"params\":{\"url\":\"x\"}}\n", "bad_params"},
        {"{\"method\":\"filter.check\",\"params\":{\"host\":\"none.example\"}}\n", "unavailable"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *answer = ask(fixture, rows[i].request);
        assert_text(answer, "error/code", rows[i].code);
        assert_true(at(answer, "error/message")->valuestring[0] != '\0');
        assert_true(at(answer, "error/hint")->valuestring[0] != '\0');
        cJSON_Delete(answer);
    }
    assert_int_equal(control_stats(fixture->control).errors, sizeof(rows) / sizeof(rows[0]));
    assert_int_equal(control_stats(fixture->control).clients, 0);
}

static void test_byte_by_byte_and_many_at_once(void **state)
{
    struct fixture *fixture = *state;
    static const char request[] = "{\"method\":\"methods\",\"id\":1}\n{\"method\":\"methods\"}\n";
    int fd = connect_client(fixture);
    for (size_t i = 0; i < strlen(request); i++) {
        assert_int_equal(send(fd, request + i, 1, 0), 1);
        spin(fixture);
    }
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    spin(fixture);
    char answers[8192];
    ssize_t size = recv(fd, answers, sizeof(answers), 0);
    assert_true(size > 0);
    int lines = 0;
    for (ssize_t i = 0; i < size; i++)
        lines += answers[i] == '\n';
    assert_int_equal(lines, 4);
    close(fd);
}

static void test_line_without_end(void **state)
{
    struct fixture *fixture = *state;
    char *line = malloc(CONTROL_REQUEST_MAX + 1);
    memset(line, 'x', CONTROL_REQUEST_MAX);
    line[CONTROL_REQUEST_MAX] = '\0';
    cJSON *answer = ask(fixture, line);
    assert_text(answer, "error/code", "bad_request");
    assert_int_equal(control_stats(fixture->control).clients, 0);
    cJSON_Delete(answer);
    free(line);
}

static void test_too_many_clients(void **state)
{
    struct fixture *fixture = *state;
    int fds[CONTROL_CLIENTS_MAX];
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        fds[i] = connect_client(fixture);
    spin(fixture);
    cJSON *answer = ask(fixture, "");
    assert_text(answer, "error/code", "limit");
    cJSON_Delete(answer);
    close(fds[0]);
    spin(fixture);
    answer = ask(fixture, "{\"method\":\"methods\"}\n");
    at(answer, "result/methods/0");
    cJSON_Delete(answer);
    for (int i = 1; i < CONTROL_CLIENTS_MAX; i++)
        close(fds[i]);
}

static void test_silence_and_stalls_end(void **state)
{
    struct fixture *fixture = *state;
    static const char request[] = "{\"method\":\"flows\",\"params\":{\"limit\":1000}}\n";
    fixture->flows = 1000;
    int silent = connect_client(fixture), stalled = connect_client(fixture);
    for (int i = 0; i < 20; i++)
        assert_true(send(stalled, request, strlen(request), 0) > 0);
    spin(fixture);
    assert_int_equal(control_stats(fixture->control).clients, 2);
    loop_fake_clock(fixture->loop, 1000 + CONTROL_STALL_MS);
    spin(fixture);
    assert_int_equal(control_stats(fixture->control).clients, 1);
    loop_fake_clock(fixture->loop, 1000 + CONTROL_SILENCE_MS);
    spin(fixture);
    assert_int_equal(control_stats(fixture->control).clients, 0);
    close(silent);
    close(stalled);
}

/* As another user, with or without the socket's group; exits with 0 if it was served. */
static _Noreturn void ask_as_nobody(const struct fixture *fixture, bool is_member)
{
    static const char request[] = "{\"method\":\"methods\"}\n";
    const gid_t group = (gid_t)-2;
    char answer[1024];
    if (setgroups(is_member, &group) < 0 || setresgid(65534, 65534, 65534) < 0 ||
        setresuid(65534, 65534, 65534) < 0)
        _exit(2);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&fixture->address, sizeof(fixture->address)) < 0)
        _exit(3);
    send(fd, request, strlen(request), MSG_NOSIGNAL);
    ssize_t size = recv(fd, answer, sizeof(answer) - 1, 0);
    answer[size > 0 ? size : 0] = '\0';
    if (strstr(answer, "\"methods\""))
        _exit(0);
    _exit(strstr(answer, "\"permission\"") ? 1 : 4);
}

static int served_as_nobody(struct fixture *fixture, bool is_member)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        ask_as_nobody(fixture, is_member);
    while (waitpid(child, &status, WNOHANG) == 0)
        loop_run_once(fixture->loop, 1);
    return WEXITSTATUS(status);
}

static void test_only_the_group_is_served(void **state)
{
    struct fixture *fixture = *state;
    if (getuid() != 0)
        skip(); /* only root can become somebody else */
    assert_int_equal(served_as_nobody(fixture, false), 1);
    assert_int_equal(control_stats(fixture->control).refused_peers, 1);
    assert_int_equal(served_as_nobody(fixture, true), 0);
    assert_int_equal(control_stats(fixture->control).refused_peers, 1);
}

static void test_close_with_clients(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_client(fixture);
    spin(fixture);
    control_close(fixture->control);
    fixture->control = NULL;
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usage_method, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flows_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter_check, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_byte_by_byte_and_many_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_line_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_and_stalls_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_the_group_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_with_clients, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
