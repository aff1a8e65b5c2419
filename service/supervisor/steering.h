/* Which queue of the TUN, and so which worker, a packet goes to: a small program in the kernel, and
 * the same rule as a function for those who have only a socket's ports.
 *
 * The application's own port alone decides: all that one socket sends stays with one worker,
 * whomever it speaks to, so an UDP socket keeps the one address that the world sees of it. What
 * shows no ports (ICMP, fragments, rare headers) goes to the first, and so does DNS: one cache, and
 * one place that learns which name an address had. */
#ifndef SUPERVISOR_STEERING_H
#define SUPERVISOR_STEERING_H

#include <stdint.h>

/* The program, for steering_attach; close it when it is attached. < 0: this kernel has none for us.
 */
int steering_load(void);
/* To a TUN of several queues, by any of its descriptors. 0 or < 0. */
int steering_attach(int tun_fd, int program_fd);

/* Pure. `queues` is at least 1. */
unsigned steering_queue(uint16_t own_port, uint16_t peer_port, unsigned queues);

#endif
