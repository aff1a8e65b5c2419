#include "service/supervisor/standing.h"

#include <string.h>

static bool has_text(const char *text)
{
    return text && text[0];
}

static struct standing of_report(const struct standing_facts *facts)
{
    static const char *const states[] = {
        [IPC_CONNECTING] = "connecting",
        [IPC_ON] = "on",
        [IPC_BLOCKED] = "blocked",
        [IPC_FAILING] = "failing",
    };
    return (struct standing){states[facts->report], facts->report_reason};
}

static struct standing of_missing_worker(const struct standing_facts *facts)
{
    if (!has_text(facts->worker_trouble))
        return (struct standing){"connecting", "the worker is starting"};
    bool again = facts->worker_deaths >= STANDING_DEATHS;
    return (struct standing){again ? "failing" : "connecting", facts->worker_trouble};
}

struct standing standing_of(const struct standing_facts *facts)
{
    if (!facts->is_armed)
        return (struct standing){"off", has_text(facts->host_trouble) ? facts->host_trouble : ""};
    if (facts->is_stopping)
        return (struct standing){"blocked", "the service is stopping"};
    if (has_text(facts->host_trouble))
        return (struct standing){"blocked", facts->host_trouble};
    if (!facts->worker_is_ready)
        return of_missing_worker(facts);
    if (!facts->has_report)
        return (struct standing){"connecting", "looking for an upstream"};
    return of_report(facts);
}

static unsigned rank(const char *state)
{
    static const char *const ascending[] = {"on", "connecting", "failing", "blocked", "off"};
    unsigned i = 0;
    while (i < sizeof(ascending) / sizeof(ascending[0]) && strcmp(ascending[i], state) != 0)
        i++;
    return i;
}

bool standing_is_worse(const struct standing *a, const struct standing *b)
{
    return rank(a->state) > rank(b->state);
}
