/* power.sock, spoken to as a client would. Needs no root: the socket's group is our own. */
#include "base/loop.h"
#include "service/supervisor/power.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct house {
    struct loop *loop;
    struct power *power;
    char folder[32], path[64];
    int client;
    int asked;
    enum power_request last;
    struct power_client *waiting; /* the next request is answered by the test */
    bool answers_late;
    char text[4096];
};

static const struct power_status fine = {.state = "on", .reason = "", .upstream = "", .tun = ""};

static void on_request(void *owner, enum power_request request, struct power_client *client)
{
    struct house *house = owner;
    house->asked++;
    house->last = request;
    if (house->answers_late)
        house->waiting = client;
    else
        power_answer(client, &fine, NULL);
}

static int open_house(void **state)
{
    struct house *house = calloc(1, sizeof(*house));
    strcpy(house->folder, "/tmp/test_power.XXXXXX");
    if (!mkdtemp(house->folder))
        return -1;
    snprintf(house->path, sizeof(house->path), "%s/power.sock", house->folder);
    house->loop = loop_new();
    struct power_options options = {
        .path = house->path, .group = getegid(), .worker = (uid_t)54321};
    house->client = -1;
    *state = house;
    return power_open(house->loop, &options, on_request, house, &house->power);
}

static int close_house(void **state)
{
    struct house *house = *state;
    if (house->client >= 0)
        close(house->client);
    power_close(house->power);
    loop_free(house->loop);
    int err = rmdir(house->folder);
    free(house);
    return err;
}

static int connect_to(const struct house *house)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, house->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void turn(struct house *house)
{
    for (int i = 0; i < 4; i++)
        loop_run_once(house->loop, 0);
}

static const char *hear(struct house *house)
{
    turn(house);
    ssize_t size = recv(house->client, house->text, sizeof(house->text) - 1, MSG_DONTWAIT);
    house->text[size > 0 ? size : 0] = '\0';
    return size == 0 ? "(closed)" : house->text;
}

static void say(struct house *house, const char *text)
{
    assert_int_equal(send(house->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void the_socket_is_for_root_and_the_group(void **state)
{
    struct house *house = *state;
    struct stat found;
    assert_int_equal(stat(house->path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0660);
    assert_int_equal(found.st_gid, getegid());
}

static void answers_one_request_after_the_other(void **state)
{
    struct house *house = *state;
    house->client = connect_to(house);
    say(house, "status\non\n");
    const char *text = hear(house);
    assert_int_equal(house->asked, 2);
    assert_int_equal(house->last, POWER_ON);
    const char *first_end = strstr(text, "\n\n");
    assert_non_null(first_end);
    assert_memory_equal(first_end + 2, "state=on\n", 9);
}

static void a_word_may_come_in_pieces(void **state)
{
    struct house *house = *state;
    house->client = connect_to(house);
    say(house, "rel");
    assert_string_equal(hear(house), "");
    say(house, "oad");
    assert_string_equal(hear(house), "");
    say(house, "\n");
    assert_memory_equal(hear(house), "state=on\n", 9);
    assert_int_equal(house->last, POWER_RELOAD);
}

static void an_unknown_word_ends_it(void **state)
{
    struct house *house = *state;
    house->client = connect_to(house);
    say(house, "format\n");
    assert_string_equal(hear(house), "error=there is no such request\n\n");
    assert_string_equal(hear(house), "(closed)");
    assert_int_equal(house->asked, 0);
}

static void a_word_without_end_ends_it(void **state)
{
    struct house *house = *state;
    house->client = connect_to(house);
    char endless[POWER_REQUEST_MAX + 1];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    say(house, endless);
    assert_string_equal(hear(house), "(closed)");
}

static void waits_with_the_next_until_the_first_is_answered(void **state)
{
    struct house *house = *state;
    house->client = connect_to(house);
    house->answers_late = true;
    say(house, "off\nstatus\n");
    assert_string_equal(hear(house), "");
    assert_int_equal(house->asked, 1);
    house->answers_late = false;
    power_answer(house->waiting, &fine, "not now");
    assert_memory_equal(hear(house), "error=not now\nstate=on\n", 23);
    assert_int_equal(house->asked, 2);
}

static void who_left_meanwhile_is_no_concern(void **state)
{
    struct house *house = *state;
    house->client = connect_to(house);
    house->answers_late = true;
    say(house, "off\n");
    turn(house);
    close(house->client);
    house->client = -1;
    turn(house);
    power_answer(house->waiting, &fine, NULL);
    turn(house);
}

static void silence_ends_it(void **state)
{
    struct house *house = *state;
    loop_fake_clock(house->loop, 1000);
    house->client = connect_to(house);
    turn(house);
    loop_fake_clock(house->loop, 1000 + POWER_SILENCE_MS - 1);
    assert_string_equal(hear(house), "");
    loop_fake_clock(house->loop, 1000 + POWER_SILENCE_MS);
    assert_string_equal(hear(house), "(closed)");
}

static void too_many_are_told(void **state)
{
    struct house *house = *state;
    int others[POWER_CLIENTS_MAX];
    for (size_t i = 0; i < POWER_CLIENTS_MAX; i++) {
        others[i] = connect_to(house);
        turn(house);
    }
    house->client = connect_to(house);
    assert_memory_equal(hear(house), "error=too many", 14);
    for (size_t i = 0; i < POWER_CLIENTS_MAX; i++)
        close(others[i]);
    turn(house);
    close(house->client);
    house->client = connect_to(house);
    say(house, "status\n");
    assert_memory_equal(hear(house), "state=on\n", 9);
}

#define in_house(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_house(the_socket_is_for_root_and_the_group),
        in_house(answers_one_request_after_the_other),
        in_house(a_word_may_come_in_pieces),
        in_house(an_unknown_word_ends_it),
        in_house(a_word_without_end_ends_it),
        in_house(waits_with_the_next_until_the_first_is_answered),
        in_house(who_left_meanwhile_is_no_concern),
        in_house(silence_ends_it),
        in_house(too_many_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
