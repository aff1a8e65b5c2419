#include "service/worker/query_entry.h"

#include "service/engine/decision_text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COPY(to, text) snprintf((to), sizeof(to), "%s", (text) ? (text) : "")

/* A URL is its host and its path; what stands behind "?" or "#" may be anybody's secret. */
static void set_name(const struct decision *decision, struct query_log_entry *entry)
{
    const char *at = decision->name, *end = at + decision->name_size;
    const char *scheme = decision->request ? memmem(at, (size_t)(end - at), "://", 3) : NULL;
    size_t size;

    at = scheme ? scheme + 3 : at;
    for (size = 0; at + size < end && !(decision->request && strchr("/:?#", at[size])); size++)
        ;
    snprintf(entry->name, sizeof(entry->name), "%.*s", (int)size, at);
    if (!decision->request)
        return;
    for (at += size; at < end && *at != '/' && *at != '?' && *at != '#'; at++)
        ; /* the port */
    for (size = 0; at + size < end && at[size] != '?' && at[size] != '#'; size++)
        ;
    snprintf(entry->path, sizeof(entry->path), "%.*s", (int)size, at);
}

static int64_t unix_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void query_entry_fill(struct query_log_entry *entry, const struct decision *decision)
{
    memset(entry, 0, sizeof(*entry));
    entry->user = -1;
    entry->at_unix_ms = unix_now_ms();
    entry->took_ms = decision->took_ms < UINT32_MAX ? (uint32_t)decision->took_ms : UINT32_MAX;
    if (decision->caller)
        entry->client = decision->caller->client;
    COPY(entry->kind, decision->kind);
    COPY(entry->verdict, decision->verdict);
    decision_type_text(decision, entry->type);
    set_name(decision, entry);
    COPY(entry->list, decision->list);
    COPY(entry->rule, decision->rule);
    COPY(entry->answer, decision->answer);
    COPY(entry->upstream, decision->upstream);
}

static_assert(sizeof(((struct query_log_entry *)0)->type) >= DECISION_TYPE_MAX, "its room");
static_assert((int)CONFIG_QUERY_LOG_OFF == (int)QUERY_LOG_OFF &&
                  (int)CONFIG_QUERY_LOG_ALL == (int)QUERY_LOG_ALL &&
                  (int)CONFIG_QUERY_NAMES_PLAIN == (int)QUERY_LOG_PLAIN &&
                  (int)CONFIG_QUERY_NAMES_NONE == (int)QUERY_LOG_NAMELESS,
              "one is given as the other");

struct query_log_settings query_entry_settings(const struct config_query_log *config)
{
    return (struct query_log_settings){
        .mode = (enum query_log_mode)config->mode,
        .names = (enum query_log_names)config->names,
        .age_s = config->age_s,
        .asked_age_s = config->asked_age_s,
        .size_bytes = config->size_bytes,
    };
}
