/* Whatever the bytes: a name that is reported can be written in a DNS question, and more bytes
 * never take back what fewer bytes said. */
#include "adblock/tls_hello.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_hello hello = {.name = ""}, part = {.name = ""};
    enum tls_hello_result whole = tls_hello_parse(data, size, &hello);
    if (whole == TLS_HELLO_NAME)
        assert(hello.name[0] != '\0' && !strpbrk(hello.name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ/: \n"));
    enum tls_hello_result half = tls_hello_parse(data, size / 2, &part);
    if (half != TLS_HELLO_MORE)
        assert(half == whole && strcmp(part.name, hello.name) == 0);
    return 0;
}
