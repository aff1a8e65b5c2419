#include "service/engine/flow_trace.h"

#include <string.h>

void flow_trace(struct decisions *decisions, const struct flow *flow, const struct caller *caller)
{
    char target[ENDPOINT_TEXT_MAX];
    const char *name;

    if (!decisions->wants_passes)
        return;
    name = flow->host ? flow->host : endpoint_format(&flow->target, target);
    decisions_passed(decisions, &(struct decision){
                                    .kind = "tcp",
                                    .name = name,
                                    .name_size = strlen(name),
                                    .caller = caller,
                                    .upstream = flow->upstream->name,
                                    .took_ms = loop_now_ms(flow->flows->loop) - flow->started_at_ms,
                                });
}

void flow_trace_peer(struct decisions *decisions, const struct caller *caller,
                     const struct endpoint *peer, const char *host)
{
    char text[ENDPOINT_TEXT_MAX];
    const char *name;

    if (!decisions->wants_passes)
        return;
    name = host && *host ? host : endpoint_format(peer, text);
    decisions_passed(decisions,
                     &(struct decision){
                         .kind = "udp", .name = name, .name_size = strlen(name), .caller = caller});
}

void flow_trace_request(struct decisions *decisions, const struct caller *caller,
                        const struct filter_request *request, const struct verdict *verdict)
{
    struct decision decision = {.kind = "http",
                                .name = request->url,
                                .name_size = request->url_size,
                                .caller = caller,
                                .request = request};

    decisions->asked++;
    if (verdict_is_block(verdict))
        decisions_note(decisions, &decision, verdict);
    else
        decisions_passed(decisions, &decision);
}
