/* received: the trace field that a server puts on top (RFC 5321 4.4).
 *
 * Whatever the facts hold, the field is well-formed: what a client said and the grammar does not
 * allow is shown in a form that cannot end a comment, a line or the field. */
#ifndef CANDOR_MAIL_RECEIVED_H
#define CANDOR_MAIL_RECEIVED_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"

struct received {
    slice helo;        /* HELO or EHLO argument as given */
    slice client_name; /* confirmed reverse name; empty: none */
    struct ip ip;      /* the client's address; IP_NONE: not by TCP */
    slice by;          /* our host name */
    bool is_lmtp;
    bool is_extended; /* EHLO or LHLO */
    bool is_tls;
    bool is_auth;
    bool is_utf8;      /* the transaction used SMTPUTF8 (RFC 6531 3.7.3) */
    slice tls_version; /* "TLSv1.3"; empty: no comment */
    slice tls_cipher;  /* "TLS_AES_256_GCM_SHA384" */
    unsigned tls_bits; /* 0: unknown */
    slice id;          /* queue id; an atom */
    slice recipient;   /* mailbox without brackets when there is exactly one, else empty */
    int64_t at;        /* seconds since 1970 UTC */
    int offset_minutes;
};

/* RFC 3848, RFC 6531 4.3: "ESMTPSA", "UTF8LMTP", … */
void received_with(struct buf *out, const struct received *r);
/* The whole field, folded at 78 where it can be, with CRLF at its end. */
void received_print(struct buf *out, const struct received *r);

#endif
