/* Questions about one lwIP connection that lwIP itself does not answer, and amends. */
#ifndef TUN2SOCKS_PCB_H
#define TUN2SOCKS_PCB_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_pcb;

/* Has it anything that lwIP's timers would look after? */
bool pcb_needs_timer(const struct tcp_pcb *pcb);

/* Will everything that is queued be sent at the next chance? lwIP puts a FIN into the last queued
 * segment, and when it later has to cut that segment to fit the window, it leaves the FIN in the
 * first piece too: the client would take the end for real before the rest has come. */
bool pcb_leaves_whole(const struct tcp_pcb *pcb);

/* Is it worth while to write again after a write was cut short? */
bool pcb_has_room(const struct tcp_pcb *pcb);

/* After each call of lwIP: take back what a hostile or unlucky packet has left in the connection
 * and lwIP's own assertions would stop at later. */
void pcb_repair(struct tcp_pcb *pcb, uint16_t segment_size);

/* Cut the first queued segment after `size` bytes; a FIN goes with the second piece. */
bool pcb_split(struct tcp_pcb *pcb, uint16_t size);

#endif
