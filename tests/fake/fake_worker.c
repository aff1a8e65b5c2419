/* A worker that does what its script says, for tests of the root half. The script is a file
 * "script" in its state folder, read at each start; one word a line:
 *
 *   fail TEXT       say IPC_FAILED and exit 3
 *   refuse TEXT     write "refuses" to "log", and answer a later IPC_CONFIG with no
 *   admit ADDR tcp|udp      ask, and write "admitted ADDR PROTOCOL RESULT" to "log"
 *   withdraw ADDR tcp|udp
 *   report N NAME TEXT      IPC_REPORT once it is ready
 *   dumb            never answer a ping
 *   linger          take a second to end when the wire does
 *   keep            do not let go of the TUN when told to
 *   nonsense        send a message of the wrong size
 *   connect ADDR    once a TUN is there: open a TCP connection, log "connected ADDR ERRNO", keep
 *                   sending a byte every 50 ms
 *   datagram ADDR   the same by UDP
 *   echo            what comes from the TUN goes back with source and destination exchanged
 *
 * A line that begins with "@N " is for worker N alone, of several; so are log lines of theirs
 * marked, but for the first one's.
 *
 * It reads its lines again whenever "script" was replaced (SIGUSR1). */
#include "base/err.h"
#include "service/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WIRE = 3, SENDERS_MAX = 8, LINE = 400 };

static int state_dir = -1, tun = -1;
static bool is_dumb, lingers, keeps_tun, has_vnet, echoes, is_started;
static char refusal[IPC_TEXT_MAX];
static int senders[SENDERS_MAX];
static int sender_count;
static int own_number = 1;
static volatile sig_atomic_t must_read;

static void on_user_signal(int number)
{
    (void)number;
    must_read = 1;
}

static void note(const char *text)
{
    int fd = openat(state_dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        char mark[16] = "";
        if (own_number > 1)
            snprintf(mark, sizeof(mark), "@%d ", own_number);
        dprintf(fd, "%s%s\n", mark, text); /* in one piece: others write too */
        close(fd);
    }
}

static void say(const struct ipc_message *message)
{
    if (ipc_send(WIRE, message, NULL, 0) < 0)
        exit(1);
}

static void ask(uint32_t kind, const char *line)
{
    char address[64], protocol[8];
    struct ipc_message message = {.kind = kind};
    if (sscanf(line, "%63s %7s", address, protocol) != 2)
        return;
    if (address_parse(address, &message.address) < 0 &&
        address_parse_ip(address, &message.address) < 0)
        return;
    message.value = strcmp(protocol, "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP;
    say(&message);
}

static void report(const char *line)
{
    struct ipc_message message = {.kind = IPC_REPORT};
    int skipped = 0;
    if (sscanf(line, "%d %63s %n", &message.value, message.name, &skipped) < 2)
        return;
    snprintf(message.text, sizeof(message.text), "%s", line + skipped);
    say(&message);
}

static void open_sender(const char *target, int type)
{
    struct address address;
    struct sockaddr_storage to;
    char text[LINE];
    if (address_parse(target, &address) < 0 || sender_count == SENDERS_MAX)
        return;
    unsigned size = address_to_sockaddr(&address, &to);
    int fd = socket(to.ss_family, type | SOCK_CLOEXEC, 0);
    struct timeval wait = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    int err = connect(fd, (struct sockaddr *)&to, size) < 0 ? errno : 0;
    snprintf(text, sizeof(text), "%s %s %s", type == SOCK_STREAM ? "connected" : "bound", target,
             err ? strerror(err) : "ok");
    note(text);
    if (err == 0)
        senders[sender_count++] = fd;
    else
        close(fd);
}

/* NULL: it is for somebody else. */
static char *own_part(char *line)
{
    if (*line != '@')
        return line;
    char *rest = strchr(line, ' ');
    return rest && atoi(line + 1) == own_number ? rest + 1 : NULL;
}

static void refuse(const char *why)
{
    snprintf(refusal, sizeof(refusal), "%s", why);
    note("refuses");
}

static void obey(char *line)
{
    char *rest = strchr(line, ' ');
    rest = rest ? rest + 1 : line + strlen(line);
    if (strncmp(line, "admit ", 6) == 0)
        ask(IPC_ADMIT, rest);
    else if (strncmp(line, "withdraw ", 9) == 0)
        ask(IPC_WITHDRAW, rest);
    else if (strncmp(line, "report ", 7) == 0)
        report(rest);
    else if (strncmp(line, "refuse ", 7) == 0)
        refuse(rest);
    else if (strcmp(line, "dumb") == 0)
        is_dumb = true;
    else if (strcmp(line, "linger") == 0)
        lingers = true;
    else if (strcmp(line, "keep") == 0)
        keeps_tun = true;
    else if (strcmp(line, "echo") == 0)
        echoes = true;
    else if (strcmp(line, "nonsense") == 0)
        (void)!write(WIRE, "nonsense", 8);
    else if (strncmp(line, "connect ", 8) == 0)
        open_sender(rest, SOCK_STREAM);
    else if (strncmp(line, "datagram ", 9) == 0)
        open_sender(rest, SOCK_DGRAM);
}

/* `is_first`: only what counts before IPC_READY. */
static void read_script(bool is_first)
{
    char line[LINE];
    int fd = openat(state_dir, "script", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        char *own = own_part(line);
        if (own && is_first && strncmp(own, "fail ", 5) == 0) {
            struct ipc_message message = {.kind = IPC_FAILED, .value = -EINVAL};
            snprintf(message.text, sizeof(message.text), "%.*s", IPC_TEXT_MAX - 1, own + 5);
            say(&message);
            exit(3);
        }
        if (own && !is_first)
            obey(own);
    }
    if (file)
        fclose(file);
}

static void take_admitted(const struct ipc_message *message)
{
    char address[ADDRESS_TEXT_MAX], text[LINE];
    snprintf(text, sizeof(text), "admitted %s %s %s", address_format(&message->address, address),
             message->flag == IPPROTO_UDP ? "udp" : "tcp",
             message->value ? err_text(message->value) : "ok");
    note(text);
}

/* Never served, but held as a worker holds them. */
static void hold_doors(const int *fds, size_t count)
{
    static int held[IPC_FDS_MAX];
    static size_t held_count;
    for (size_t i = 0; i < held_count; i++)
        close(held[i]);
    for (held_count = 0; held_count < count; held_count++)
        held[held_count] = fds[held_count];
}

static void let_go(void)
{
    if (!keeps_tun && tun >= 0) {
        close(tun);
        tun = -1;
    }
    if (!keeps_tun)
        say(&(struct ipc_message){.kind = IPC_TUN_RELEASED});
}

static void take(const struct ipc_message *message, const int *fds, size_t count)
{
    bool keeps = false;
    switch (message->kind) {
    case IPC_CONFIG:
        if (is_started) {
            note("config");
            struct ipc_message answer = {.kind = IPC_CONFIGURED, .value = *refusal ? -EINVAL : 0};
            memcpy(answer.text, refusal, sizeof(refusal));
            say(&answer);
        }
        break;
    case IPC_PLACE: own_number = message->value + 1; break;
    case IPC_STATE_DIR:
        state_dir = fds[0];
        keeps = true;
        break;
    case IPC_START:
        note("start");
        read_script(true);
        is_started = true;
        say(&(struct ipc_message){.kind = IPC_READY});
        read_script(false);
        break;
    case IPC_TUN:
        tun = fds[0];
        has_vnet = message->flag;
        keeps = true;
        note(has_vnet ? "tun vnet" : "tun");
        break;
    case IPC_TUN_OFF: let_go(); break;
    case IPC_LISTEN:
        note("listen");
        hold_doors(fds, count);
        keeps = true;
        break;
    case IPC_ADMITTED: take_admitted(message); break;
    case IPC_PING:
        if (!is_dumb)
            say(&(struct ipc_message){.kind = IPC_PONG});
        break;
    case IPC_STOP: note("stop"); exit(0);
    default: break;
    }
    for (size_t i = 0; i < count && !keeps; i++)
        close(fds[i]);
}

static void listen_to_supervisor(void)
{
    struct ipc_message message;
    int fds[IPC_FDS_MAX];
    size_t count;
    int err;
    while ((err = ipc_receive(WIRE, false, &message, fds, &count)) == 0)
        take(&message, fds, count);
    if (err != -EAGAIN && lingers)
        sleep(1);
    if (err != -EAGAIN)
        exit(err == ERR_EOF ? 0 : 1);
}

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    uint8_t kept[16];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

/* Addresses and ports are exchanged: the sums over them stay right. */
static void read_tun(void)
{
    uint8_t packet[70000];
    ssize_t size = read(tun, packet, sizeof(packet));
    size_t header = has_vnet ? 10 : 0;
    if (size < (ssize_t)header + 28 || !echoes)
        return;
    uint8_t *ip = packet + header;
    if (ip[0] >> 4 == 4 && ip[9] == IPPROTO_UDP) {
        swap(ip + 12, ip + 16, 4);
        swap(ip + 20, ip + 22, 2);
    } else if (ip[0] >> 4 == 6 && ip[6] == IPPROTO_UDP && size >= (ssize_t)header + 48) {
        swap(ip + 8, ip + 24, 16);
        swap(ip + 40, ip + 42, 2);
    } else {
        return;
    }
    (void)!write(tun, packet, (size_t)size);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_user_signal};
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct pollfd polled[2] = {{.fd = WIRE, .events = POLLIN}, {.fd = tun, .events = POLLIN}};
        poll(polled, 2, sender_count ? 50 : -1);
        if (polled[0].revents)
            listen_to_supervisor();
        if (polled[1].revents && tun >= 0)
            read_tun();
        for (int i = 0; i < sender_count; i++)
            (void)!send(senders[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (must_read && is_started) {
            must_read = 0;
            read_script(false);
        }
    }
}
