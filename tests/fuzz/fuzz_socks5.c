/* All of the SOCKS5 parsers: the first byte says which, the rest is the message. What they accept
 * lies within the bytes, and comes out the same from its own builder. */
#include "proxy/socks5.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_login(const uint8_t *data, size_t size)
{
    struct socks5_login login;
    uint8_t again[SOCKS5_MESSAGE_MAX];
    ssize_t used = socks5_parse_login(data, size, &login);
    if (used <= 0)
        return;
    assert((size_t)used <= size);
    assert(socks5_build_login(again, login.user, login.password) == used);
    assert(memcmp(again, data, (size_t)used) == 0);
}

static void check_endpoint(const struct endpoint *endpoint)
{
    uint8_t again[SOCKS5_MESSAGE_MAX];
    struct socks5_request request;
    size_t size = socks5_build_request(again, SOCKS5_CONNECT, endpoint);
    assert(socks5_parse_request(again, size, &request) == (ssize_t)size);
    assert(endpoint_is_equal(&request.target, endpoint));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct socks5_request request;
    struct endpoint peer;
    struct address bound;
    uint8_t byte;
    bool is_one, is_other;
    ssize_t used = 0;
    if (size == 0)
        return 0;
    uint8_t which = *data++;
    size--;
    switch (which % 7) {
    case 0: used = socks5_parse_greeting(data, size, &is_one, &is_other); break;
    case 1: used = socks5_parse_choice(data, size, &byte); break;
    case 2: check_login(data, size); break;
    case 3: used = socks5_parse_login_reply(data, size, &is_one); break;
    case 4:
        used = socks5_parse_request(data, size, &request);
        if (used > 0)
            check_endpoint(&request.target);
        break;
    case 5: used = socks5_parse_reply(data, size, &byte, &bound); break;
    case 6:
        used = socks5_parse_udp_header(data, size, &byte, &peer);
        if (used > 0)
            check_endpoint(&peer);
        break;
    }
    assert(used <= (ssize_t)size);
    return 0;
}
