/* Endpoints: what is taken can be formatted, and means the same when it is parsed again. */
#include "base/endpoint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_endpoint(const struct endpoint *endpoint)
{
    struct endpoint again;
    char text[ENDPOINT_TEXT_MAX];
    require(endpoint_is_name(endpoint) == (endpoint->address.family == 0));
    require(memchr(endpoint->name, '\0', sizeof(endpoint->name)) != NULL);
    endpoint_format(endpoint, text);
    require(endpoint_parse(text, 0, &again) == 0);
    require(endpoint_is_equal(endpoint, &again));
}

static void check_address(const struct address *address)
{
    struct address again;
    char text[ADDRESS_TEXT_MAX];
    address_format(address, text);
    require(address_parse(text, &again) == 0);
    require(address_is_equal(address, &again));
    require(address_hash(address, 1) == address_hash(&again, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct endpoint endpoint;
    struct address address;
    char text[512];
    if (endpoint_from_host((const char *)data, size, 80, &endpoint) == 0)
        check_endpoint(&endpoint);
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (endpoint_parse(text, 443, &endpoint) == 0)
        check_endpoint(&endpoint);
    if (address_parse(text, &address) == 0)
        check_address(&address);
    return 0;
}
