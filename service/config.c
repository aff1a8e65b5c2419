/* One configuration's life: read, loaded by the schema, completed, checked; then immutable. */
#include "service/config.h"

#include "base/whole.h"
#include "service/config_check.h"
#include "service/config_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int build(struct config_yaml *yaml, struct config *config)
{
    int result = config_load(yaml, &config_schema, config_yaml_root(yaml), config);
    if (result == 0)
        result = config_complete(yaml, config);
    return result < 0 ? result : config_check(yaml, config);
}

int config_parse(const char *name, const char *text, size_t size, struct config **ret,
                 struct config_error *error)
{
    struct config_yaml *yaml = NULL;
    struct config *config = calloc(1, sizeof(*config));
    int result = config ? 0 : -ENOMEM;
    if (result == 0) {
        config->refs = 1;
        result = config_yaml_open(name, text ? text : "", text ? size : 0, error, &yaml);
    }
    if (result == 0)
        result = build(yaml, config);
    config_yaml_close(yaml);
    if (result < 0) {
        if (result == -ENOMEM)
            snprintf(error->text, sizeof(error->text), "%s: out of memory", name);
        config_unref(config);
        return result;
    }
    *ret = config;
    return 0;
}

int config_read(const char *name, int fd, struct config **ret, struct config_error *error)
{
    /* A byte more than allowed is enough to know that it is too much. */
    const size_t capacity = CONFIG_FILE_MAX_BYTES + 1;
    char *text = malloc(capacity);
    ssize_t size = text ? whole_read(fd, text, capacity, 0) : -ENOMEM;
    int result = (int)size;
    if (size < 0)
        snprintf(error->text, sizeof(error->text), "%s: %s; is it a readable file?", name,
                 strerror((int)-size));
    else
        result = config_parse(name, text, (size_t)size, ret, error);
    if (text)
        explicit_bzero(text, capacity);
    free(text);
    return result;
}

struct config *config_ref(struct config *config)
{
    config->refs++;
    return config;
}

void config_unref(struct config *config)
{
    if (!config || --config->refs > 0)
        return;
    config_release(&config_schema, config);
    free(config);
}

static uint32_t share_of(uint64_t whole, unsigned count)
{
    return (uint32_t)((whole + count - 1) / count);
}

void config_divide(struct config *config, unsigned count)
{
    struct config_limits *limits = &config->limits;
    limits->tcp_flows = share_of(limits->tcp_flows, count);
    limits->tcp_knocks = share_of(limits->tcp_knocks, count);
    limits->tcp_knocks_per_destination = share_of(limits->tcp_knocks_per_destination, count);
    limits->tcp_per_destination = share_of(limits->tcp_per_destination, count);
    limits->udp_flows = share_of(limits->udp_flows, count);
    limits->local_clients = share_of(limits->local_clients, count);
    limits->memory_bytes /= count;
}

bool config_log_shows_apps(const struct config *config)
{
    const struct config_query_log *log = &config->query_log;
    return log->mode != CONFIG_QUERY_LOG_OFF && log->names != CONFIG_QUERY_NAMES_NONE &&
           log->shows_apps;
}

static bool is_same_ip(const struct address *a, struct address b)
{
    b.port = a->port;
    return address_is_equal(a, &b);
}

static bool names_address(const struct config_upstream *upstream, const struct address *address)
{
    if (is_same_ip(address, upstream->server.address))
        return true;
    for (unsigned i = 0; i < upstream->addresses_count; i++) {
        if (is_same_ip(address, upstream->addresses[i]))
            return true;
    }
    return false;
}

bool config_admits(const struct config *config, const struct address *address)
{
    if (config->admits_private_upstreams || !address_is_private(address))
        return true;
    for (unsigned i = 0; i < config->upstreams_count; i++) {
        if (names_address(&config->upstreams[i], address))
            return true;
    }
    for (unsigned i = 0; i < config->dns.bootstrap_count; i++) {
        if (is_same_ip(address, config->dns.bootstrap[i]))
            return true;
    }
    return false;
}
