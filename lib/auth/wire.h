/* wire: SASL messages as RFC 4954 4 writes them in SMTP. */
#ifndef CANDOR_AUTH_WIRE_H
#define CANDOR_AUTH_WIRE_H

#include "lib/base/buf.h"

/* RFC 4954 4: the most that a line of an exchange may have, in octets with CRLF. */
enum { AUTH_LINE_MAX_BYTES = 12288 };

enum auth_wire {
    AUTH_WIRE_OK = 0,
    AUTH_WIRE_CANCEL,   /* "*" */
    AUTH_WIRE_BAD,      /* no base64 */
    AUTH_WIRE_TOO_LONG, /* the line */
    AUTH_WIRE_NOMEM,
};

/* A line of the client without its line end, appended to out in one piece; secret_release(out). */
enum auth_wire auth_response_read(slice line, struct buf *out) __attribute__((warn_unused_result));
/* What stands behind the mechanism in AUTH: the same, but "=" is there and empty, and nothing and
 * "*" are no base64. */
enum auth_wire auth_initial_read(slice text, struct buf *out) __attribute__((warn_unused_result));

#endif
