/* One connection to the door, from its first byte until its inbound is answered, and between the
 * requests of an HTTP client. Once admitted the client is the stream that the inbound's receiver
 * holds: it passes everything through and keeps the connection counted.
 *
 * Private to the door's files; so is the inside of struct door, which is here too. */
#ifndef PROXY_DOOR_CLIENT_H
#define PROXY_DOOR_CLIENT_H

#include "proxy/door.h"

#include <stdbool.h>

struct door_client;

struct door_listener {
    struct door *door;
    struct watch *watch;
    int fd;
    struct address address; /* as bound: maybe the unspecified one */
};

struct door {
    struct loop *loop;
    struct door_options options; /* with strings of its own */
    struct door_events events;
    void *owner;
    struct door_listener *listeners;
    size_t listener_count;
    struct timer retry; /* accept(2) found no descriptor or memory */
    struct list clients;
    struct door_stats stats;
};

/* One step of a conversation with the client: looks at unread bytes, consumes what is its own,
 * answers. Returns > 0 if it (or the step it set) may go on at once; 0 to wait for the next wake,
 * or when the client was given away; < 0 to close the connection. */
typedef int door_step_fn(struct door_client *client);

/* How a protocol tells its client the answer to a knock. */
struct door_protocol {
    const char *name;                           /* static, for logs */
    int (*say_yes)(struct door_client *client); /* 0, or < 0 when the connection is broken */
    /* Says no and goes on, by linger, step or close. */
    void (*say_no)(struct door_client *client, int err);
};

struct door_client {
    struct stream stream;
    struct inbound inbound;
    struct list node;
    struct door *door; /* NULL once the door was closed: no new request then */
    struct loop *loop;
    struct stream *inner; /* the connection */
    struct address address, local;
    door_step_fn *step;
    const struct door_protocol *protocol;
    struct timer timer;
    bool is_given_away;        /* the door's owner holds its inbound, stream or dgram */
    bool is_gone;              /* broke while it was knocking */
    bool is_reading;           /* http: the current request has begun */
    bool keeps_alive;          /* http: another request may follow the current answer */
    bool is_to_head;           /* http: the answer has no body */
    struct dgram *association; /* socks: what the door's owner holds; NULL when it let go */
    bool is_associated;        /* socks: and the client knows of it */
};

/* Takes `inner`, which came from `address` to `local`; counts the client, waits for its first byte.
 * 0 or -ENOMEM (then `inner` was reset). */
int door_client_new(struct door *door, struct stream *inner, const struct address *address,
                    const struct address *local);
/* `does_reset`: the client must not take this for an ordinary end. */
void door_client_free(struct door_client *client, bool does_reset);

/* From the next wake on (which is sure to come) this step is asked. */
void door_client_set_step(struct door_client *client, door_step_fn *step);
void door_client_set_timeout(struct door_client *client, uint32_t timeout_ms); /* 0: none */
/* A step: drops what the client says, until its end. */
int door_client_read_away(struct door_client *client);
/* Ends our side and reads the rest away for a moment: closing a socket with unread bytes would
 * reset it, and drop the answer that the client has not seen yet. */
void door_client_linger(struct door_client *client);

/* Hand the client's wish to the door's owner. The client may be gone when this returns. */
void door_client_knock(struct door_client *client, const struct door_protocol *protocol,
                       const struct endpoint *target);

/* All or nothing: handshake answers are small, and who does not read them is not waited for. */
int door_client_say(struct door_client *client, const void *data, size_t size);

/* door.c */
/* Would a connection to `target` come back to this door? */
bool door_is_own_address(const struct door *door, const struct door_client *client,
                         const struct endpoint *target);

#endif
