#include "tls_peer.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mbedtls/ecp.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CERTIFICATE_MAX = 4096 };

struct tls_peer {
    int fd;
    bool is_open;
    mbedtls_pk_context key;
    mbedtls_x509_crt certificate;
    mbedtls_ssl_config config;
    mbedtls_ssl_context session;
    const char *alpn[2];
};

static const char ca_name[] = "CN=Test CA";
static mbedtls_pk_context ca_key;
static char ca_file[64];

#define random mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE

static void make_key(mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
    assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), random), 0);
}

static void write_certificate(mbedtls_x509write_cert *form, mbedtls_pk_context *key,
                              const char *subject, const char *until, unsigned char *ret_pem)
{
    unsigned char serial[] = {1};
    mbedtls_x509write_crt_set_version(form, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(form, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(form, key);
    mbedtls_x509write_crt_set_issuer_key(form, &ca_key);
    assert_int_equal(mbedtls_x509write_crt_set_issuer_name(form, ca_name), 0);
    assert_int_equal(mbedtls_x509write_crt_set_subject_name(form, subject), 0);
    assert_int_equal(mbedtls_x509write_crt_set_serial_raw(form, serial, sizeof(serial)), 0);
    assert_int_equal(mbedtls_x509write_crt_set_validity(form, "20200101000000", until), 0);
    assert_int_equal(mbedtls_x509write_crt_pem(form, ret_pem, CERTIFICATE_MAX, random), 0);
}

static void remove_ca_file(void)
{
    unlink(ca_file);
    mbedtls_pk_free(&ca_key);
}

const char *tls_peer_ca_file(void)
{
    unsigned char pem[CERTIFICATE_MAX];
    mbedtls_x509write_cert form;
    if (ca_file[0])
        return ca_file;
    assert_int_equal(psa_crypto_init(), PSA_SUCCESS);
    make_key(&ca_key);
    mbedtls_x509write_crt_init(&form);
    assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&form, 1, -1), 0);
    write_certificate(&form, &ca_key, ca_name, "20990101000000", pem);
    mbedtls_x509write_crt_free(&form);
    strcpy(ca_file, "/tmp/atlantic-test-ca-XXXXXX");
    int fd = mkstemp(ca_file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, pem, strlen((char *)pem)), strlen((char *)pem));
    close(fd);
    atexit(remove_ca_file);
    return ca_file;
}

static void make_certificate(struct tls_peer *peer, const struct tls_peer_options *options)
{
    unsigned char pem[CERTIFICATE_MAX];
    mbedtls_x509write_cert form;
    uint8_t ip[4];
    mbedtls_x509_san_list san = {.node.type = MBEDTLS_X509_SAN_DNS_NAME};
    san.node.san.unstructured_name.p = (unsigned char *)(uintptr_t)options->name;
    san.node.san.unstructured_name.len = strlen(options->name);
    if (options->is_address) {
        assert_int_equal(inet_pton(AF_INET, options->name, ip), 1);
        san.node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
        san.node.san.unstructured_name.p = ip;
        san.node.san.unstructured_name.len = sizeof(ip);
    }
    tls_peer_ca_file();
    make_key(&peer->key);
    mbedtls_x509write_crt_init(&form);
    assert_int_equal(mbedtls_x509write_crt_set_subject_alternative_name(&form, &san), 0);
    write_certificate(&form, &peer->key, "CN=Test",
                      options->is_expired ? "20210101000000" : "20990101000000", pem);
    mbedtls_x509write_crt_free(&form);
    mbedtls_x509_crt_init(&peer->certificate);
    assert_int_equal(mbedtls_x509_crt_parse(&peer->certificate, pem, strlen((char *)pem) + 1), 0);
}

static int on_send(void *owner, const unsigned char *data, size_t size)
{
    ssize_t sent = send(((struct tls_peer *)owner)->fd, data, size, MSG_NOSIGNAL);
    if (sent >= 0)
        return (int)sent;
    return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_CONN_RESET;
}

static int on_receive(void *owner, unsigned char *to, size_t capacity)
{
    ssize_t got = recv(((struct tls_peer *)owner)->fd, to, capacity, 0);
    if (got >= 0)
        return (int)got;
    return errno == EAGAIN ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_CONN_RESET;
}

struct tls_peer *tls_peer_new(int fd, const struct tls_peer_options *options)
{
    struct tls_peer *peer = calloc(1, sizeof(*peer));
    mbedtls_ssl_config *config = &peer->config;
    peer->fd = fd;
    make_certificate(peer, options);
    mbedtls_ssl_config_init(config);
    assert_int_equal(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER,
                                                 MBEDTLS_SSL_TRANSPORT_STREAM,
                                                 MBEDTLS_SSL_PRESET_DEFAULT),
                     0);
    mbedtls_ssl_conf_rng(config, random);
    if (options->is_tls12)
        mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
    assert_int_equal(mbedtls_ssl_conf_own_cert(config, &peer->certificate, &peer->key), 0);
    peer->alpn[0] = options->alpn;
    if (options->alpn)
        assert_int_equal(mbedtls_ssl_conf_alpn_protocols(config, peer->alpn), 0);
    mbedtls_ssl_init(&peer->session);
    assert_int_equal(mbedtls_ssl_setup(&peer->session, config), 0);
    mbedtls_ssl_set_bio(&peer->session, peer, on_send, on_receive, NULL);
    return peer;
}

void tls_peer_free(struct tls_peer *peer)
{
    mbedtls_ssl_free(&peer->session);
    mbedtls_ssl_config_free(&peer->config);
    mbedtls_x509_crt_free(&peer->certificate);
    mbedtls_pk_free(&peer->key);
    if (peer->fd >= 0)
        close(peer->fd);
    free(peer);
}

/* 1 open, 0 not yet, < 0 failed */
static int shake_hands(struct tls_peer *peer)
{
    if (peer->is_open)
        return 1;
    int failed = mbedtls_ssl_handshake(&peer->session);
    if (failed == MBEDTLS_ERR_SSL_WANT_READ || failed == MBEDTLS_ERR_SSL_WANT_WRITE)
        return 0;
    peer->is_open = failed == 0;
    return failed ? ERR_TLS : 1;
}

ssize_t tls_peer_send(struct tls_peer *peer, const void *data, size_t size)
{
    int result = shake_hands(peer);
    if (result <= 0)
        return result;
    result = mbedtls_ssl_write(&peer->session, data, size);
    if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
        return 0;
    return result < 0 ? -EPIPE : result;
}

ssize_t tls_peer_receive(struct tls_peer *peer, void *to, size_t capacity)
{
    int result = shake_hands(peer);
    if (result <= 0)
        return result;
    result = mbedtls_ssl_read(&peer->session, to, capacity);
    if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
        return 0;
    if (result == 0 || result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        return ERR_EOF;
    return result < 0 ? -ECONNRESET : result;
}

void tls_peer_finish(struct tls_peer *peer)
{
    mbedtls_ssl_close_notify(&peer->session);
    shutdown(peer->fd, SHUT_WR);
}

void tls_peer_reset(struct tls_peer *peer)
{
    const struct linger reset = {.l_onoff = 1};
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(peer->fd);
    peer->fd = -1;
}

bool tls_peer_is_open(const struct tls_peer *peer)
{
    return peer->is_open;
}

const char *tls_peer_alpn(const struct tls_peer *peer)
{
    return mbedtls_ssl_get_alpn_protocol(&peer->session);
}

int tls_peer_fd(const struct tls_peer *peer)
{
    return peer->fd;
}
