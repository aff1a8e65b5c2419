#include "adblock/quic_keys.h"

#include <assert.h>
#include <errno.h>
#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <string.h>

enum { SECRET_BYTES = 32, SALT_BYTES = 20, INFO_MAX = 64, KEY_BITS = 8 * QUIC_KEY_BYTES };

struct labels {
    uint8_t salt[SALT_BYTES];
    const char *key, *iv, *header;
};

/* RFC 9001 sec. 5.2, RFC 9369 sec. 3.3. */
static const struct labels labels_v1 = {
    {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
     0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
    "quic key",
    "quic iv",
    "quic hp",
};
static const struct labels labels_v2 = {
    {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
     0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
    "quicv2 key",
    "quicv2 iv",
    "quicv2 hp",
};

static int hash(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size,
                uint8_t ret[SECRET_BYTES])
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    return mbedtls_md_hmac(sha256, key, key_size, data, size, ret) == 0 ? 0 : -ENOMEM;
}

/* HKDF-Expand-Label (RFC 8446 sec. 7.1) of no more than one block (RFC 5869 sec. 2.3). */
static int expand(const uint8_t secret[SECRET_BYTES], const char *label, uint8_t *to, size_t size)
{
    static const char prefix[] = "tls13 ";
    uint8_t info[INFO_MAX], block[SECRET_BYTES], *at = info;
    size_t label_size = strlen(label);
    int err;

    assert(size <= SECRET_BYTES && label_size + sizeof(prefix) + 4 <= INFO_MAX);
    *at++ = 0;
    *at++ = (uint8_t)size;
    *at++ = (uint8_t)(sizeof(prefix) - 1 + label_size);
    memcpy(at, prefix, sizeof(prefix) - 1);
    at += sizeof(prefix) - 1;
    memcpy(at, label, label_size);
    at += label_size;
    *at++ = 0; /* no context */
    *at++ = 1; /* the first block */
    err = hash(secret, SECRET_BYTES, info, (size_t)(at - info), block);
    if (err == 0)
        memcpy(to, block, size);
    return err;
}

int quic_keys_of_client(enum quic_version version, const struct quic_id *to, struct quic_keys *ret)
{
    const struct labels *labels = version == QUIC_V2 ? &labels_v2 : &labels_v1;
    uint8_t initial[SECRET_BYTES], client[SECRET_BYTES];
    struct quic_keys keys;

    if (hash(labels->salt, SALT_BYTES, to->bytes, to->size, initial) < 0 ||
        expand(initial, "client in", client, SECRET_BYTES) < 0 ||
        expand(client, labels->key, keys.key, QUIC_KEY_BYTES) < 0 ||
        expand(client, labels->iv, keys.iv, QUIC_IV_BYTES) < 0 ||
        expand(client, labels->header, keys.header, QUIC_KEY_BYTES) < 0)
        return -ENOMEM;
    *ret = keys;
    return 0;
}

int quic_keys_mask(const struct quic_keys *keys, const uint8_t sample[QUIC_SAMPLE_BYTES],
                   uint8_t ret[QUIC_MASK_BYTES])
{
    mbedtls_aes_context aes;
    uint8_t block[QUIC_SAMPLE_BYTES];
    int err;

    mbedtls_aes_init(&aes);
    err = mbedtls_aes_setkey_enc(&aes, keys->header, KEY_BITS);
    if (err == 0)
        err = mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, sample, block);
    mbedtls_aes_free(&aes);
    if (err != 0)
        return -ENOMEM;
    memcpy(ret, block, QUIC_MASK_BYTES);
    return 0;
}

int quic_keys_open(const struct quic_keys *keys, uint64_t number, const uint8_t *header,
                   size_t header_size, const uint8_t *data, size_t size, uint8_t *to)
{
    mbedtls_gcm_context gcm;
    uint8_t nonce[QUIC_IV_BYTES];
    int err;

    if (size < QUIC_TAG_BYTES)
        return -EBADMSG;
    memcpy(nonce, keys->iv, sizeof(nonce));
    for (size_t i = 0; i < sizeof(number); i++) /* RFC 9001 sec. 5.3 */
        nonce[sizeof(nonce) - 1 - i] ^= (uint8_t)(number >> 8 * i);
    mbedtls_gcm_init(&gcm);
    err = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, keys->key, KEY_BITS) == 0 ? 0 : -ENOMEM;
    if (err == 0 && mbedtls_gcm_auth_decrypt(&gcm, size - QUIC_TAG_BYTES, nonce, sizeof(nonce),
                                             header, header_size, data + size - QUIC_TAG_BYTES,
                                             QUIC_TAG_BYTES, data, to) != 0)
        err = -EBADMSG;
    mbedtls_gcm_free(&gcm);
    return err;
}
