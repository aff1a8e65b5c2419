#include "service/engine/doh_link.h"

#include "adblock/curl_loop.h"
#include "adblock/dns_message.h"
#define LOG_MODULE "dns"
#include "base/err.h"
#include "base/log.h"
#include "service/engine/doh_door.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { TRANSFERS_MAX = 1024, HTTP_OK = 200, HEADER_BYTES = 12, URL_BYTES = 1024 };

struct doh_link {
    struct curl_loop curl;
    char url[URL_BYTES];
    char *ca_file;
    struct curl_slist *headers, *pinned; /* "name:port:address" */
    struct list transfers;
    size_t count;
    uint64_t heard; /* answers, ever */
    struct doh_door *door;
};

struct doh_transfer {
    struct list node;
    struct doh_link *link;
    struct dns_exchange *exchange;
    uint64_t heard_before;
    CURL *curl;
    char why[CURL_ERROR_SIZE];
    size_t size;
    uint8_t answer[DNS_MESSAGE_MAX];
};

/* --- libcurl's sockets ----------------------------------------------------------------------- */

/* Whatever address it has in mind. */
static curl_socket_t open_socket(void *owner, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct doh_door *door = owner;
    const struct sockaddr_in *at = doh_door_address(door);
    int fd = doh_door_socket(door);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    address->family = AF_INET;
    address->protocol = 0;
    address->addrlen = sizeof(*at);
    memcpy(&address->addr, at, sizeof(*at));
    return fd;
}

static int close_socket(void *owner, curl_socket_t fd)
{
    doh_door_close_socket(owner, fd);
    return 0;
}

/* --- one question ---------------------------------------------------------------------------- */

static void transfer_free(struct doh_transfer *transfer)
{
    struct doh_link *link = transfer->link;

    if (transfer->exchange)
        transfer->exchange->transfer = NULL;
    if (transfer->curl) {
        curl_multi_remove_handle(link->curl.multi, transfer->curl);
        curl_easy_cleanup(transfer->curl);
    }
    list_remove(&transfer->node);
    link->count--;
    free(transfer);
}

/* RFC 8484 sec. 4.2.1: a page of whoever caught the connection is no answer. */
static bool has_right_type(CURL *curl)
{
    static const char wanted[] = "application/dns-message";
    const size_t size = sizeof(wanted) - 1;
    const char *type = NULL;

    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    return type && strncasecmp(type, wanted, size) == 0 &&
           (!type[size] || strchr("; ", type[size]));
}

static void on_transfer_done(void *owner, CURLcode code)
{
    struct doh_transfer *transfer = owner;
    struct dns_exchange *exchange = transfer->exchange;
    long status = 0;
    int err = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR)
        err = ERR_TLS;
    else if (code != CURLE_OK || status != HTTP_OK || transfer->size < HEADER_BYTES ||
             !has_right_type(transfer->curl))
        err = ERR_PROTOCOL;
    else
        transfer->link->heard++;
    if (err < 0)
        log_debug("question failed url=%s status=%ld error=\"%s\"", transfer->link->url, status,
                  transfer->why[0] ? transfer->why : curl_easy_strerror(code));
    list_remove(&transfer->node); /* the link is not its owner's any more: only this call is */
    list_init(&transfer->node);
    exchange->transfer = NULL;
    transfer->exchange = NULL;
    exchange->on_done(exchange->owner, err, err < 0 ? NULL : transfer->answer,
                      err < 0 ? 0 : transfer->size);
    transfer_free(transfer);
}

static size_t on_body(char *data, size_t one, size_t size, void *owner)
{
    struct doh_transfer *transfer = owner;

    (void)one;
    if (size > sizeof(transfer->answer) - transfer->size)
        return 0; /* ends it */
    memcpy(transfer->answer + transfer->size, data, size);
    transfer->size += size;
    return size;
}

static void set_options(struct doh_transfer *transfer)
{
    struct doh_link *link = transfer->link;
    CURL *curl = transfer->curl;

    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(curl, CURLOPT_URL, link->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, link->headers);
    curl_easy_setopt(curl, CURLOPT_RESOLVE, link->pinned);
    if (link->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, link->ca_file);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, link->door);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, link->door);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
}

/* RFC 8484 sec. 4.1: the message's id is 0. */
static int set_query(struct doh_transfer *transfer)
{
    uint8_t query[DNS_UDP_DEFAULT];
    size_t size = transfer->exchange->size;

    if (size > sizeof(query) || size < HEADER_BYTES)
        return -EMSGSIZE;
    memcpy(query, transfer->exchange->query, size);
    dns_message_set_id(query, 0);
    curl_easy_setopt(transfer->curl, CURLOPT_POSTFIELDSIZE, (long)size);
    return curl_easy_setopt(transfer->curl, CURLOPT_COPYPOSTFIELDS, query) == CURLE_OK ? 0
                                                                                       : -ENOMEM;
}

int doh_link_start(struct doh_link *link, struct dns_exchange *exchange)
{
    struct doh_transfer *transfer;
    int err = 0;

    if (link->count >= TRANSFERS_MAX)
        return ERR_LIMIT;
    transfer = malloc(sizeof(*transfer)); /* the answer's pages are touched as they are needed */
    if (!transfer)
        return -ENOMEM;
    transfer->link = link;
    transfer->exchange = exchange;
    transfer->heard_before = link->heard;
    transfer->size = 0;
    transfer->why[0] = '\0';
    transfer->curl = curl_easy_init();
    list_append(&link->transfers, &transfer->node);
    link->count++;
    if (!transfer->curl)
        err = -ENOMEM;
    else
        set_options(transfer);
    if (err == 0)
        err = set_query(transfer);
    if (err == 0 && curl_multi_add_handle(link->curl.multi, transfer->curl) != CURLM_OK)
        err = -ENOMEM;
    if (err < 0) {
        transfer_free(transfer);
        return err;
    }
    exchange->transfer = transfer;
    return 0;
}

void doh_transfer_cancel(struct doh_transfer *transfer, bool gave_up)
{
    struct doh_link *link = transfer->link;
    bool is_dead = gave_up && transfer->heard_before == link->heard;

    transfer_free(transfer);
    if (is_dead)
        doh_door_end_tunnels(link->door);
}

/* --- the link -------------------------------------------------------------------------------- */

static int set_names(struct doh_link *link, const struct doh_link_options *options)
{
    const struct address *address = &options->server.address;
    char ip[ADDRESS_TEXT_MAX], pinned[NAME_MAX_BYTES + ADDRESS_TEXT_MAX + 16];
    bool is_bare6 = !options->tls_name && address->family == 6;
    int size;

    address_format_ip(address, ip);
    size = snprintf(link->url, sizeof(link->url), "https://%s%s%s:%u%s", is_bare6 ? "[" : "",
                    options->tls_name ? options->tls_name : ip, is_bare6 ? "]" : "", address->port,
                    options->path);
    if (size < 0 || (size_t)size >= sizeof(link->url))
        return -EINVAL;
    link->headers = curl_slist_append(NULL, "Content-Type: application/dns-message");
    if (!link->headers || !curl_slist_append(link->headers, "Accept: application/dns-message"))
        return -ENOMEM;
    if (!options->tls_name)
        return 0;
    snprintf(pinned, sizeof(pinned), "%s:%u:%s", options->tls_name, address->port, ip);
    link->pinned = curl_slist_append(NULL, pinned);
    return link->pinned ? 0 : -ENOMEM;
}

struct doh_link *doh_link_new(struct connector *connector, const struct doh_link_options *options)
{
    struct doh_link *link = calloc(1, sizeof(*link));
    int err;

    if (!link)
        return NULL;
    list_init(&link->transfers);
    err = curl_loop_init(&link->curl, connector->loop, on_transfer_done);
    link->door = doh_door_new(connector, &options->server);
    if (err == 0)
        err = set_names(link, options);
    link->ca_file = options->tls_ca_file ? strdup(options->tls_ca_file) : NULL;
    if (err < 0 || !link->door || (options->tls_ca_file && !link->ca_file)) {
        doh_link_free(link);
        return NULL;
    }
    return link;
}

void doh_link_free(struct doh_link *link)
{
    if (!link)
        return;
    list_each(node, &link->transfers)
        transfer_free(list_item(node, struct doh_transfer, node));
    curl_loop_done(&link->curl);
    doh_door_free(link->door);
    curl_slist_free_all(link->headers);
    curl_slist_free_all(link->pinned);
    free(link->ca_file);
    free(link);
}
