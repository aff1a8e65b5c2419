/* The QUIC connections that one socket of an application begins: none of them gets out before the
 * name in its hello was judged (RFC 9001 sec. 4.3). What a hello lacks is waited for without a
 * limit of time: a server cannot answer half a hello either. */
#ifndef SERVICE_ENGINE_QUIC_WATCH_H
#define SERVICE_ENGINE_QUIC_WATCH_H

#include "adblock/quic_hello.h"
#include "base/endpoint.h"
#include "service/engine/decisions.h"

enum quic_ruling {
    QUIC_PASS,   /* this; and what was held, if no hello is waited for */
    QUIC_HOLD,   /* until more of the hello comes */
    QUIC_REFUSE, /* this, and what was held */
};

/* Zeroed at first. */
struct quic_watch {
    /* The connection that was begun last. */
    struct endpoint peer;
    struct quic_id id;
    struct quic_hello *hello; /* NULL: it is judged */
    uint64_t judged_by;       /* filter_serial */
    bool is_blocked;
    char host[256]; /* "" if it did not say */
};

void quic_watch_done(struct quic_watch *watch);

/* Does another connection begin with this datagram, while the hello of one is not whole yet? That
 * one is not judged any more, so what was held for it has to go; its client sends it again. (Two
 * that come at the same time, each in pieces, cost each other a retransmission.) */
bool quic_watch_abandons(const struct quic_watch *watch, const struct endpoint *peer,
                         const void *data, size_t size);
/* One datagram of the caller, which may be of any protocol. */
enum quic_ruling quic_watch_judge(struct quic_watch *watch, struct decisions *decisions,
                                  const struct caller *caller, const struct endpoint *peer,
                                  const void *data, size_t size);
/* For more of a hello? Then what is held goes on being held. */
bool quic_watch_is_waiting(const struct quic_watch *watch);

#endif
