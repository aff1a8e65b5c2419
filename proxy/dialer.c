#include "proxy/attempt.h"

#include <assert.h>
#include <stdlib.h>

static const struct dialer_options defaults = {
    .connect_timeout_ms = 3000,
    .dial_timeout_ms = 8000,
    .stall_timeout_ms = 10000,
    .buffer_bytes = 256 * 1024,
};

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

struct dialer *dialer_new(struct loop *loop, const struct dialer_options *options)
{
    struct dialer *dialer = calloc(1, sizeof(*dialer));
    if (!dialer)
        return NULL;
    dialer->loop = loop;
    dialer_set_options(dialer, options);
    return dialer;
}

void dialer_set_options(struct dialer *dialer, const struct dialer_options *options)
{
    dialer->options = (struct dialer_options){
        .connect_timeout_ms = or_default(options->connect_timeout_ms, defaults.connect_timeout_ms),
        .dial_timeout_ms = or_default(options->dial_timeout_ms, defaults.dial_timeout_ms),
        .stall_timeout_ms = or_default(options->stall_timeout_ms, defaults.stall_timeout_ms),
        .buffer_bytes = or_default(options->buffer_bytes, defaults.buffer_bytes),
    };
}

void dialer_free(struct dialer *dialer)
{
    if (!dialer)
        return;
    assert(dialer->attempts == 0);
    free(dialer);
}
