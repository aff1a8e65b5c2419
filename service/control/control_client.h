/* One client of the control socket: a line at a time, bounded in size and time. It gets its next
 * line read only when it has taken the answer to the last one. Who may be one is not decided here;
 * see control.h for what is spoken. */
#ifndef SERVICE_CONTROL_CONTROL_CLIENT_H
#define SERVICE_CONTROL_CONTROL_CLIENT_H

#include "base/list.h"
#include "service/control/control.h"

#include <cjson/cJSON.h>

struct control_client;

/* All of them, and what their questions are answered from; `loop` and the facts are borrowed. */
struct control_clients {
    struct loop *loop;
    struct control_source source;
    struct usage *usage;
    struct siblings *siblings;
    struct query_log *query_log;
    struct consent *consent;
    struct list all;
    struct control_client *sibling; /* NULL: none has been handed over, or it is gone */
    struct control_stats stats;
};

/* Who is at the other end. */
struct control_peer {
    uid_t uid;
    bool is_admin;
    bool is_sibling; /* a worker of ours: it may be silent for as long as it likes */
};

/* Ends all of them. */
void control_clients_done(struct control_clients *clients);

/* Takes the descriptor. To be served or refused next. NULL: no memory. */
struct control_client *control_client_new(struct control_clients *clients, int fd,
                                          const struct control_peer *peer);
void control_client_free(struct control_client *client);
/* From now on its lines are answered, until it leaves. It may be gone when this returns. */
void control_client_serve(struct control_client *client);
/* It is told why, and that is all. Takes `take_why`; it may be gone when this returns. */
void control_client_refuse(struct control_client *client, cJSON *take_why);
/* A whole line that was not asked for; left out in the middle of an answer. */
void control_client_tell(struct control_client *client, const char *line, size_t size);

#endif
