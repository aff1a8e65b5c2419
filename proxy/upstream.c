#include "proxy/upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_text(const char *from, char **to)
{
    if (!from)
        return 0;
    *to = strdup(from);
    return *to ? 0 : -ENOMEM;
}

static void wipe_text(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void upstream_free(struct upstream *upstream)
{
    wipe_text(upstream->user);
    wipe_text(upstream->password);
    free(upstream->tls_name);
    free(upstream->tls_ca_file);
    free(upstream);
}

static bool needs_server(enum upstream_kind kind)
{
    return kind != UPSTREAM_DIRECT && kind != UPSTREAM_BLOCK;
}

static bool is_valid(const struct upstream_options *options)
{
    if (!options->name || !*options->name || strlen(options->name) > UPSTREAM_NAME_MAX)
        return false;
    if (options->password && !options->user)
        return false;
    return !needs_server(options->kind) ||
           (options->server.address.port &&
            (endpoint_is_name(&options->server) || options->server.address.family));
}

static int copy_texts(struct upstream *upstream, const struct upstream_options *options)
{
    int err = copy_text(options->user, &upstream->user);
    if (err == 0)
        err = copy_text(options->password, &upstream->password);
    if (err == 0)
        err = copy_text(options->tls_name, &upstream->tls_name);
    if (err == 0)
        err = copy_text(options->tls_ca_file, &upstream->tls_ca_file);
    return err;
}

int upstream_new(const struct upstream_options *options, struct upstream **ret)
{
    if (!is_valid(options))
        return -EINVAL;
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (!upstream)
        return -ENOMEM;
    int err = copy_texts(upstream, options);
    if (err < 0) {
        upstream_free(upstream);
        return err;
    }
    upstream->refs = 1;
    snprintf(upstream->name, sizeof(upstream->name), "%s", options->name);
    upstream->kind = options->kind;
    upstream->server = options->server;
    upstream->has_udp = options->has_udp;
    upstream->is_pipelined = options->is_pipelined;
    upstream->tls_insecure = options->tls_insecure;
    if (!options->needs_admission && needs_server(upstream->kind) &&
        !endpoint_is_name(&upstream->server))
        upstream_set_addresses(upstream, &upstream->server.address, 1);
    *ret = upstream;
    return 0;
}

struct upstream *upstream_ref(struct upstream *upstream)
{
    assert(upstream->refs > 0);
    upstream->refs++;
    return upstream;
}

void upstream_unref(struct upstream *upstream)
{
    if (!upstream)
        return;
    assert(upstream->refs > 0);
    if (--upstream->refs == 0)
        upstream_free(upstream);
}

void upstream_set_addresses(struct upstream *upstream, const struct address *addresses,
                            unsigned count)
{
    if (count > UPSTREAM_ADDRESSES_MAX)
        count = UPSTREAM_ADDRESSES_MAX;
    for (unsigned i = 0; i < count; i++) {
        upstream->addresses[i] = addresses[i];
        upstream->addresses[i].port = upstream->server.address.port;
    }
    upstream->address_count = count;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool upstream_is_same(const struct upstream *upstream, const struct upstream_options *options)
{
    return is_same_text(upstream->name, options->name) && upstream->kind == options->kind &&
           (!needs_server(upstream->kind) ||
            endpoint_is_equal(&upstream->server, &options->server)) &&
           is_same_text(upstream->user, options->user) &&
           is_same_text(upstream->password, options->password) &&
           is_same_text(upstream->tls_name, options->tls_name) &&
           is_same_text(upstream->tls_ca_file, options->tls_ca_file) &&
           upstream->has_udp == options->has_udp &&
           upstream->is_pipelined == options->is_pipelined &&
           upstream->tls_insecure == options->tls_insecure;
}

bool upstream_is_dialable(const struct upstream *upstream)
{
    return !needs_server(upstream->kind) || upstream->address_count > 0;
}

const char *upstream_kind_text(enum upstream_kind kind)
{
    switch (kind) {
    case UPSTREAM_DIRECT: return "direct";
    case UPSTREAM_BLOCK: return "block";
    case UPSTREAM_HTTP: return "http";
    case UPSTREAM_HTTPS: return "https";
    case UPSTREAM_SOCKS5: return "socks5";
    }
    return "unknown";
}
