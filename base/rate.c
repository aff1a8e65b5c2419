#include "base/rate.h"

bool rate_take(struct rate *rate, uint64_t now_ms, uint32_t per_second)
{
    uint64_t second = now_ms / 1000;

    if (second != rate->second)
        *rate = (struct rate){.second = second};
    if (rate->taken >= per_second)
        return false;
    rate->taken++;
    return true;
}
