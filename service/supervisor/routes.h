/* Where packets go: everybody's into the TUN, the worker's to the table main. The same for IPv4 and
 * IPv6. `main` is never asked for anybody else's public destination, so whatever routes DHCP or a
 * lying LAN puts there changes nothing (TunnelVision, TunnelCrack).
 *
 *   8900 fwmark WORKER lookup main      the worker's flows, also when their socket is closed
 *   8901 uidrange WORKER lookup main    the worker, at birth of a flow
 *   8902 the same two: unreachable      main has no way: never into our own TUN
 *   8904 fwmark DNS lookup 1280         plain DNS, wherever it was aimed at
 *   8905 iif TUN lookup main            answers to containers behind this host
 *   8906 to LAN lookup main             only with admits_lan; default routes do not count
 *   8910 lookup 1280                    default dev TUN; unreachable default when the TUN is gone
 *
 * All of ours carry ROUTES_PROTOCOL, by which they are found and removed; nobody else's is touched.
 */
#ifndef SUPERVISOR_ROUTES_H
#define SUPERVISOR_ROUTES_H

#include "killswitch/fence.h"
#include "service/supervisor/netlink.h"

enum { ROUTES_TABLE = 1280, ROUTES_PROTOCOL = 75 };

/* Add what is missing. `tun_index`: the TUN's; `fence`: worker, TUN, LAN. 0 or < 0. */
int routes_add(struct netlink *netlink, int tun_index, const struct fence *fence);
/* Remove all of ours, also leftovers of an earlier process. Idempotent. */
int routes_remove(struct netlink *netlink);

#endif
