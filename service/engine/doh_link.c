#include "service/engine/doh_link.h"

#include "adblock/curl_loop.h"
#include "adblock/dns_message.h"
#define LOG_MODULE "dns"
#include "base/err.h"
#include "base/log.h"
#include "proxy/relay.h"
#include "proxy/socket_stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_PER_WAKE = 64, ACCEPT_RETRY_MS = 100 };
enum { TRANSFERS_MAX = 1024, TUNNEL_BUFFER_BYTES = 64 * 1024, TUNNEL_IDLE_MS = 30000 };
enum { HTTP_OK = 200, HEADER_BYTES = 12, URL_BYTES = 1024 };

struct doh_link {
    struct connector *connector;
    struct curl_loop curl;
    struct endpoint server;
    char url[URL_BYTES];
    char *ca_file;
    struct curl_slist *headers, *pinned; /* "name:port:address" */
    struct list transfers, tunnels;
    size_t count;
    uint64_t heard; /* answers, ever */
    int door;
    struct watch *watch; /* of the door */
    struct timer retry;  /* accepting pauses until then */
    struct sockaddr_in door_at;
    uint8_t expected[(UINT16_MAX + 1) / 8]; /* ports of ours that are not through it yet */
};

/* From a socket of libcurl's to the server. */
struct tunnel {
    struct list node;
    struct loop *loop;
    struct stream *near; /* until the relay takes it */
    struct connect *connect;
    struct relay *relay;
    struct relay_bytes bytes;
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

/* --- the way to the server ------------------------------------------------------------------- */

static void tunnel_free(struct tunnel *tunnel)
{
    connect_cancel(tunnel->connect);
    if (tunnel->near)
        stream_abort(tunnel->near);
    if (tunnel->relay)
        relay_abort(tunnel->relay);
    list_remove(&tunnel->node);
    free(tunnel);
}

static void on_relay_done(void *owner, int why)
{
    struct tunnel *tunnel = owner;

    (void)why; /* libcurl sees the end of its socket */
    tunnel->relay = NULL;
    tunnel_free(tunnel);
}

/* Until there is a server at the other end the kernel keeps what libcurl says. */
static void on_near(void *owner)
{
    (void)owner;
}

static void on_connected(void *owner, struct stream *stream, struct upstream *upstream, int err)
{
    static const struct relay_options options = {.idle_timeout_ms = TUNNEL_IDLE_MS,
                                                 .half_close_timeout_ms = 1000};
    struct tunnel *tunnel = owner;
    struct stream *near = tunnel->near;

    (void)upstream;
    tunnel->connect = NULL;
    if (err == 0) {
        tunnel->near = NULL;
        err = relay_start(tunnel->loop, near, stream, &options, &tunnel->bytes, on_relay_done,
                          tunnel, &tunnel->relay);
    }
    if (err < 0)
        tunnel_free(tunnel);
}

static int tunnel_new(struct doh_link *link, int fd)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    struct loop *loop = link->connector->loop;
    int err;

    if (!tunnel)
        return -ENOMEM;
    tunnel->loop = loop;
    list_append(&link->tunnels, &tunnel->node);
    err = socket_stream_new(loop, fd, TUNNEL_BUFFER_BYTES, &tunnel->near);
    if (err < 0) {
        tunnel_free(tunnel);
        return err;
    }
    stream_set_owner(tunnel->near, on_near, tunnel);
    err = connect_start(link->connector, &link->server, on_connected, tunnel, &tunnel->connect);
    if (err < 0)
        tunnel_free(tunnel); /* libcurl sees the end of its socket */
    return 0;
}

static bool is_expected(const struct doh_link *link, uint16_t port)
{
    return link->expected[port / 8] >> (port % 8) & 1;
}

static void expect(struct doh_link *link, uint16_t port, bool is_ours)
{
    uint8_t bit = (uint8_t)(1 << (port % 8));

    if (is_ours)
        link->expected[port / 8] |= bit;
    else
        link->expected[port / 8] &= (uint8_t)~bit;
}

/* Every process of this network namespace can reach the door: only ports that our sockets are bound
 * to get in. */
static bool is_ours(struct doh_link *link, const struct sockaddr_in *peer)
{
    uint16_t port = ntohs(peer->sin_port);
    bool is_known = peer->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && is_expected(link, port);

    if (is_known)
        expect(link, port, false);
    return is_known;
}

static void on_retry(void *owner)
{
    struct doh_link *link = owner;

    watch_set(link->watch, WATCH_READ);
}

/* Who knocks waits in the kernel's queue; asking again at once would only burn the CPU. */
static void pause_accepting(struct doh_link *link, int err)
{
    log_warning("cannot speak to a DNS server for now err=\"%s\"", err_text(err));
    if (timer_start(&link->retry, ACCEPT_RETRY_MS) == 0)
        watch_set(link->watch, 0);
}

static bool is_lack_of_something(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

static void on_door(void *owner, int events, int err)
{
    struct doh_link *link = owner;

    (void)events;
    (void)err;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        struct sockaddr_in peer = {.sin_family = AF_INET};
        socklen_t size = sizeof(peer);
        int fd = accept4(link->door, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_lack_of_something(errno))
            pause_accepting(link, -errno);
        if (fd < 0)
            return;
        if (!is_ours(link, &peer) || tunnel_new(link, fd) < 0)
            close(fd);
    }
}

/* A descriptor on any port of the loopback interface, and where that is. */
static int bind_any(struct sockaddr_in *ret)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(where);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (bind(fd, (struct sockaddr *)&where, size) < 0 ||
                    getsockname(fd, (struct sockaddr *)&where, &size) < 0)) {
        int err = -errno;
        close(fd);
        return err;
    }
    *ret = where;
    return fd >= 0 ? fd : -errno;
}

/* The socket that libcurl connects to, whatever address it has in mind. Before 7.89 it connects
 * also a socket that is said to be connected, so a socket pair would not do; and it never uses a
 * connection again whose peer has an address that it cannot print, so an abstract name would not.
 */
static int open_door(struct doh_link *link)
{
    link->door = bind_any(&link->door_at);
    if (link->door < 0)
        return link->door;
    if (listen(link->door, TRANSFERS_MAX) < 0)
        return -errno;
    int err = watch_open(link->connector->loop, link->door, on_door, link, &link->watch);
    return err < 0 ? err : watch_set(link->watch, WATCH_READ);
}

static curl_socket_t open_socket(void *owner, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct doh_link *link = owner;
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = bind_any(&at);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    expect(link, ntohs(at.sin_port), true);
    address->family = AF_INET;
    address->protocol = 0;
    address->addrlen = sizeof(link->door_at);
    memcpy(&address->addr, &link->door_at, sizeof(link->door_at));
    return fd;
}

static int close_socket(void *owner, curl_socket_t fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);

    if (getsockname(fd, (struct sockaddr *)&at, &size) == 0)
        expect(owner, ntohs(at.sin_port), false);
    return close(fd);
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
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, link);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, link);
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

static void drop_tunnels(struct doh_link *link)
{
    list_each(node, &link->tunnels)
        tunnel_free(list_item(node, struct tunnel, node));
}

void doh_transfer_cancel(struct doh_transfer *transfer, bool gave_up)
{
    struct doh_link *link = transfer->link;
    bool is_dead = gave_up && transfer->heard_before == link->heard;

    transfer_free(transfer);
    if (is_dead)
        drop_tunnels(link); /* libcurl sees the end of its socket, and opens another one */
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
    link->connector = connector;
    link->door = -1;
    link->server = options->server;
    list_init(&link->transfers);
    list_init(&link->tunnels);
    timer_init(&link->retry, connector->loop, on_retry, link);
    err = curl_loop_init(&link->curl, connector->loop, on_transfer_done);
    if (err == 0)
        err = open_door(link);
    if (err == 0)
        err = set_names(link, options);
    link->ca_file = options->tls_ca_file ? strdup(options->tls_ca_file) : NULL;
    if (err < 0 || (options->tls_ca_file && !link->ca_file)) {
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
    drop_tunnels(link);
    timer_stop(&link->retry);
    if (link->watch)
        watch_close(link->watch);
    if (link->door >= 0)
        close(link->door);
    curl_slist_free_all(link->headers);
    curl_slist_free_all(link->pinned);
    free(link->ca_file);
    free(link);
}
