#include "ui/client.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX_BYTES = 8 * 1024 * 1024, READ_STEP_BYTES = 16 * 1024 };

/* 0 when the descriptor is ready, or -ETIMEDOUT. */
static int wait_for(int fd, short events, long long deadline_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    for (;;) {
        long long left_ms = deadline_ms - (long long)clock_ms();
        int count = poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0);
        if (count > 0)
            return 0;
        if (count == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

static int open_socket(const char *run_dir, const char *name, int *ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", run_dir, name);
    if (size < 0 || (size_t)size >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret = fd;
    return 0;
}

static int send_all(int fd, const char *text, size_t size, long long deadline_ms)
{
    while (size > 0) {
        int result = wait_for(fd, POLLOUT, deadline_ms);
        if (result < 0)
            return result;
        ssize_t count = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        /* A service that refuses us may have answered and left before it read anything. */
        if (count < 0 && errno == EPIPE)
            return 0;
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        text += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return 0;
}

/* Appends what has come. > 0: bytes; 0: the end of the stream; < 0. */
static ssize_t receive_some(int fd, long long deadline_ms, char **text, size_t size)
{
    if (size > ANSWER_MAX_BYTES)
        return -EPROTO;
    char *larger = realloc(*text, size + READ_STEP_BYTES + 1);
    if (!larger)
        return -ENOMEM;
    *text = larger;
    ssize_t count;
    do {
        int result = wait_for(fd, POLLIN, deadline_ms);
        if (result < 0)
            return result;
        count = recv(fd, *text + size, READ_STEP_BYTES, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    (*text)[size + (size_t)count] = '\0';
    return count;
}

/* Read up to `end` or the end of the stream; the text is terminated. */
static int receive(int fd, const char *end, long long deadline_ms, char **ret)
{
    size_t size = 0, end_size = strlen(end);
    char *text = NULL;
    bool is_whole = false;
    ssize_t count = 1;
    while (count > 0 && !is_whole) {
        count = receive_some(fd, deadline_ms, &text, size);
        size += count > 0 ? (size_t)count : 0;
        is_whole = size >= end_size && strcmp(text + size - end_size, end) == 0;
    }
    if (count < 0 || size == 0) {
        free(text);
        return count < 0 ? (int)count : -EPROTO;
    }
    *ret = text;
    return 0;
}

static int exchange(const char *run_dir, const char *socket_name, const char *request,
                    const char *end, int timeout_ms, char **ret)
{
    long long deadline_ms = (long long)clock_ms() + timeout_ms;
    _close_fd_ int fd = -1;
    int result = open_socket(run_dir, socket_name, &fd);
    if (result == 0)
        result = send_all(fd, request, strlen(request), deadline_ms);
    return result < 0 ? result : receive(fd, end, deadline_ms, ret);
}

/* The two digits of a `\xHH`; -1 if they are none. */
static int parse_hex(const char *digits)
{
    int value = 0;
    for (int i = 0; i < 2; i++) {
        unsigned char digit = (unsigned char)digits[i];
        if (!isxdigit(digit))
            return -1;
        value = value * 16 + (isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
    }
    return value;
}

/* `\\`, `\n` and `\xHH`, in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        int value = from[0] == '\\' && from[1] == 'x' ? parse_hex(from + 2) : -1;
        if (value >= 0) {
            *to++ = (char)(value & 0xff);
            from += 3;
        } else if (from[0] == '\\' && from[1]) {
            from++;
            *to++ = (char)(*from == 'n' ? '\n' : *from);
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

int client_power_parse(char *take_text, struct client_power *ret)
{
    struct client_power answer = {.text = take_text};
    char *rest = NULL;
    for (char *line = strtok_r(take_text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        if (!equals || answer.count == CLIENT_ANSWER_KEYS_MAX) {
            free(take_text);
            return -EPROTO;
        }
        *equals = '\0';
        unescape(equals + 1);
        answer.rows[answer.count].key = line;
        answer.rows[answer.count++].value = equals + 1;
    }
    *ret = answer;
    return 0;
}

int client_power(const char *run_dir, const char *word, int timeout_ms, struct client_power *ret)
{
    char request[80], *text = NULL;
    snprintf(request, sizeof(request), "%s\n", word);
    int result = exchange(run_dir, "power.sock", request, "\n\n", timeout_ms, &text);
    return result < 0 ? result : client_power_parse(text, ret);
}

const char *client_power_get(const struct client_power *answer, const char *key)
{
    for (size_t i = 0; i < answer->count; i++) {
        if (strcmp(answer->rows[i].key, key) == 0)
            return answer->rows[i].value;
    }
    return "";
}

void client_power_done(struct client_power *answer)
{
    free(answer->text);
    *answer = (struct client_power){.text = NULL};
}

static char *format_request(const char *method, cJSON *take_params)
{
    cJSON *request = cJSON_CreateObject();
    char *line = NULL;
    cJSON_AddStringToObject(request, "method", method);
    if (take_params)
        cJSON_AddItemToObject(request, "params", take_params);
    char *text = cJSON_PrintUnformatted(request);
    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    cJSON_free(text);
    cJSON_Delete(request);
    return line;
}

int client_control(const char *run_dir, const char *method, cJSON *take_params, int timeout_ms,
                   cJSON **ret)
{
    _free_ char *request = format_request(method, take_params);
    _free_ char *text = NULL;
    if (!request)
        return -ENOMEM;
    int result = exchange(run_dir, "control.sock", request, "\n", timeout_ms, &text);
    if (result < 0)
        return result;
    cJSON *answer = cJSON_Parse(text);
    if (!cJSON_GetObjectItemCaseSensitive(answer, "result") &&
        !cJSON_GetObjectItemCaseSensitive(answer, "error")) {
        cJSON_Delete(answer);
        return -EPROTO;
    }
    *ret = answer;
    return 0;
}
