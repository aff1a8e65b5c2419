/* The methods of the control socket: parameters in, result out. Knows JSON and the source of facts,
 * no sockets. */
#ifndef SERVICE_CONTROL_CONTROL_METHOD_H
#define SERVICE_CONTROL_CONTROL_METHOD_H

#include "service/control/control.h"

#include <cjson/cJSON.h>

enum { CONTROL_CODE_MAX = 32, CONTROL_FLOWS_DEFAULT = 100, CONTROL_REFUSALS_DEFAULT = 50 };

struct control_problem {
    const char *code; /* static */
    char message[160];
    const char *hint; /* static */
};

/* What a method may look at. */
struct control_context {
    const struct control_source *source;
    struct usage *usage;
    struct query_log *query_log;
    struct consent *consent; /* NULL: nobody is asked */
    bool is_admin;           /* root */
    uid_t uid;               /* who asks */
};

/* Adds what the worker of this number said to our own result (control_merge.c). */
typedef void control_merge_fn(cJSON *result, const cJSON *more, unsigned number);
control_merge_fn control_merge_status, control_merge_flows, control_merge_blocked;
/* When all have been added: no more of a list than was asked for. */
void control_merge_end(cJSON *result, const cJSON *params);

struct control_reply {
    cJSON *answer;   /* NULL without memory */
    bool has_failed; /* it carries an error */
    /* Every worker has an answer of its own to this question; NULL: ours is the answer. */
    control_merge_fn *merge;
    const char *method; /* static */
    cJSON *params;      /* with `merge` alone; may be NULL */
};

/* Answer one line. The reply's objects are the caller's. */
struct control_reply control_answer(const struct control_context *context, const char *line,
                                    size_t size);
/* An answer that is an error, for what never was a request. */
cJSON *control_error(const char *code, const char *message, const char *hint);

/* Fill `result`; 0, or -1 with *problem. (One function per method; status.c and query.c of
 * control.) */
typedef int control_method_fn(const struct control_context *context, const cJSON *params,
                              cJSON *result, struct control_problem *problem);
control_method_fn control_status_method, control_usage_method, control_flows_method,
    control_blocked_method, control_check_method, control_explain_method, control_pause_method,
    control_resume_method, control_allow_method, control_deny_method, control_rules_method,
    control_lists_method, control_lists_update_method, control_log_method,
    control_log_counts_method, control_consent_method, control_consent_give_method,
    control_consent_withdraw_method;

__attribute__((format(printf, 4, 5))) int control_fail(struct control_problem *problem,
                                                       const char *code, const char *hint,
                                                       const char *format, ...);
/* An optional text; NULL if it is missing. -1 with *problem if it is something else. */
int control_param_text(const cJSON *params, const char *name, const char **ret,
                       struct control_problem *problem);
/* An optional whole number between min and max. */
int control_param_number(const cJSON *params, const char *name, int min, int max, int fallback,
                         int *ret, struct control_problem *problem);
/* Folded to lower case and checked; an address is a host too. `to`: NAME_MAX_BYTES + 1. */
int control_normalize_host(struct control_question *question, char *to,
                           struct control_problem *problem);
/* "filter": its state and the user's own rules. */
void control_add_filter(const struct control_context *context, cJSON *to);
/* "log": how the query log is. */
void control_add_log(const struct control_context *context, cJSON *to);
/* The word for the state of the consent to it. */
const char *control_consent_text(enum consent_state state);
void control_add_time(cJSON *object, const char *name, int64_t unix_ms);
void control_add_number(cJSON *object, const char *name, uint64_t value);
void control_add_address(cJSON *object, const char *name, const struct address *address);

#endif
