#include "service/engine/decision_text.h"

#include "adblock/record_type.h"

#include <stdio.h>

static const char *request_type(enum filter_type type)
{
    static const char *const names[] = {
        [FILTER_TYPE_OTHER] = "other",
        [FILTER_TYPE_DOCUMENT] = "document",
        [FILTER_TYPE_SUBDOCUMENT] = "subdocument",
        [FILTER_TYPE_SCRIPT] = "script",
        [FILTER_TYPE_IMAGE] = "image",
        [FILTER_TYPE_STYLESHEET] = "stylesheet",
        [FILTER_TYPE_FONT] = "font",
        [FILTER_TYPE_MEDIA] = "media",
        [FILTER_TYPE_XMLHTTPREQUEST] = "xmlhttprequest",
        [FILTER_TYPE_WEBSOCKET] = "websocket",
        [FILTER_TYPE_PING] = "ping",
        [FILTER_TYPE_OBJECT] = "object",
    };
    return (unsigned)type < sizeof(names) / sizeof(names[0]) ? names[type] : "";
}

const char *decision_type_text(const struct decision *decision, char to[DECISION_TYPE_MAX])
{
    const char *name = decision->request ? request_type(decision->request->type)
                       : decision->qtype ? record_type_name(decision->qtype)
                                         : "";

    if (name)
        snprintf(to, DECISION_TYPE_MAX, "%s", name);
    else
        snprintf(to, DECISION_TYPE_MAX, "TYPE%u", decision->qtype);
    return to;
}
