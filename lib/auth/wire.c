#include "lib/auth/wire.h"

#include "lib/base/base64.h"

static enum auth_wire read_base64(slice text, struct buf *out)
{
    if (text.n > AUTH_LINE_MAX_BYTES - 2)
        return AUTH_WIRE_TOO_LONG;
    if (text.n == 0)
        return AUTH_WIRE_OK;
    switch (base64_decode(out, text)) {
    case BASE64_OK:
        return AUTH_WIRE_OK;
    case BASE64_BAD:
        return AUTH_WIRE_BAD;
    case BASE64_NO_ROOM:
        break;
    }
    return AUTH_WIRE_NOMEM;
}

enum auth_wire auth_response_read(slice line, struct buf *out)
{
    return slice_is(line, "*") ? AUTH_WIRE_CANCEL : read_base64(line, out);
}

enum auth_wire auth_initial_read(slice text, struct buf *out)
{
    if (slice_is(text, "="))
        return AUTH_WIRE_OK;
    return text.n == 0 ? AUTH_WIRE_BAD : read_base64(text, out);
}
