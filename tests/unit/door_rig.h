/* A door on a loopback port, its owner, and plain sockets as clients, all in one thread: what the
 * door's tests share. */
#ifndef TESTS_UNIT_DOOR_RIG_H
#define TESTS_UNIT_DOOR_RIG_H

#include "proxy/door.h"

#include <stdbool.h>
#include <stddef.h>

enum { RIG_INBOUNDS = 16 };

struct door_rig {
    struct loop *loop;
    struct door *door;
    struct address address; /* the door's */
    struct inbound *inbounds[RIG_INBOUNDS];
    int inbound_count, gone;
    int refuse_at_once; /* the answer of on_inbound, or 0 to leave it to the test */
    struct dgram *dgram;
    bool refuses_dgrams, closes_on_datagram;
    int dgram_end;
    struct endpoint peer; /* of the last datagram from the client */
    char datagram[2048];
    size_t datagram_size;
    int datagrams;
};

/* For cmocka's setup and teardown; the state is a struct door_rig. */
int door_rig_set_up(void **state);
int door_rig_set_up_with_login(void **state); /* "ada", "secret" */
int door_rig_set_up_everywhere(void **state); /* listens on [::], for IPv4 too */
int door_rig_tear_down(void **state);

/* A connected, non-blocking socket. */
int door_rig_connect(struct door_rig *rig);
void door_rig_send(int fd, const void *data, size_t size);
void door_rig_send_text(int fd, const char *text);
/* Turns the loop until nothing happens any more. */
void door_rig_settle(struct door_rig *rig);
/* Exactly these bytes come next. */
void door_rig_expect(struct door_rig *rig, int fd, const void *data, size_t size);
void door_rig_expect_text(struct door_rig *rig, int fd, const char *text);
/* Reads until the connection ends; returns what came, terminated, in static storage. The end must
 * be an ordinary one. */
const char *door_rig_read_to_end(struct door_rig *rig, int fd);
/* An HTTP response with Content-Length; static storage. */
const char *door_rig_read_response(struct door_rig *rig, int fd);
void door_rig_expect_reset(struct door_rig *rig, int fd);
/* Nothing came, and the connection lives. */
void door_rig_expect_silence(struct door_rig *rig, int fd);

/* The n-th inbound, waited for. */
struct inbound *door_rig_inbound(struct door_rig *rig, int index);
struct stream *door_rig_admit(struct door_rig *rig, int index);
/* Exactly these bytes are unread in the stream; they are consumed. */
void door_rig_expect_up(struct door_rig *rig, struct stream *stream, const char *text);
/* What peek says, after waiting for it to be negative. */
int door_rig_wait_end(struct door_rig *rig, struct stream *stream);
void door_rig_write_down(struct stream *stream, const char *text);

#endif
