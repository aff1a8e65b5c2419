/* Words for the service manager (sd_notify(3)), a datagram each. Without one they go nowhere. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1"; several lines at a time are fine. */
void notify_send(const char *text);
/* How often the manager wants to hear WATCHDOG=1: half its limit; 0 never. */
uint64_t notify_watchdog_ms(void);
/* The children have no business with the manager. */
void notify_forget(void);

#endif
