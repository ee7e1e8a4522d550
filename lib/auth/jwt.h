/* jwt: a signed token (RFC 7519) in its compact form (RFC 7515 7.1), and whether a key fits its
 * signature. What stands in the JSON of its parts is its reader's business (src/fetch/jose.h); what
 * the claims must say is lib/auth/token.h's.
 *
 * 1. An algorithm is one of algorithms.def, and a key is used for those of its own kind only: a
 *    token cannot choose to be verified in a weaker way (RFC 8725 3.1, 3.2).
 * 2. Nothing of a token is believed before jwt_verify has said JWT_GOOD about it; until then its
 *    header and claims only say which key to try. */
#ifndef CANDOR_AUTH_JWT_H
#define CANDOR_AUTH_JWT_H

#include "lib/base/arena.h"

enum jwt_algorithm {
#define ALGORITHM(id, name, key, is_pss, curve_bytes, digest, source) JWT_##id,
#include "lib/auth/algorithms.def"
#undef ALGORITHM
    JWT_ALGORITHM_COUNT
};

/* By name, with case; JWT_ALGORITHM_COUNT when there is none. */
enum jwt_algorithm jwt_algorithm_find(slice name);

/* header, claims, signature are decoded and lie in the arena; text, what was signed, is a part of
 * the token. */
struct jwt {
    slice text;
    slice header, claims, signature;
};

/* Three parts of base64url, none of them empty but perhaps the signature: JWS compact
 * serialisation. False also for want of memory. */
bool jwt_read(struct arena *arena, slice token, struct jwt *ret)
    __attribute__((warn_unused_result));

enum jwk_kind { JWK_NONE = 0, JWK_RSA, JWK_P256, JWK_P384, JWK_ED25519 };

/* A public key (RFC 7517, RFC 7518 6), decoded: big-endian numbers. RSA has n and e; curves have x
 * and y, Ed25519 x alone. */
struct jwk {
    enum jwk_kind kind;
    enum jwt_algorithm algorithm; /* the only one it is for; JWT_ALGORITHM_COUNT: any of its kind */
    slice id;                     /* kid; may be empty */
    slice a;                      /* n or x */
    slice b;                      /* e or y */
};

enum { JWK_RSA_MIN_BYTES = 256, JWK_RSA_MAX_BYTES = 1024, JWK_EXPONENT_MAX_BYTES = 8 };

/* Are its numbers of a size that can be right, and strong enough (RFC 7518 3.3: 2048 bits)? */
bool jwk_is_sound(const struct jwk *key);
/* May this key verify what was signed in this way? */
bool jwk_fits(const struct jwk *key, enum jwt_algorithm algorithm);

enum jwt_verdict {
    JWT_BAD = 0, /* the signature is not this key's */
    JWT_GOOD,
    JWT_FAILED, /* libcrypto takes no such key, or has no memory */
};
/* The key fits the algorithm. libcrypto's list of errors is afterwards as it was. */
enum jwt_verdict jwt_verify(const struct jwt *token, enum jwt_algorithm algorithm,
                            const struct jwk *key) __attribute__((warn_unused_result));

#endif
