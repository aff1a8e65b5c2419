/* Status as people read it, word for word, and as programs do. */
#include "ui/cli/status_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static cJSON *merge(const char *power_text, const char *worker_text, const char *today_text)
{
    struct client_power power;
    cJSON *worker = worker_text ? cJSON_Parse(worker_text) : NULL;
    cJSON *today = today_text ? cJSON_Parse(today_text) : NULL;
    assert_int_equal(client_power_parse(strdup(power_text), &power), 0);
    cJSON *status = status_merge(&power, worker, today);
    client_power_done(&power);
    cJSON_Delete(worker);
    cJSON_Delete(today);
    return status;
}

static char *print(const cJSON *status, bool has_colour)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    status_print(status, 1700003600, has_colour, to);
    fclose(to);
    return text;
}

static void assert_printed(cJSON *take_status, bool has_colour, const char *expected)
{
    char *text = print(take_status, has_colour);
    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(take_status);
}

static const char on_text[] = "state=on\nreason=\nupstream=home\nworker_pid=812\nuptime_s=7300\n"
                              "fence=armed\ntun=atlantic-tun0\nwish=on\nsince=1700000000\n"
                              "version=0.1.0\n\n";
static const char worker_text[] =
    "{\"state\":\"on\",\"upstreams\":[{\"name\":\"home\",\"kind\":\"socks5\",\"server\":\"a:1\","
    "\"health\":\"healthy\"},{\"name\":\"b\",\"kind\":\"http\",\"server\":\"b:2\","
    "\"health\":\"resting\",\"last_error\":\"timed out\"}],"
    "\"counters\":{\"flows\":{\"tcp\":12,\"udp\":3},\"filter\":{\"asked\":100,\"blocked\":7}}}";
static const char today_text[] =
    "{\"rows\":[],\"total\":{\"bytes_up\":1500,\"bytes_down\":20300000,"
    "\"requests\":5,\"blocked\":1}}";

static void test_several_take_turns(void **state)
{
    cJSON *status = cJSON_Parse("{\"state\":\"on\",\"upstream\":\"a\",\"upstreams\":["
                                "{\"name\":\"a\",\"health\":\"healthy\"},"
                                "{\"name\":\"b\",\"health\":\"resting\"},"
                                "{\"name\":\"c\",\"health\":\"untried\"}]}");
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    (void)state;
    status_print_headline(status, false, to);
    fclose(to);
    assert_string_equal(text, "On: everything leaves through a, c in turn.\n");
    free(text);
    cJSON_Delete(status);
}

static void test_on(void **state)
{
    (void)state;
    assert_printed(merge(on_text, worker_text, today_text), false,
                   "On: everything leaves through home.\n"
                   "since     1 h 0 min\n"
                   "fence     armed\n"
                   "device    atlantic-tun0\n"
                   "process   worker 812, service up 2 h 1 min\n"
                   "upstream  home (socks5 a:1): healthy\n"
                   "upstream  b (http b:2): resting, timed out\n"
                   "flows     12 TCP, 3 UDP now\n"
                   "filter    7 of 100 blocked since the worker started\n"
                   "today     20.3 MB down, 1.5 kB up, 5 requests, 1 blocked\n");
}

static const char three_text[] = "state=failing\nreason=it died\nupstream=home\nworker_pid=812\n"
                                 "uptime_s=7\nfence=armed\ntun=\nwish=on\nsince=1700003600\n"
                                 "version=0.1.0\nworkers=3\nworkers_why=\nworker.1=812 on\n"
                                 "worker.2=813 connecting\nworker.3=0 failing it died\n\n";

static char *print_log(const char *log)
{
    char text[256];
    snprintf(text, sizeof(text), "{\"log\":%s}", log);
    cJSON *status = merge(on_text, text, NULL);
    char *printed = print(status, false);
    cJSON_Delete(status);
    return printed;
}

static void test_a_log_cut_short_by_the_region(void **state)
{
    (void)state;
    char *text = print_log("{\"mode\":\"blocked\",\"age_s\":604800,\"asked_age_s\":5184000}");
    assert_non_null(strstr(text, "goes back 7 days at most, by the policy for the region"));
    free(text);
    text = print_log("{\"mode\":\"blocked\",\"age_s\":604800,\"asked_age_s\":604800}");
    assert_null(strstr(text, "query log"));
    free(text);
    text = print_log("{\"mode\":\"off\",\"age_s\":604800,\"asked_age_s\":5184000}");
    assert_null(strstr(text, "query log"));
    free(text);
}

static void test_a_log_that_needs_consent(void **state)
{
    (void)state;
    char *text = print_log("{\"mode\":\"off\",\"needs_consent\":true,\"consent\":\"none\"}");
    assert_non_null(
        strstr(text, "query log  not kept: it needs your consent; see: atlantic consent\n"));
    free(text);
    text = print_log("{\"mode\":\"off\",\"needs_consent\":false,\"consent\":\"none\"}");
    assert_null(strstr(text, "query log"));
    free(text);
}

static void test_several_workers(void **state)
{
    (void)state;
    assert_printed(merge(three_text,
                         "{\"workers\":[{\"worker\":1,\"tcp\":4,\"udp\":1},"
                         "{\"worker\":2,\"tcp\":5,\"udp\":0},7]}",
                         NULL),
                   false,
                   "Failing: nothing leaves this computer, and it keeps trying: it died; see: "
                   "journalctl -u atlanticd; or give up protection: atlantic off.\n"
                   "since     0 s\n"
                   "fence     armed\n"
                   "process   3 workers, service up 7 s\n"
                   "worker 1  on, process 812, 4 TCP, 1 UDP\n"
                   "worker 2  connecting, process 813, 5 TCP, 0 UDP\n"
                   "worker 3  failing, no process: it died\n");
}

static void test_fewer_workers_than_wanted(void **state)
{
    (void)state;
    assert_printed(
        merge("state=off\nreason=\nworker_pid=5\nuptime_s=5\nfence=open\nworkers=1\n"
              "workers_why=this kernel is old\n\n",
              NULL, NULL),
        false,
        "Off: traffic leaves this computer as if Atlantic were not installed; turn it on "
        "with: atlantic on.\n"
        "fence       open\n"
        "process     worker 5, service up 5 s\n"
        "one worker  this kernel is old\n");
}

static void test_off(void **state)
{
    (void)state;
    assert_printed(
        merge("state=off\nreason=\nworker_pid=0\nuptime_s=5\nfence=open\n\n", NULL, NULL), false,
        "Off: traffic leaves this computer as if Atlantic were not installed; turn it on "
        "with: atlantic on.\n"
        "fence    open\n"
        "process  no worker, service up 5 s\n");
}

static void assert_headline(const char *power_text, bool has_colour, const char *expected)
{
    cJSON *status = merge(power_text, NULL, NULL);
    char *text = print(status, has_colour);
    *(strchr(text, '\n') + 1) = '\0';
    assert_string_equal(text, expected);
    free(text);
    cJSON_Delete(status);
}

static void test_headlines(void **state)
{
    (void)state;
    assert_headline(
        "state=connecting\nreason=looking up a.example\n\n", false,
        "Connecting: nothing leaves until an upstream answers: looking up a.example.\n");
    assert_headline("state=blocked\nreason=home wants another password\n\n", true,
                    "\033[31mBlocked: nothing leaves this computer\033[0m: home wants another "
                    "password; mend that and run: atlantic reload; or give up protection: atlantic "
                    "off.\n");
    assert_headline("state=failing\nreason=the worker dies\n\n", false,
                    "Failing: nothing leaves this computer, and it keeps trying: the worker dies; "
                    "see: journalctl -u atlanticd; or give up protection: atlantic off.\n");
    assert_headline("state=on\n\n", true,
                    "\033[32mOn: everything leaves through\033[0m the upstreams.\n");
    assert_headline("state=asleep\n\n", false,
                    "The service is in a state that this program does not know; are both of the "
                    "same version?\n");
}

static void test_json(void **state)
{
    cJSON *status = merge(on_text, worker_text, today_text);
    char *text = cJSON_PrintUnformatted(status);
    (void)state;
    assert_string_equal(
        text, "{\"state\":\"on\",\"reason\":\"\",\"upstream\":\"home\",\"fence\":\"armed\","
              "\"tun\":\"atlantic-tun0\",\"wish\":\"on\",\"version\":\"0.1.0\",\"worker_pid\":812,"
              "\"uptime_s\":7300,\"since\":1700000000,\"upstreams\":[{\"name\":\"home\","
              "\"kind\":\"socks5\",\"server\":\"a:1\",\"health\":\"healthy\"},{\"name\":\"b\","
              "\"kind\":\"http\",\"server\":\"b:2\",\"health\":\"resting\",\"last_error\":"
              "\"timed out\"}],\"counters\":{\"flows\":{\"tcp\":12,\"udp\":3},\"filter\":{"
              "\"asked\":100,\"blocked\":7}},\"today\":{\"bytes_up\":1500,\"bytes_down\":20300000,"
              "\"requests\":5,\"blocked\":1}}");
    cJSON_free(text);
    cJSON_Delete(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_take_turns),
        cmocka_unit_test(test_on),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_a_log_cut_short_by_the_region),
        cmocka_unit_test(test_a_log_that_needs_consent),
        cmocka_unit_test(test_several_workers),
        cmocka_unit_test(test_fewer_workers_than_wanted),
        cmocka_unit_test(test_headlines),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
