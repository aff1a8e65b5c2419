/* The text of the power protocol (power.h): requests in, answers out. Pure; the socket is power.c's
 * business. */
#include "service/supervisor/power.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    enum power_request request;
} words[] = {
    {"status", POWER_STATUS},   {"on", POWER_ON},         {"off", POWER_OFF},
    {"restart", POWER_RESTART}, {"reload", POWER_RELOAD}, {"config-check", POWER_CONFIG_CHECK},
};

int power_parse(const char *word, size_t size, enum power_request *ret)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (size == strlen(words[i].word) && memcmp(word, words[i].word, size) == 0) {
            *ret = words[i].request;
            return 0;
        }
    }
    return -EINVAL;
}

static void put_value(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s=", key);
    for (const char *at = value ? value : ""; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '\\')
            fputs("\\\\", out);
        else if (byte == '\n')
            fputs("\\n", out);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(out, "\\x%02x", byte);
        else
            fputc(byte, out);
    }
    fputc('\n', out);
}

static void put_workers(const struct power_status *status, FILE *out)
{
    fprintf(out, "workers=%u\n", status->worker_count);
    put_value(out, "workers_why", status->workers_why);
    for (unsigned i = 0; status->worker_count > 1 && i < status->worker_count; i++) {
        const struct power_worker *worker = &status->workers[i];
        char key[24], value[512];
        snprintf(key, sizeof(key), "worker.%u", i + 1);
        snprintf(value, sizeof(value), "%d %s%s%s", (int)worker->pid, worker->state,
                 *worker->reason ? " " : "", worker->reason);
        put_value(out, key, value);
    }
}

char *power_format(const struct power_status *status, const char *error)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    if (error)
        put_value(out, "error", error);
    put_value(out, "state", status->state);
    put_value(out, "reason", status->reason);
    put_value(out, "upstream", status->upstream);
    fprintf(out, "worker_pid=%d\n", (int)status->worker_pid);
    fprintf(out, "uptime_s=%" PRIu64 "\n", status->uptime_s);
    put_value(out, "fence", status->is_armed ? "armed" : "open");
    put_value(out, "tun", status->tun);
    put_value(out, "wish", status->is_wished ? "on" : "off");
    fprintf(out, "since=%" PRId64 "\n", status->since);
    put_value(out, "version", ATLANTIC_VERSION);
    put_workers(status, out);
    fputc('\n', out);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
