/* The DNS questions that one socket of an application asked and that wait for their answers. */
#ifndef SERVICE_ENGINE_UDP_QUESTIONS_H
#define SERVICE_ENGINE_UDP_QUESTIONS_H

#include "base/dgram.h"
#include "base/list.h"
#include "service/engine/dns.h"

/* Embedded in the socket's flow; client and dns are borrowed. */
struct udp_questions {
    struct dns *dns;
    struct dgram *client;
    struct list all;
    size_t count;
};

void udp_questions_init(struct udp_questions *questions, struct dns *dns, struct dgram *client);
/* What waits is given up. */
void udp_questions_done(struct udp_questions *questions);

/* One datagram to a DNS server, answered by us in that server's name. 0; ERR_LIMIT: dropped. */
int udp_questions_ask(struct udp_questions *questions, const struct caller *caller,
                      const struct endpoint *server, const void *data, size_t size);

#endif
