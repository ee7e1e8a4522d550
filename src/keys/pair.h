/* pair: a private key with its certificate and the chain behind it, as read from two PEM files. */
#ifndef CANDOR_SRC_KEYS_PAIR_H
#define CANDOR_SRC_KEYS_PAIR_H

#include <openssl/evp.h>

#include "lib/base/buf.h"

enum { PAIR_KEY_ID_BYTES = 32, PAIR_NAMES_MAX = 16384, PAIR_CHAIN_MAX = 65536 };

struct pair {
    EVP_PKEY *key;                  /* NULL: none */
    char key_id[PAIR_KEY_ID_BYTES]; /* SHA-256 of the SubjectPublicKeyInfo */
    struct buf names;               /* host names, lower case, separated by blanks */
    struct buf chain;               /* DER, the leaf first */
    int64_t not_before, not_after;  /* seconds since 1970 */
};

enum pair_err {
    PAIR_OK = 0,
    PAIR_NO_CERTIFICATE, /* none in the file, or it cannot be read */
    PAIR_NO_KEY,         /* none in the file, or it cannot be read */
    PAIR_KEY_ENCRYPTED,  /* it wants a passphrase, and nobody is there to type it */
    PAIR_KEY_UNSUITABLE, /* neither RSA of at least 2048 bits, P-256, P-384, P-521 nor Ed25519 */
    PAIR_MISMATCH,       /* the key is not the certificate's */
    PAIR_CHAIN_TOO_LONG, /* above PAIR_CHAIN_MAX */
    PAIR_NO_MEMORY,
};
/* A sentence without its full stop. */
const char *pair_err_text(enum pair_err err);

/* On PAIR_OK *ret is the caller's to pair_release; else untouched. The certificate may have
 * expired: that is the caller's to see. */
enum pair_err pair_load(slice certificate_pem, slice key_pem, struct pair *ret)
    __attribute__((warn_unused_result));
/* All zero afterwards, and allowed then. */
void pair_release(struct pair *p);
/* "RSA 2048", "P-256", "Ed25519" */
void pair_kind(struct buf *out, const struct pair *p);

#endif
