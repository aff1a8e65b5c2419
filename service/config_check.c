/* Everything but the upstreams. */
#include "service/config_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 64 };

int config_fail_at(struct config_yaml *yaml, const char *path, const char *format, ...)
{
    struct config_error error;
    va_list args;
    va_start(args, format);
    vsnprintf(error.text, sizeof(error.text), format, args);
    va_end(args);
    return config_yaml_fail(yaml, config_yaml_nearest(yaml, path), "%s", error.text);
}

int config_complete(struct config_yaml *yaml, struct config *config)
{
    int result = config_complete_upstreams(yaml, config);
    config_complete_region(config);
    return result < 0 ? result : config_complete_lists(yaml, &config->filter);
}

static int check_family(struct config_yaml *yaml, const char *path, const struct address *address,
                        uint8_t family)
{
    if (address->family == 0 || address->family == family)
        return 0;
    return config_fail_at(yaml, path, "this is not an IPv%u address; the other key is for those",
                          family);
}

static int check_tun(struct config_yaml *yaml, const struct config_tun *tun)
{
    const char *name = tun->name;
    if (strpbrk(name, "/ \t%:") || name[0] == '.' || strcmp(name, "lo") == 0)
        return config_fail_at(yaml, "tun.name",
                              "'%s' cannot be a device's name; use letters, digits "
                              "and hyphens, like atlantic-tun0",
                              name);
    int result = check_family(yaml, "tun.address4", &tun->address4, 4);
    return result < 0 ? result : check_family(yaml, "tun.address6", &tun->address6, 6);
}

static int check_local(struct config_yaml *yaml, const struct config_local *local)
{
    char path[PATH_MAX_BYTES];
    if (!local->user != !local->password)
        return config_fail_at(yaml, local->user ? "local.user" : "local.password",
                              "user and password go together; give both or none");
    for (unsigned i = 0; i < local->listen_count; i++) {
        snprintf(path, sizeof(path), "local.listen[%u]", i);
        if (!address_is_loopback(&local->listen[i]) && !local->user)
            return config_fail_at(yaml, path,
                                  "this would be a proxy that everyone may use; set "
                                  "local.user and local.password, or listen on 127.0.0.1");
        for (unsigned j = 0; j < i; j++) {
            if (address_is_equal(&local->listen[i], &local->listen[j]))
                return config_fail_at(yaml, path, "this address is in the list already; keep one");
        }
    }
    return 0;
}

static bool has_direct(const struct config *config)
{
    for (unsigned i = 0; i < config->upstreams_count; i++) {
        if (config->upstreams[i].kind == CONFIG_DIRECT)
            return true;
    }
    return false;
}

/* A query that leaves by a direct upstream without TLS can be read by the whole network. */
static int check_resolvers(struct config_yaml *yaml, const struct config *config)
{
    char path[PATH_MAX_BYTES];
    if (config->dns.allows_cleartext || !has_direct(config))
        return 0;
    for (unsigned i = 0; i < config->dns.servers_count; i++) {
        const struct config_dns_server *server = &config->dns.servers[i];
        if (server->transport != CONFIG_DNS_TCP || address_is_loopback(&server->server.address))
            continue;
        snprintf(path, sizeof(path), "dns.servers[%u]", i);
        return config_fail_at(yaml, path,
                              "with an upstream of kind direct this resolver is asked in "
                              "the clear; use tls://, or set dns.allow_cleartext: true");
    }
    return 0;
}

static int check_blocking(struct config_yaml *yaml, const struct config_dns *dns)
{
    bool has_address = dns->blocking_address4.family || dns->blocking_address6.family;
    if (dns->blocking == CONFIG_BLOCK_CUSTOM && !has_address)
        return config_fail_at(yaml, "dns.blocking",
                              "custom needs an address to answer with; set "
                              "dns.blocking_address4 or dns.blocking_address6");
    int result = check_family(yaml, "dns.blocking_address4", &dns->blocking_address4, 4);
    return result < 0 ? result
                      : check_family(yaml, "dns.blocking_address6", &dns->blocking_address6, 6);
}

static int check_dns(struct config_yaml *yaml, const struct config *config)
{
    int result = check_resolvers(yaml, config);
    return result < 0 ? result : check_blocking(yaml, &config->dns);
}

static bool is_category(const struct config_filter *filter, const char *category)
{
    for (unsigned i = 0; i < filter->lists_count; i++)
        if (strcmp(filter->lists[i].category, category) == 0)
            return true;
    return strcmp(category, "ads") == 0; /* the built-in list's */
}

static bool is_list(const struct config_filter *filter, const char *name)
{
    for (unsigned i = 0; i < filter->lists_count; i++)
        if (strcmp(filter->lists[i].name, name) == 0)
            return true;
    return strcmp(name, "built-in") == 0 || (strcmp(name, "rules") == 0 && filter->rules_count > 0);
}

static int check_schedules(struct config_yaml *yaml, const struct config_filter *filter)
{
    char path[PATH_MAX_BYTES];
    for (unsigned i = 0; i < filter->schedules_count; i++) {
        const struct config_schedule *schedule = &filter->schedules[i];
        for (unsigned j = 0; j < schedule->categories_count; j++) {
            snprintf(path, sizeof(path), "filter.schedules[%u].categories[%u]", i, j);
            if (!is_category(filter, schedule->categories[j]))
                return config_fail_at(
                    yaml, path,
                    "no list has the category '%s'; write one that stands under filter.lists",
                    schedule->categories[j]);
        }
        for (unsigned j = 0; j < schedule->lists_count; j++) {
            snprintf(path, sizeof(path), "filter.schedules[%u].lists[%u]", i, j);
            if (!is_list(filter, schedule->lists[j]))
                return config_fail_at(
                    yaml, path, "there is no list called '%s'; write a name from filter.lists",
                    schedule->lists[j]);
        }
    }
    return 0;
}

static int check_filter(struct config_yaml *yaml, const struct config_filter *filter)
{
    char path[PATH_MAX_BYTES];
    for (unsigned i = 0; i < filter->deny_count; i++) {
        for (unsigned j = 0; j < filter->allow_count; j++) {
            if (strcmp(filter->deny[i], filter->allow[j]) != 0)
                continue;
            snprintf(path, sizeof(path), "filter.deny[%u]", i);
            return config_fail_at(yaml, path, "'%s' is under 'allow' too; keep one",
                                  filter->deny[i]);
        }
    }
    int result = config_check_lists(yaml, filter);
    return result < 0 ? result : check_schedules(yaml, filter);
}

static int check_rest(struct config_yaml *yaml, const struct config *config)
{
    if (config->timeouts.dial < config->timeouts.connect)
        return config_fail_at(yaml, "timeouts.dial",
                              "the whole dial cannot be shorter than one "
                              "connect; raise it, or lower timeouts.connect");
    if (strcmp(config->user, "root") == 0)
        return config_fail_at(yaml, "worker.user",
                              "the worker never runs as root; create a user "
                              "for it, like atlantic");
    return 0;
}

int config_check(struct config_yaml *yaml, const struct config *config)
{
    int result = config_check_upstreams(yaml, config);
    if (result == 0)
        result = check_tun(yaml, &config->tun);
    if (result == 0)
        result = check_local(yaml, &config->local);
    if (result == 0)
        result = check_dns(yaml, config);
    if (result == 0)
        result = check_filter(yaml, &config->filter);
    if (result == 0)
        result = config_check_region(yaml, config);
    return result < 0 ? result : check_rest(yaml, config);
}
