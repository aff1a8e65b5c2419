/* The client against small servers that say what the service would say, or something else. */
#include "ui/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char dir[64], path[96];
    int listener;
    pid_t server;
};

/* The child takes one connection, reads one line, checks it and answers in pieces. */
static void serve(int listener, const char *expected, const char *answer)
{
    char line[512] = "";
    int fd = accept(listener, NULL, NULL);
    for (size_t size = 0; !strchr(line, '\n') && size < sizeof(line) - 1;) {
        ssize_t count = recv(fd, line + size, sizeof(line) - 1 - size, 0);
        if (count <= 0)
            _exit(2);
        size += (size_t)count;
    }
    for (; answer && *answer; answer++)
        send(fd, answer, 1, MSG_NOSIGNAL);
    if (!answer) /* stay silent until the client gives up */
        recv(fd, line, sizeof(line), 0);
    close(fd);
    _exit(strcmp(line, expected) != 0);
}

static struct fixture begin(const char *name, const char *expected, const char *answer)
{
    struct fixture fixture = {.dir = "/tmp/test_client.XXXXXX"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(fixture.dir));
    snprintf(fixture.path, sizeof(fixture.path), "%s/%s", fixture.dir, name);
    memcpy(address.sun_path, fixture.path, strlen(fixture.path));
    fixture.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fixture.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fixture.listener, 1), 0);
    fixture.server = fork();
    if (fixture.server == 0)
        serve(fixture.listener, expected, answer);
    return fixture;
}

static void end(struct fixture *fixture, bool checks)
{
    int status;
    close(fixture->listener);
    assert_int_equal(waitpid(fixture->server, &status, 0), fixture->server);
    if (checks)
        assert_int_equal(status, 0);
    unlink(fixture->path);
    rmdir(fixture->dir);
}

static void test_power(void **state)
{
    struct fixture fixture =
        begin("power.sock", "status\n", "state=on\nreason=a\\\\b\\nc\\x41=d\\\nnew=1\nempty=\n\n");
    struct client_power answer;
    (void)state;
    assert_int_equal(client_power(fixture.dir, "status", 5000, &answer), 0);
    assert_int_equal(answer.count, 4);
    assert_string_equal(client_power_get(&answer, "state"), "on");
    assert_string_equal(client_power_get(&answer, "reason"), "a\\b\ncA=d\\");
    assert_string_equal(client_power_get(&answer, "empty"), "");
    assert_string_equal(client_power_get(&answer, "missing"), "");
    client_power_done(&answer);
    end(&fixture, true);
}

static void test_power_says_nonsense(void **state)
{
    static const char *const answers[] = {"no equals sign\n\n", ""};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture = begin("power.sock", "on\n", answers[i]);
        struct client_power answer;
        assert_int_equal(client_power(fixture.dir, "on", 5000, &answer), -EPROTO);
        end(&fixture, true);
    }
}

static void test_silence_is_bounded(void **state)
{
    struct fixture fixture = begin("power.sock", "on\n", NULL);
    struct client_power answer;
    (void)state;
    assert_int_equal(client_power(fixture.dir, "on", 50, &answer), -ETIMEDOUT);
    end(&fixture, false);
}

static void test_nobody_there(void **state)
{
    struct fixture fixture = begin("power.sock", "", NULL);
    struct client_power answer;
    cJSON *object;
    (void)state;
    assert_int_equal(client_control(fixture.dir, "status", NULL, 1000, &object), -ENOENT);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, fixture.path, strlen(fixture.path));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    close(fixture.listener);
    assert_int_equal(waitpid(fixture.server, NULL, 0), fixture.server);
    assert_int_equal(client_power(fixture.dir, "status", 1000, &answer), -ECONNREFUSED);
    assert_int_equal(client_power("/nowhere/at/all", "status", 1000, &answer), -ENOENT);
    unlink(fixture.path);
    rmdir(fixture.dir);
}

static void test_control(void **state)
{
    struct fixture fixture =
        begin("control.sock", "{\"method\":\"usage\",\"params\":{\"by\":\"day\"}}\n",
              "{\"result\":{\"x\":1}}\n");
    cJSON *params = cJSON_CreateObject(), *answer = NULL;
    (void)state;
    cJSON_AddStringToObject(params, "by", "day");
    assert_int_equal(client_control(fixture.dir, "usage", params, 5000, &answer), 0);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(answer, "result"), "x")->valueint, 1);
    cJSON_Delete(answer);
    end(&fixture, true);
}

static void test_control_says_nonsense(void **state)
{
    struct fixture fixture = begin("control.sock", "{\"method\":\"status\"}\n", "{\"resul\":1}\n");
    cJSON *answer = NULL;
    (void)state;
    assert_int_equal(client_control(fixture.dir, "status", NULL, 5000, &answer), -EPROTO);
    end(&fixture, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_power_says_nonsense),
        cmocka_unit_test(test_silence_is_bounded),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_control_says_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
