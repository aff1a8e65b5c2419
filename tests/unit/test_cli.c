/* The program `atlantic` itself against stand-ins of the service: output and exit statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVERS = 2, OUTPUT_MAX = 4096 };

struct reply {
    const char *request, *answer;
};

struct fixture {
    char dir[64];
    pid_t servers[SERVERS];
};

static void answer_one(int fd, const struct reply *replies)
{
    char line[512] = "";
    size_t size = 0;
    while (!strchr(line, '\n') && size < sizeof(line) - 1) {
        ssize_t count = recv(fd, line + size, sizeof(line) - 1 - size, 0);
        if (count <= 0)
            return;
        size += (size_t)count;
    }
    for (; replies->request; replies++) {
        if (strcmp(line, replies->request) == 0)
            send(fd, replies->answer, strlen(replies->answer), MSG_NOSIGNAL);
    }
}

/* A child that answers each connection's one request by the table; it ends with the test. */
static pid_t serve(const char *dir, const char *name, const struct reply *replies)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 16), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int fd = accept(listener, NULL, NULL);
            answer_one(fd, replies);
            close(fd);
        }
    }
    close(listener);
    return child;
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.dir = "/tmp/test_cli.XXXXXX"};
    assert_non_null(mkdtemp(fixture.dir));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"power.sock", "control.sock"};
    char path[96];
    for (size_t i = 0; i < SERVERS; i++) {
        if (fixture->servers[i] > 0) {
            kill(fixture->servers[i], SIGKILL);
            waitpid(fixture->servers[i], NULL, 0);
        }
        snprintf(path, sizeof(path), "%s/%s", fixture->dir, names[i]);
        unlink(path);
    }
    return rmdir(fixture->dir);
}

/* Runs `atlantic ARGUMENTS`, compares the exit status; standard output and error are in `to`. */
static void run(const struct fixture *fixture, const char *arguments, int status, char *to)
{
    char line[512];
    snprintf(line, sizeof(line), "%s --run-dir %s %s 2>&1", ATLANTIC_CLI, fixture->dir, arguments);
    FILE *output = popen(line, "r");
    assert_non_null(output);
    to[fread(to, 1, OUTPUT_MAX - 1, output)] = '\0';
    int ended = pclose(output);
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != status)
        fail_msg("atlantic %s: status %d instead of %d: %s", arguments, WEXITSTATUS(ended), status,
                 to);
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in: %s", part, text);
}

static void test_not_running(void **state)
{
    static const char *const lines[] = {"on",      "off",     "status",
                                        "restart", "reload",  "usage",
                                        "flows",   "blocked", "filter check a.example"};
    char output[OUTPUT_MAX];
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        run(*state, lines[i], 3, output);
        assert_contains(output, "systemctl start atlanticd");
    }
}

static void test_changes(void **state)
{
    static const struct reply replies[] = {
        {"on\n", "state=connecting\nreason=\n\n"},
        {"off\n", "state=off\nreason=\n\n"},
        {"restart\n", "state=connecting\nreason=the worker starts\n\n"},
        {"reload\n", "error=a.yaml:1:2: wrong; do this\nstate=on\nreason=\n\n"},
        {"status\n", "state=connecting\nreason=\nworker_pid=0\n\n"},
        {NULL, NULL},
    };
    struct fixture *fixture = *state;
    char output[OUTPUT_MAX];
    fixture->servers[0] = serve(fixture->dir, "power.sock", replies);
    run(fixture, "on", 0, output);
    assert_contains(output, "Connecting: ");
    run(fixture, "off", 0, output);
    assert_contains(output, "Off: ");
    run(fixture, "restart", 0, output);
    assert_contains(output, "the worker starts");
    run(fixture, "reload", 1, output);
    assert_string_equal(output, "atlantic: a.yaml:1:2: wrong; do this\n");
    run(fixture, "on --wait=1", 5, output);
    assert_contains(output, "Connecting: ");
    run(fixture, "status --wait=1", 5, output);
    run(fixture, "status", 0, output);
}

static void test_on(void **state)
{
    static const struct reply power[] = {
        {"on\n", "state=connecting\n\n"},
        {"status\n", "state=on\nreason=\nupstream=home\nworker_pid=5\nuptime_s=1\n\n"},
        {NULL, NULL},
    };
    static const struct reply control[] = {
        {"{\"method\":\"status\"}\n",
         "{\"result\":{\"upstreams\":[],\"counters\":{\"flows\":{\"tcp\":4,\"udp\":0}}}}\n"},
        {NULL, NULL},
    };
    struct fixture *fixture = *state;
    char output[OUTPUT_MAX];
    fixture->servers[0] = serve(fixture->dir, "power.sock", power);
    run(fixture, "on --wait", 0, output);
    assert_string_equal(output, "On: everything leaves through home.\n");
    run(fixture, "status", 0, output); /* without the worker */
    assert_contains(output, "worker 5");
    fixture->servers[1] = serve(fixture->dir, "control.sock", control);
    run(fixture, "status", 0, output);
    assert_contains(output, "4 TCP, 0 UDP now");
    run(fixture, "status --json", 0, output);
    assert_contains(output, "\"tcp\":\t4");
}

static void test_no_permission(void **state)
{
    static const struct reply power[] = {
        {"off\n", "error=only root and members of the service's group may do this\n\n"},
        {NULL, NULL}};
    static const struct reply control[] = {
        {"{\"method\":\"flows\",\"params\":{}}\n",
         "{\"error\":{\"code\":\"permission\",\"message\":\"no\",\"hint\":\"use sudo\"}}\n"},
        {NULL, NULL},
    };
    struct fixture *fixture = *state;
    char output[OUTPUT_MAX];
    fixture->servers[0] = serve(fixture->dir, "power.sock", power);
    fixture->servers[1] = serve(fixture->dir, "control.sock", control);
    run(fixture, "off", 4, output);
    run(fixture, "flows", 4, output);
    assert_string_equal(output, "atlantic: no; use sudo\n");
}

static void test_questions(void **state)
{
    static const struct reply control[] = {
        {"{\"method\":\"usage\",\"params\":{\"by\":\"upstream\"}}\n",
         "{\"result\":{\"rows\":[],\"total\":{\"bytes_up\":1500},\"sequence\":3}}\n"},
        {"{\"method\":\"usage\",\"params\":{\"by\":\"upstream\",\"from\":\"x\"}}\n",
         "{\"error\":{\"code\":\"bad_params\",\"message\":\"no day\",\"hint\":\"\"}}\n"},
        {"{\"method\":\"filter.check\",\"params\":{\"host\":\"a.example\"}}\n",
         "{\"result\":{\"asked\":\"a.example\",\"verdict\":\"none\"}}\n"},
        {"{\"method\":\"filter.check\",\"params\":{\"url\":\"http://a/\"}}\n",
         "{\"error\":{\"code\":\"unavailable\",\"message\":\"no filter\",\"hint\":\"wait\"}}\n"},
        {"{\"method\":\"flows\",\"params\":{\"limit\":7}}\n", "nonsense\n"},
        {NULL, NULL},
    };
    struct fixture *fixture = *state;
    char output[OUTPUT_MAX];
    fixture->servers[1] = serve(fixture->dir, "control.sock", control);
    run(fixture, "usage", 0, output);
    assert_contains(output, "1.5 kB");
    run(fixture, "usage --json", 0, output);
    assert_contains(output, "\"sequence\":\t3");
    run(fixture, "usage --from x", 2, output);
    run(fixture, "filter check a.example", 0, output);
    assert_string_equal(output, "not blocked: a.example, no rule speaks of it\n");
    run(fixture, "filter check http://a/", 1, output);
    run(fixture, "flows --limit 7", 1, output);
    run(fixture, "filter frob x", 2, output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_not_running, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_permission, setup, teardown),
        cmocka_unit_test_setup_teardown(test_questions, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
