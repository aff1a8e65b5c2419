#include "base/err.h"

#include <string.h>

const char *err_text(int err)
{
    switch (err) {
    case ERR_EOF: return "the peer closed the connection";
    case ERR_REFUSED_BY_PROXY: return "refused by the upstream";
    case ERR_AUTH: return "the upstream does not accept the user name or password";
    case ERR_PROTOCOL: return "the other end broke the protocol";
    case ERR_TLS: return "TLS handshake or certificate failed";
    case ERR_TARGET_REFUSED: return "the target refused the connection";
    case ERR_TARGET_UNREACHABLE: return "the target cannot be reached";
    case ERR_NAME: return "the name has no address";
    case ERR_BLOCKED: return "blocked by a filter rule";
    case ERR_NO_UPSTREAM: return "no upstream is available";
    case ERR_LIMIT: return "a limit was reached";
    case ERR_UNSUPPORTED: return "the upstream cannot do this";
    default: return strerror(err < 0 ? -err : err);
    }
}

int err_is_target(int err)
{
    return err == ERR_TARGET_REFUSED || err == ERR_TARGET_UNREACHABLE || err == ERR_NAME;
}
