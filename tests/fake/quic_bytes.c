#include "tests/fake/quic_bytes.h"

#include <assert.h>
#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <stdio.h>
#include <string.h>

enum { TAG = 16, NUMBER = 4 };

static void add(struct quic_bytes *bytes, const void *data, size_t size)
{
    assert(bytes->size + size <= sizeof(bytes->data));
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void add_number(struct quic_bytes *bytes, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0;) {
        uint8_t byte = (uint8_t)(value >> 8 * i);
        add(bytes, &byte, 1);
    }
}

void quic_bytes_crypto(struct quic_bytes *frames, size_t offset, const void *data, size_t size)
{
    add_number(frames, 6, 1);
    if (offset < 64)
        add_number(frames, offset, 1);
    else
        add_number(frames, 0x80000000 | offset, 4);
    add_number(frames, 0x4000 | size, 2);
    add(frames, data, size);
}

static void expand(const uint8_t secret[32], const char *label, uint8_t *to, size_t size)
{
    uint8_t info[64] = {0, (uint8_t)size, (uint8_t)(6 + strlen(label))};
    int err;

    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, strlen(label));
    err = mbedtls_hkdf_expand(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), secret, 32, info,
                              10 + strlen(label), to, size);
    assert(err == 0);
}

static void client_secret(enum quic_version version, const char *id, uint8_t ret[32])
{
    static const uint8_t salts[2][20] = {
        "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
        "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"};
    uint8_t initial[32];
    int err = mbedtls_hkdf_extract(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256),
                                   salts[version == QUIC_V2], 20, (const uint8_t *)id, strlen(id),
                                   initial);
    assert(err == 0);
    expand(initial, "client in", ret, 32);
}

static void seal(enum quic_version version, const char *id, uint8_t *packet, size_t number_at,
                 size_t clear_size)
{
    bool is_v2 = version == QUIC_V2;
    uint8_t secret[32], key[16], iv[12], header[16], mask[16];
    uint8_t *payload = packet + number_at + NUMBER;
    mbedtls_gcm_context gcm;
    mbedtls_aes_context aes;
    int err;

    client_secret(version, id, secret);
    expand(secret, is_v2 ? "quicv2 key" : "quic key", key, sizeof(key));
    expand(secret, is_v2 ? "quicv2 iv" : "quic iv", iv, sizeof(iv));
    expand(secret, is_v2 ? "quicv2 hp" : "quic hp", header, sizeof(header));
    for (size_t i = 0; i < NUMBER; i++)
        iv[8 + i] ^= packet[number_at + i];
    mbedtls_gcm_init(&gcm);
    mbedtls_aes_init(&aes);
    err = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 128);
    assert(err == 0);
    err =
        mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, clear_size, iv, sizeof(iv), packet,
                                  number_at + NUMBER, payload, payload, TAG, payload + clear_size);
    assert(err == 0);
    err = mbedtls_aes_setkey_enc(&aes, header, 128);
    assert(err == 0);
    err = mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, packet + number_at + 4, mask);
    assert(err == 0);
    packet[0] ^= mask[0] & 15;
    for (size_t i = 0; i < NUMBER; i++)
        packet[number_at + i] ^= mask[1 + i];
    mbedtls_gcm_free(&gcm);
    mbedtls_aes_free(&aes);
}

void quic_bytes_initial(struct quic_bytes *datagram, enum quic_version version, const char *id,
                        uint32_t number, const struct quic_bytes *frames, size_t end)
{
    size_t start = datagram->size, head = 1 + 4 + 1 + strlen(id) + 1 + 1 + 2 + NUMBER;
    size_t clear = frames->size;

    if (end > start + head + clear + TAG)
        clear = end - start - head - TAG;
    add_number(datagram, version == QUIC_V2 ? 0xd3 : 0xc3, 1);
    add_number(datagram, version, 4);
    add_number(datagram, strlen(id), 1);
    add(datagram, id, strlen(id));
    add_number(datagram, 0, 1); /* no id of its own */
    add_number(datagram, 0, 1); /* no token */
    add_number(datagram, 0x4000 | (NUMBER + clear + TAG), 2);
    add_number(datagram, number, NUMBER);
    add(datagram, frames->data, frames->size);
    assert(start + head + clear + TAG <= sizeof(datagram->data));
    memset(datagram->data + datagram->size, 0, clear - frames->size + TAG);
    datagram->size = start + head + clear + TAG;
    seal(version, id, datagram->data + start, head - NUMBER, clear);
}

static void add_extension(struct quic_bytes *to, unsigned type, const struct quic_bytes *data)
{
    add_number(to, type, 2);
    add_number(to, data->size, 2);
    add(to, data->data, data->size);
}

void quic_bytes_hello(struct quic_bytes *hello, const char *name, size_t before)
{
    struct quic_bytes extensions = {.size = 0}, data = {.size = 0};

    memset(data.data, 'g', before);
    data.size = before;
    add_extension(&extensions, 0x0a0a, &data);
    if (name) {
        data.size = 0;
        add_number(&data, strlen(name) + 3, 2);
        add_number(&data, 0, 1);
        add_number(&data, strlen(name), 2);
        add(&data, name, strlen(name));
        add_extension(&extensions, 0, &data);
    }
    add_number(hello, 1, 1);
    add_number(hello, 2 + 32 + 1 + 4 + 2 + 2 + extensions.size, 3);
    add_number(hello, 0x0303, 2);
    memset(hello->data + hello->size, 'r', 32);
    hello->size += 32;
    add_number(hello, 0, 1);
    add_number(hello, 0x00021301, 4); /* one cipher suite */
    add_number(hello, 0x0100, 2);     /* no compression */
    add_number(hello, extensions.size, 2);
    add(hello, extensions.data, extensions.size);
}

void quic_bytes_first(struct quic_bytes *datagram, enum quic_version version, const char *id,
                      const char *name)
{
    struct quic_bytes hello = {.size = 0}, frames = {.size = 0};

    quic_bytes_hello(&hello, name, 10);
    quic_bytes_crypto(&frames, 0, hello.data, hello.size);
    quic_bytes_initial(datagram, version, id, 0, &frames, QUIC_DATAGRAM_BYTES);
}
