/* ClientHello -> server name. The message may be cut into records and the records into segments at
 * any byte; the first record that is complete in itself (nearly every hello) is read in place. */
#include "adblock/tls_hello.h"
#include "adblock/sniff.h"

#include "base/endpoint.h"

#include <stdbool.h>
#include <string.h>

enum {
    RECORD_HEADER = 5, /* RFC 8446 sec. 5.1: type, version, length */
    RECORD_MAX = 16384,
    RECORD_HANDSHAKE = 22,
    RANDOM_BYTES = 32,
    MESSAGE_HEADER = 4, /* sec. 4: type, length of three bytes */
    MESSAGE_CLIENT_HELLO = 1,
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_ECH = 0xfe0d,
    NAME_TYPE_HOST = 0,
};

/* Bytes of a vector, read from the front. `is_cut`: the vector goes on beyond what arrived, so
 * running out of bytes is no error. `failed` stays set. */
struct reader {
    const uint8_t *data;
    size_t size;
    bool is_cut, failed;
};

static uint32_t read_number(struct reader *reader, size_t bytes)
{
    uint32_t value = 0;
    if (reader->size < bytes) {
        reader->failed = true;
        reader->size = 0;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | reader->data[i];
    reader->data += bytes;
    reader->size -= bytes;
    return value;
}

static void skip(struct reader *reader, size_t size)
{
    reader->failed |= size > reader->size;
    size = size > reader->size ? reader->size : size;
    reader->data += size;
    reader->size -= size;
}

/* A vector with its length in front (sec. 3.4). Where the message is cut inside it, it is as long
 * as what arrived, and cut too. */
static struct reader read_vector(struct reader *reader, size_t length_bytes)
{
    size_t size = read_number(reader, length_bytes);
    struct reader vector = {reader->data, size, false, reader->failed};
    if (size > reader->size) {
        vector.size = reader->size;
        vector.is_cut = reader->is_cut;
        vector.failed = !reader->is_cut;
        reader->failed = true;
    }
    reader->data += vector.size;
    reader->size -= vector.size;
    return vector;
}

/* Letters, digits, hyphen, underscore, dot; labels of 1 to 63 bytes. One final dot is dropped: it
 * should not be there (RFC 6066 sec. 3) but must not hide the name. */
static bool copy_name(const struct reader *name, char *ret)
{
    char text[NAME_MAX_BYTES + 1];
    size_t label = 0, size = name->size;
    if (size > 0 && name->data[size - 1] == '.')
        size--;
    if (size == 0 || size > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = name->data[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        label = is_plain ? label + 1 : 0;
        if ((!is_plain && c != '.') || label > 63 || (c == '.' && (i == 0 || text[i - 1] == '.')))
            return false;
        text[i] = (char)c;
    }
    memcpy(ret, text, size);
    ret[size] = '\0';
    return true;
}

static void read_server_name(struct reader *extension, struct tls_hello *hello)
{
    struct reader list = read_vector(extension, 2);
    while (list.size > 0) {
        uint32_t type = read_number(&list, 1);
        struct reader name = read_vector(&list, 2);
        if (list.failed)
            break;
        if (type == NAME_TYPE_HOST && hello->name[0] == '\0')
            copy_name(&name, hello->name);
    }
    extension->failed |= list.failed || extension->size > 0;
}

/* False when the extensions are malformed. */
static bool read_extensions(struct reader *extensions, struct tls_hello *hello)
{
    bool has_name = false;
    while (extensions->size > 0) {
        uint32_t type = read_number(extensions, 2);
        struct reader extension = read_vector(extensions, 2);
        if (extensions->failed)
            return extensions->is_cut;
        if (type == EXTENSION_ECH)
            hello->has_ech = 1;
        if (type != EXTENSION_SERVER_NAME)
            continue;
        if (has_name)
            return false; /* sec. 4.2: at most one of a type */
        has_name = true;
        read_server_name(&extension, hello);
        if (extension.failed)
            return false;
    }
    return true;
}

/* RFC 8446 sec. 4.1.2, from legacy_version on. False when malformed. */
static bool read_client_hello(struct reader *message, struct tls_hello *hello)
{
    uint32_t version = read_number(message, 2);
    skip(message, RANDOM_BYTES);
    struct reader session = read_vector(message, 1);
    struct reader ciphers = read_vector(message, 2);
    struct reader compression = read_vector(message, 1);
    if (message->failed)
        return message->is_cut;
    if (version >> 8 != 3 || session.size > 32 || ciphers.size < 2 || ciphers.size % 2 != 0 ||
        compression.size == 0)
        return false;
    if (message->size == 0)
        return true; /* TLS 1.2 without extensions */
    struct reader extensions = read_vector(message, 2);
    return !extensions.failed && read_extensions(&extensions, hello) && message->size == 0;
}

/* Length of the record at `data`; 0 when its header has not arrived, -1 when it is none of a
 * handshake. */
static int record_size(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] != RECORD_HANDSHAKE)
        return -1;
    if (size > 1 && data[1] != 3)
        return -1;
    if (size < RECORD_HEADER)
        return 0;
    int length = data[3] << 8 | data[4];
    return length > 0 && length <= RECORD_MAX ? length : -1;
}

/* Header included. */
static size_t message_size(const uint8_t *message)
{
    return (size_t)(message[1] << 16 | message[2] << 8 | message[3]) + MESSAGE_HEADER;
}

/* Join what has arrived of the message from its records' contents; records behind it are not looked
 * at. False when a record inside it is none of a handshake. */
static bool join_records(const uint8_t *data, size_t size, uint8_t to[SNIFF_MAX_BYTES],
                         size_t *ret_size)
{
    size_t joined = 0, needed = SNIFF_MAX_BYTES;
    while (size > 0 && joined < needed) {
        int length = record_size(data, size);
        if (length < 0)
            return false;
        if (length == 0)
            break;
        size_t here = size - RECORD_HEADER;
        if (here > (size_t)length)
            here = (size_t)length;
        memcpy(to + joined, data + RECORD_HEADER, here); /* data is no larger than `to` */
        joined += here;
        if (joined >= MESSAGE_HEADER)
            needed = message_size(to);
        data += RECORD_HEADER + here;
        size -= RECORD_HEADER + here;
    }
    *ret_size = joined;
    return true;
}

/* `data` is the handshake message as far as it arrived. */
static enum tls_hello_result read_message(const uint8_t *data, size_t size, bool is_all,
                                          struct tls_hello *ret)
{
    struct tls_hello hello = {.name = ""};
    struct reader stream = {data, size, true, false};
    if (size > 0 && data[0] != MESSAGE_CLIENT_HELLO)
        return TLS_HELLO_NOT_TLS;
    if (size < MESSAGE_HEADER)
        return is_all ? TLS_HELLO_NOT_TLS : TLS_HELLO_MORE;
    read_number(&stream, 1);
    struct reader message = read_vector(&stream, 3);
    bool is_cut = message.is_cut;
    if (is_cut && !is_all)
        return TLS_HELLO_MORE;
    if (!read_client_hello(&message, &hello))
        return TLS_HELLO_NOT_TLS;
    *ret = hello;
    return hello.name[0] ? TLS_HELLO_NAME : TLS_HELLO_NO_NAME;
}

enum tls_hello_result tls_hello_parse(const uint8_t *data, size_t size, struct tls_hello *ret)
{
    uint8_t joined[SNIFF_MAX_BYTES];
    size_t joined_size;
    bool is_all = size >= SNIFF_MAX_BYTES; /* no more will be looked at: read what there is */
    if (is_all)
        size = SNIFF_MAX_BYTES;
    int length = record_size(data, size);
    if (length < 0)
        return TLS_HELLO_NOT_TLS;
    if (length == 0)
        return TLS_HELLO_MORE;
    if ((size_t)length <= size - RECORD_HEADER && length >= MESSAGE_HEADER) {
        const uint8_t *message = data + RECORD_HEADER;
        if (message_size(message) <= (size_t)length)
            return read_message(message, message_size(message), is_all, ret);
    }
    if (!join_records(data, size, joined, &joined_size))
        return TLS_HELLO_NOT_TLS;
    return read_message(joined, joined_size, is_all, ret);
}
