/* What an HTTPS client takes for a DNS server: a port of our own on the loopback interface.
 * Whatever it connects to that goes on through a tunnel to the server, by whichever upstream
 * carries it. Only sockets that were made here get in: every process of this network namespace can
 * knock.
 *
 * A listening port it has to be. libcurl before 7.89 connects also a socket that is said to be
 * connected, so a socket pair would not do; and it never uses a connection again whose peer has an
 * address that it cannot print, so an abstract name would not. */
#ifndef SERVICE_ENGINE_DOH_DOOR_H
#define SERVICE_ENGINE_DOH_DOOR_H

#include "base/endpoint.h"
#include "service/engine/connect.h"

#include <netinet/in.h>

struct doh_door;

/* `server` is borrowed until the call returns. NULL: no memory, or no port. */
struct doh_door *doh_door_new(struct connector *connector, const struct endpoint *server);
/* Ends its tunnels; the client has closed its sockets before. NULL is accepted. */
void doh_door_free(struct doh_door *door);

/* A socket for the client, to be connected to the door's address; a descriptor, or < 0. */
int doh_door_socket(struct doh_door *door);
void doh_door_close_socket(struct doh_door *door, int fd);
const struct sockaddr_in *doh_door_address(const struct doh_door *door);

/* The client sees the end of its connections, and opens new ones. */
void doh_door_end_tunnels(struct doh_door *door);

#endif
