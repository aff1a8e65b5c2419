#include "service/supervisor/report.h"

#include <errno.h>
#include <stdio.h>

char *report_clean(char *text)
{
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
    return text;
}

int report_take(struct report *report, const struct ipc_message *message)
{
    if (message->value < IPC_CONNECTING || message->value > IPC_FAILING)
        return -EBADMSG;
    report->is_known = true;
    report->state = (enum ipc_state)message->value;
    snprintf(report->reason, sizeof(report->reason), "%s", message->text);
    snprintf(report->upstream, sizeof(report->upstream), "%s", message->name);
    report_clean(report->reason);
    report_clean(report->upstream);
    return 0;
}

void report_take_failure(struct report *report, const struct ipc_message *message)
{
    snprintf(report->trouble, sizeof(report->trouble), "the worker cannot start: %s",
             message->text);
    report_clean(report->trouble);
}

static void forget(struct report *report)
{
    report->is_known = false;
    report->reason[0] = report->upstream[0] = '\0';
}

void report_worker_is_gone(struct report *report, const char *why)
{
    forget(report);
    if (!report->trouble[0])
        snprintf(report->trouble, sizeof(report->trouble), "%s", why);
}

/* The trouble of the last one stays until this one is ready: it is the reason of the wait. */
void report_worker_is_new(struct report *report)
{
    forget(report);
}

void report_worker_is_ready(struct report *report)
{
    report->trouble[0] = '\0';
}
