/* Values that say where: addresses, servers, resolvers. */
#include "service/config_schema.h"

#include "service/config_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int ip_parse(const struct config_field *field, const char *text, void *to,
                    struct config_complaint *ret_why)
{
    struct address address;
    (void)field;
    if (address_parse_ip(text, &address) < 0)
        return config_complain(
            ret_why, "'%.80s' is not an IP address; write it like 192.0.2.1 or 2001:db8::1", text);
    *(struct address *)to = address;
    return 0;
}

static void ip_format(const struct config_field *field, const void *from, FILE *to)
{
    char text[ADDRESS_TEXT_MAX];
    (void)field;
    config_text_print(address_format_ip(from, text), to);
}

/* An address whose port may be left out if the field has a usual one. */
static int address_parse_with(uint16_t port, const char *text, struct address *ret)
{
    struct address address;
    if (address_parse(text, &address) < 0) {
        if (port == 0 || address_parse_ip(text, &address) < 0)
            return -EINVAL;
        address.port = port;
    }
    if (address.port == 0)
        return -EINVAL;
    *ret = address;
    return 0;
}

static int full_address_parse(const struct config_field *field, const char *text, void *to,
                              struct config_complaint *ret_why)
{
    if (address_parse_with(field->port, text, to) == 0)
        return 0;
    return config_complain(
        ret_why, "'%.80s' is not an address and port; write it like 127.0.0.1:%u or \"[::1]:%u\"",
        text, field->port ? field->port : 1080, field->port ? field->port : 1080);
}

static void full_address_format(const struct config_field *field, const void *from, FILE *to)
{
    char text[ADDRESS_TEXT_MAX];
    (void)field;
    config_text_print(address_format(from, text), to);
}

static int endpoint_parse_field(const struct config_field *field, const char *text, void *to,
                                struct config_complaint *ret_why)
{
    struct endpoint endpoint;
    /* Said without the value: there is probably a password in it. */
    if (strchr(text, '@'))
        return config_complain(ret_why,
                               "a server is a host and a port; move what is before the @ to "
                               "'user' and 'password'");
    if (strstr(text, "://"))
        return config_complain(ret_why,
                               "'%.80s' is a URL; write the host and port here and the rest as "
                               "'kind'",
                               text);
    if (endpoint_parse(text, field->port, &endpoint) < 0 || endpoint.address.port == 0)
        return config_complain(
            ret_why,
            "'%.80s' is not a host and port; write it like proxy.example.com:1080 or "
            "\"[2001:db8::1]:1080\"",
            text);
    *(struct endpoint *)to = endpoint;
    return 0;
}

static void endpoint_print(const struct config_field *field, const void *from, FILE *to)
{
    char text[ENDPOINT_TEXT_MAX];
    (void)field;
    config_text_print(endpoint_format(from, text), to);
}

/* "tls://9.9.9.9#dns.quad9.net", "https://9.9.9.9/dns-query#dns.quad9.net", "tcp://192.0.2.53" */

static const char dns_form[] = "write it like \"tls://9.9.9.9#dns.quad9.net\", "
                               "\"https://9.9.9.9/dns-query#dns.quad9.net\" or "
                               "\"tcp://192.0.2.53:53\"";

static const struct {
    const char *scheme;
    uint16_t port;
} dns_transports[] = {
    [CONFIG_DNS_TCP] = {"tcp://", 53},
    [CONFIG_DNS_TLS] = {"tls://", 853},
    [CONFIG_DNS_HTTPS] = {"https://", 443},
};
enum { DNS_TRANSPORTS = sizeof(dns_transports) / sizeof(dns_transports[0]) };

static int parse_tls_name(const char *text, char **ret, struct config_complaint *ret_why)
{
    struct endpoint name;
    if (endpoint_from_host(text, strlen(text), 0, &name) < 0 || !endpoint_is_name(&name))
        return config_complain(ret_why, "what follows the # is not a host name; %s", dns_form);
    *ret = strdup(name.name);
    return *ret ? 0 : -ENOMEM;
}

/* What is behind the scheme; NULL if it is none of ours. */
static const char *parse_transport(const char *text, enum config_dns_transport *ret)
{
    for (unsigned i = 0; i < DNS_TRANSPORTS; i++) {
        size_t size = strlen(dns_transports[i].scheme);
        if (strncmp(text, dns_transports[i].scheme, size) != 0)
            continue;
        *ret = (enum config_dns_transport)i;
        return text + size;
    }
    return NULL;
}

/* RFC 3986 sec. 3.3, no query: what may stand in the path as it is. */
static int parse_dns_path(const char *path, size_t size, char **ret,
                          struct config_complaint *ret_why)
{
    for (size_t i = 0; i < size; i++)
        if (path[i] <= ' ' || path[i] > '~' || strchr("\"<>?\\^`{|}", path[i]))
            return config_complain(ret_why, "the path is not one of a URL; %s", dns_form);
    *ret = size > 0 ? strndup(path, size) : strdup("/dns-query");
    return *ret ? 0 : -ENOMEM;
}

static int parse_dns_address(const char *text, size_t size, struct config_dns_server *server,
                             struct config_complaint *ret_why)
{
    struct address address;
    char where[ADDRESS_TEXT_MAX];

    if (size >= sizeof(where))
        return config_complain(ret_why, "'%.80s' is not a resolver; %s", text, dns_form);
    if (size > 1 && text[0] == '[' && text[size - 1] == ']') { /* as URLs have it, without a port */
        text++;
        size -= 2;
    }
    memcpy(where, text, size);
    where[size] = '\0';
    if (address_parse_with(dns_transports[server->transport].port, where, &address) < 0)
        return config_complain(ret_why, "'%.80s' is not an IP address; %s", where, dns_form);
    server->server = endpoint_from_address(&address);
    return 0;
}

static void dns_server_release(void *at)
{
    struct config_dns_server *server = at;
    free(server->tls_name);
    free(server->path);
    server->tls_name = server->path = NULL;
}

static int dns_server_parse(const struct config_field *field, const char *text, void *to,
                            struct config_complaint *ret_why)
{
    struct config_dns_server server = {.transport = CONFIG_DNS_TLS};
    const char *rest = parse_transport(text, &server.transport);
    (void)field;
    if (!rest)
        return config_complain(
            ret_why, "'%.80s' does not begin with tls://, https:// or tcp://; %s", text, dns_form);
    bool is_https = server.transport == CONFIG_DNS_HTTPS;
    size_t size = strcspn(rest, is_https ? "/#" : "#");
    size_t path_size = strcspn(rest + size, "#");
    const char *hash = strchr(rest, '#');
    int result = parse_dns_address(rest, size, &server, ret_why);
    if (result == 0 && hash && server.transport == CONFIG_DNS_TCP)
        result = config_complain(ret_why, "a tcp:// resolver has no name to verify; remove '%.80s'",
                                 hash);
    if (result == 0 && hash)
        result = parse_tls_name(hash + 1, &server.tls_name, ret_why);
    if (result == 0 && is_https)
        result = parse_dns_path(rest + size, path_size, &server.path, ret_why);
    if (result < 0) {
        dns_server_release(&server);
        return result;
    }
    *(struct config_dns_server *)to = server;
    return 0;
}

static void dns_server_format(const struct config_field *field, const void *from, FILE *to)
{
    const struct config_dns_server *server = from;
    char text[ENDPOINT_TEXT_MAX];
    (void)field;
    fprintf(to, "\"%s%s%s%s%s\"", dns_transports[server->transport].scheme,
            endpoint_format(&server->server, text), server->path ? server->path : "",
            server->tls_name ? "#" : "", server->tls_name ? server->tls_name : "");
}

static bool address_is_set(const void *at)
{
    return ((const struct address *)at)->family != 0;
}

static bool endpoint_is_set(const void *at)
{
    const struct endpoint *endpoint = at;
    return endpoint->address.family != 0 || endpoint_is_name(endpoint);
}

const struct config_type config_type_ip = {.size = sizeof(struct address),
                                           .parse = ip_parse,
                                           .format = ip_format,
                                           .is_set = address_is_set};
const struct config_type config_type_address = {.size = sizeof(struct address),
                                                .parse = full_address_parse,
                                                .format = full_address_format,
                                                .is_set = address_is_set};
const struct config_type config_type_endpoint = {.size = sizeof(struct endpoint),
                                                 .parse = endpoint_parse_field,
                                                 .format = endpoint_print,
                                                 .is_set = endpoint_is_set};
const struct config_type config_type_dns_server = {.size = sizeof(struct config_dns_server),
                                                   .parse = dns_server_parse,
                                                   .format = dns_server_format,
                                                   .release = dns_server_release};
