/* Questions about names for which an address stands in (stand_ins.h), and about such addresses. */
#ifndef SERVICE_ENGINE_DNS_STAND_IN_H
#define SERVICE_ENGINE_DNS_STAND_IN_H

#include "service/engine/dns_policy.h"

/* Longer than a page takes to load; answers are made here, so that asking again costs nothing. */
enum { DNS_STAND_IN_TTL_S = 10 };

/* Answer it, if this is one of them. `is_public`: a name of the internet. False: another answer is
 * needed, and there is none in `to`. */
bool dns_stand_in_answer(const struct dns_policy *policy, const struct dns_asked *asked,
                         bool is_public, uint8_t *to, size_t capacity, ssize_t *ret_size);

#endif
