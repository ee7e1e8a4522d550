/* gs2: what stands before the first message of SCRAM and OAUTHBEARER (RFC 5801 4). */
#ifndef CANDOR_AUTH_GS2_H
#define CANDOR_AUTH_GS2_H

#include "lib/base/arena.h"

enum gs2_binding {
    GS2_CANNOT_BIND, /* n: the client cannot */
    GS2_NOT_OFFERED, /* y: it can, but believes that the server does not offer it */
    GS2_BINDS,       /* p=name */
};

struct gs2_header {
    enum gs2_binding binding;
    slice binding_name; /* of GS2_BINDS */
    slice identity;     /* a=, still encoded; empty when there is none */
    slice text;         /* all of it, with both commas */
};

/* False: malformed; *in and *ret are as before. */
bool take_gs2_header(slice *in, struct gs2_header *ret) __attribute__((warn_unused_result));

enum gs2_name_err { GS2_NAME_OK = 0, GS2_NAME_BAD, GS2_NAME_NOMEM };

/* saslname (RFC 5801 4): "=2C" is a comma and "=3D" an equals sign, and both are so written. */
enum gs2_name_err gs2_name_decode(struct arena *a, slice encoded, slice *ret)
    __attribute__((warn_unused_result));

#endif
