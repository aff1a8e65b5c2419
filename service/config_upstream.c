/* What each kind of upstream needs, may have and must not have. */
#include "service/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 64 };

static const char *path_of(char path[PATH_MAX_BYTES], unsigned index, const char *key)
{
    snprintf(path, PATH_MAX_BYTES, "upstreams[%u]%s%s", index, key[0] ? "." : "", key);
    return path;
}

static bool is_written(struct config_yaml *yaml, unsigned index, const char *key)
{
    char path[PATH_MAX_BYTES];
    const yaml_node_t *node = config_yaml_find(yaml, path_of(path, index, key));
    return node && !config_yaml_is_null(node);
}

static bool has_server(const struct config_upstream *upstream)
{
    return upstream->server.address.family || endpoint_is_name(&upstream->server);
}

static bool has_tls(const struct config_upstream *upstream)
{
    return upstream->tls_name || upstream->tls_ca_file || upstream->tls_insecure;
}

static bool is_local_kind(const struct config_upstream *upstream)
{
    return upstream->kind == CONFIG_DIRECT || upstream->kind == CONFIG_BLOCK;
}

static int add_direct(struct config *config)
{
    config->upstreams = calloc(1, sizeof(*config->upstreams));
    if (!config->upstreams)
        return -ENOMEM;
    config->upstreams_count = 1;
    config->upstreams[0] = (struct config_upstream){.kind = CONFIG_DIRECT, .udp = true};
    return 0;
}

static int default_name(struct config_upstream *upstream)
{
    char text[ENDPOINT_TEXT_MAX];
    if (upstream->kind == CONFIG_DIRECT)
        upstream->name = strdup("direct");
    else if (upstream->kind == CONFIG_BLOCK)
        upstream->name = strdup("block");
    else
        upstream->name = strdup(endpoint_format(&upstream->server, text));
    return upstream->name ? 0 : -ENOMEM;
}

static int complete_upstream(struct config_yaml *yaml, unsigned index,
                             struct config_upstream *upstream)
{
    if (!is_written(yaml, index, "udp"))
        upstream->udp = upstream->kind == CONFIG_DIRECT || upstream->kind == CONFIG_SOCKS5;
    for (unsigned i = 0; i < upstream->addresses_count; i++)
        upstream->addresses[i].port = upstream->server.address.port;
    return upstream->name ? 0 : default_name(upstream);
}

int config_complete_upstreams(struct config_yaml *yaml, struct config *config)
{
    int result = config->upstreams_count ? 0 : add_direct(config);
    for (unsigned i = 0; result == 0 && i < config->upstreams_count; i++)
        result = complete_upstream(yaml, i, &config->upstreams[i]);
    return result;
}

/* For the kinds that open no connection to a server of their own. */
static int check_local_kind(struct config_yaml *yaml, unsigned index,
                            const struct config_upstream *upstream)
{
    char path[PATH_MAX_BYTES];
    const char *kind = upstream->kind == CONFIG_DIRECT ? "direct" : "block";
    const char *key = has_server(upstream)        ? "server"
                      : upstream->addresses_count ? "addresses"
                      : upstream->user            ? "user"
                      : upstream->password        ? "password"
                                                  : NULL;
    if (!key)
        return 0;
    return config_fail_at(yaml, path_of(path, index, key),
                          "an upstream of kind %s has no '%s'; "
                          "remove it, or choose kind socks5, http or https",
                          kind, key);
}

static int check_server(struct config_yaml *yaml, unsigned index,
                        const struct config_upstream *upstream)
{
    char path[PATH_MAX_BYTES];
    if (!has_server(upstream))
        return config_fail_at(yaml, path_of(path, index, "server"),
                              "this upstream has no 'server'; "
                              "add one, like proxy.example.com:1080");
    if (strcmp(upstream->server.name, "localhost") == 0)
        return config_fail_at(yaml, path_of(path, index, "server"),
                              "'localhost' can be two addresses; "
                              "write 127.0.0.1 or [::1]");
    if (upstream->addresses_count && !endpoint_is_name(&upstream->server))
        return config_fail_at(yaml, path_of(path, index, "addresses"),
                              "the server is an address "
                              "already; remove 'addresses'");
    return 0;
}

static int check_credentials(struct config_yaml *yaml, unsigned index,
                             const struct config_upstream *upstream)
{
    char path[PATH_MAX_BYTES];
    if (!upstream->user != !upstream->password)
        return config_fail_at(yaml, path_of(path, index, upstream->user ? "user" : "password"),
                              "user and password go together; for an empty password write "
                              "password: \"\"");
    /* RFC 7617 sec. 2: the first colon ends the user name. */
    if (upstream->kind != CONFIG_SOCKS5 && upstream->user && strchr(upstream->user, ':'))
        return config_fail_at(yaml, path_of(path, index, "user"),
                              "a user name with a colon cannot be "
                              "sent to an HTTP proxy; what follows it belongs to 'password'");
    return 0;
}

static int check_abilities(struct config_yaml *yaml, unsigned index,
                           const struct config_upstream *upstream)
{
    char path[PATH_MAX_BYTES];
    bool has_udp = upstream->kind == CONFIG_DIRECT || upstream->kind == CONFIG_SOCKS5;
    if (upstream->udp && !has_udp)
        return config_fail_at(yaml, path_of(path, index, "udp"),
                              "only kinds socks5 and direct carry "
                              "UDP; remove it");
    if (upstream->pipelined && upstream->kind != CONFIG_SOCKS5)
        return config_fail_at(yaml, path_of(path, index, "pipelined"),
                              "only kind socks5 can be "
                              "pipelined; remove it");
    if (has_tls(upstream) && upstream->kind != CONFIG_HTTPS)
        return config_fail_at(yaml, path_of(path, index, "tls"),
                              "only kind https speaks TLS; remove "
                              "it, or choose kind https");
    return 0;
}

static int check_name(struct config_yaml *yaml, const struct config *config, unsigned index)
{
    char path[PATH_MAX_BYTES];
    const char *name = config->upstreams[index].name;
    path_of(path, index, "name");
    if (strlen(name) > CONFIG_UPSTREAM_NAME_MAX)
        return config_fail_at(yaml, path,
                              "the server's name is too long to be the upstream's; add a "
                              "'name' of at most %d bytes",
                              CONFIG_UPSTREAM_NAME_MAX);
    for (unsigned i = 0; i < index; i++) {
        if (strcmp(config->upstreams[i].name, name) == 0)
            return config_fail_at(yaml, path,
                                  "upstream %u is called '%.63s' already; give this one "
                                  "another 'name'",
                                  i + 1, name);
    }
    return 0;
}

static int check_upstream(struct config_yaml *yaml, const struct config *config, unsigned index)
{
    const struct config_upstream *upstream = &config->upstreams[index];
    char path[PATH_MAX_BYTES];
    int result;
    if (config_yaml_find(yaml, path_of(path, index, "")) && !is_written(yaml, index, "kind"))
        return config_fail_at(yaml, path_of(path, index, "kind"),
                              "this upstream has no 'kind'; add "
                              "one: direct, block, http, https or socks5");
    if (is_local_kind(upstream))
        result = check_local_kind(yaml, index, upstream);
    else
        result = check_server(yaml, index, upstream);
    if (result == 0)
        result = check_credentials(yaml, index, upstream);
    if (result == 0)
        result = check_abilities(yaml, index, upstream);
    return result < 0 ? result : check_name(yaml, config, index);
}

int config_check_upstreams(struct config_yaml *yaml, const struct config *config)
{
    int result = 0;
    for (unsigned i = 0; result == 0 && i < config->upstreams_count; i++)
        result = check_upstream(yaml, config, i);
    return result;
}
