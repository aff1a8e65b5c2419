/* A crowd of applications asking one DNS server over UDP: a fixed number of questions is always
 * under way, each answer is followed by the next question. Prints answers per second and the time
 * that they took.
 *
 *     dns_load ADDRESS PORT NAMES_FILE OUTSTANDING SECONDS
 *
 * Every answer has to be the refusal of a blocked name: 0.0.0.0, one record. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

enum {
    OUTSTANDING_MAX = 256, /* the low byte of an id is the slot, the high one counts its use */
    QUERY_MAX = 12 + 255 + 4,
    ANSWER_MAX = 1500,
    BATCH = 64,
    SLOWEST_US = 100000,
    LOST_AFTER_US = 1000000,
};

struct slot {
    uint16_t id;
    uint64_t sent_at_us;
};

static struct {
    uint8_t *queries; /* each with its size in front, QUERY_MAX + 2 apart */
    size_t count, outstanding;
    int fd;
    uint64_t random;
    struct slot slots[OUTSTANDING_MAX];
    uint64_t answers, wrong, lost;
    uint32_t times[SLOWEST_US + 1]; /* by microseconds */
} load;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static size_t write_query(const char *name, uint8_t *to)
{
    static const uint8_t head[12] = {0, 0, 1, 0, 0, 1};
    uint8_t *at = to + sizeof(head);

    memcpy(to, head, sizeof(head));
    while (*name) {
        size_t size = strcspn(name, ".");
        *at++ = (uint8_t)size;
        memcpy(at, name, size);
        at += size;
        name += size + (name[size] == '.');
    }
    memcpy(at, "\0\0\1\0\1", 5);
    return (size_t)(at + 5 - to);
}

static void read_names(const char *path)
{
    size_t room = 0;
    char line[512];
    FILE *file = fopen(path, "r");

    if (!file)
        die(path);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (!*line || strlen(line) > 253)
            continue;
        if (load.count == room) {
            room = room ? room * 2 : 1024;
            load.queries = realloc(load.queries, room * (QUERY_MAX + 2));
            if (!load.queries)
                die("realloc");
        }
        uint8_t *at = load.queries + load.count++ * (QUERY_MAX + 2);
        uint16_t size = (uint16_t)write_query(line, at + 2);
        memcpy(at, &size, sizeof(size));
    }
    fclose(file);
}

static uint64_t next_random(void)
{
    load.random ^= load.random << 13;
    load.random ^= load.random >> 7;
    load.random ^= load.random << 17;
    return load.random;
}

/* A question of a random name for each of the slots. */
static void ask(const unsigned *slots, size_t count)
{
    struct mmsghdr messages[BATCH] = {0};
    struct iovec parts[BATCH];
    static uint8_t queries[BATCH][QUERY_MAX];
    uint64_t now = now_us();

    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = load.queries + next_random() % load.count * (QUERY_MAX + 2);
        struct slot *slot = &load.slots[slots[i]];
        uint16_t size;
        memcpy(&size, from, sizeof(size));
        memcpy(queries[i], from + 2, size);
        slot->id = (uint16_t)(slot->id + 256);
        slot->sent_at_us = now;
        queries[i][0] = (uint8_t)(slot->id >> 8);
        queries[i][1] = (uint8_t)slot->id;
        parts[i] = (struct iovec){queries[i], size};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (size_t done = 0; done < count;) {
        int sent = sendmmsg(load.fd, messages + done, (unsigned)(count - done), 0);
        if (sent < 0 && errno != EINTR && errno != ECONNREFUSED)
            die("sendmmsg");
        done += sent > 0 ? (size_t)sent : 0;
    }
}

static bool is_refusal(const uint8_t *answer, size_t size)
{
    static const uint8_t null[6] = {0, 4, 0, 0, 0, 0};
    const uint8_t *at = answer + 12;

    if (size < 12 + 5 + 16 || (answer[3] & 15) != 0 || answer[7] != 1)
        return false;
    while (at < answer + size && *at)
        at += *at + 1;
    return at + 5 + 16 <= answer + size && memcmp(at + 5 + 10, null, sizeof(null)) == 0;
}

/* Is this the answer that its slot waits for? */
static bool take(const uint8_t *answer, size_t size, uint64_t now, unsigned *ret_slot)
{
    uint16_t id = (uint16_t)(answer[0] << 8 | answer[1]);
    struct slot *slot = &load.slots[id & 255];
    uint64_t took = now - slot->sent_at_us;

    if (size < 12 || (id & 255) >= load.outstanding || slot->id != id)
        return false;
    load.answers++;
    load.wrong += !is_refusal(answer, size);
    load.times[took < SLOWEST_US ? took : SLOWEST_US]++;
    *ret_slot = id & 255;
    return true;
}

static void ask_lost_again(void)
{
    uint64_t now = now_us();

    for (unsigned i = 0; i < load.outstanding; i++) {
        if (now - load.slots[i].sent_at_us < LOST_AFTER_US)
            continue;
        load.lost++;
        ask(&i, 1);
    }
}

static void receive(void)
{
    static uint8_t answers[BATCH][ANSWER_MAX];
    struct mmsghdr messages[BATCH] = {0};
    struct iovec parts[BATCH];
    unsigned slots[BATCH];
    size_t free_slots = 0;

    for (size_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){answers[i], ANSWER_MAX};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int count = recvmmsg(load.fd, messages, BATCH, MSG_WAITFORONE, NULL);
    uint64_t now = now_us();
    for (int i = 0; i < count; i++)
        free_slots += take(answers[i], messages[i].msg_len, now, &slots[free_slots]);
    ask(slots, free_slots);
    if (count < 0)
        ask_lost_again();
}

static unsigned percentile(double share)
{
    uint64_t below = 0;
    unsigned at = 0;

    while (at < SLOWEST_US && (double)(below += load.times[at]) < share * (double)load.answers)
        at++;
    return at;
}

static void run(double seconds)
{
    unsigned all[OUTSTANDING_MAX];
    uint64_t start = now_us(), end = start + (uint64_t)(seconds * 1e6), checked = start;

    for (unsigned i = 0; i < load.outstanding; i++) {
        all[i] = i;
        load.slots[i].id = (uint16_t)i;
    }
    for (size_t at = 0; at < load.outstanding; at += BATCH)
        ask(all + at, load.outstanding - at < BATCH ? load.outstanding - at : BATCH);
    while (now_us() < end) {
        receive();
        if (now_us() - checked > LOST_AFTER_US) {
            checked = now_us();
            ask_lost_again();
        }
    }
    printf("%.0f answers/s, %u us p50, %u us p99, %llu lost, %llu wrong\n",
           (double)load.answers * 1e6 / (double)(now_us() - start), percentile(0.5),
           percentile(0.99), (unsigned long long)load.lost, (unsigned long long)load.wrong);
}

int main(int argc, char **argv)
{
    struct sockaddr_in server = {.sin_family = AF_INET};
    struct timeval patience = {.tv_usec = 200000};

    if (argc != 6 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        fprintf(stderr, "usage: dns_load ADDRESS PORT NAMES_FILE OUTSTANDING SECONDS\n");
        return 2;
    }
    server.sin_port = htons((uint16_t)atoi(argv[2]));
    load.outstanding = (size_t)atoi(argv[4]);
    load.random = now_us() | 1;
    read_names(argv[3]);
    if (load.count == 0 || load.outstanding == 0 || load.outstanding > OUTSTANDING_MAX)
        return 2;
    load.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (load.fd < 0 || connect(load.fd, (struct sockaddr *)&server, sizeof(server)) < 0 ||
        setsockopt(load.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
        die("socket");
    run(atof(argv[5]));
    return 0;
}
