/* The door's HTTP side: reads one request after the other off a client's connection and decides
 * what it is: CONNECT (an inbound), an absolute URI (proxy/http_forward), or something to answer
 * ourselves (proxy/door_page). RFC 9112 sec. 3.2, RFC 9110 sec. 9.3.6 and 11.7. */
#ifndef PROXY_DOOR_HTTP_H
#define PROXY_DOOR_HTTP_H

#include "proxy/door_client.h"

/* Reads one request. */
int door_http_step(struct door_client *client);

#endif
