/* certificate: a first certificate for a server that has none, and a look at one that is given. */
#ifndef CANDOR_CLI_CERTIFICATE_H
#define CANDOR_CLI_CERTIFICATE_H

#include "lib/base/buf.h"

enum certificate_err {
    CERTIFICATE_OK = 0,
    CERTIFICATE_UNREADABLE, /* no PEM certificate in it */
    CERTIFICATE_NO_KEY,     /* no PEM private key in it, or it has a pass phrase */
    CERTIFICATE_MISMATCH,   /* the key is another certificate's */
    CERTIFICATE_OTHER_HOST, /* good, but host is not among its names */
    CERTIFICATE_EXPIRED,    /* good once */
    CERTIFICATE_FAILED,     /* libcrypto refuses: no memory */
};

/* A self-signed one (ECDSA P-256, ten years) for host, with is_local also for localhost, as PEM. */
enum certificate_err certificate_make(slice host, bool is_local, struct buf *certificate,
                                      struct buf *key) __attribute__((warn_unused_result));
/* PEM texts of a certificate (the first in its file counts) and its key. */
enum certificate_err certificate_check(slice certificate, slice key, slice host)
    __attribute__((warn_unused_result));

/* The same with the files read: CERTIFICATE_OK also where this user may not read them. */
enum certificate_err certificate_check_files(const char *certificate, const char *key, slice host)
    __attribute__((warn_unused_result));
/* What is wrong, as the end of a sentence: "has expired". */
const char *certificate_err_text(enum certificate_err err);
/* Does OpenSSL understand it? */
bool certificate_is_cipher_list(const char *ciphers);

#endif
