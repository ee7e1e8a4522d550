/* jose: the JSON that issuers and tokens consist of, read with jansson: headers, claims, key sets,
 * answers to introspection. All of it is somebody else's text: doubled names, other types than the
 * RFCs have and numbers out of range are refused, and what is kept is copied into the caller's
 * arena. What claims mean is lib/auth/token.h's. */
#ifndef CANDOR_SRC_FETCH_JOSE_H
#define CANDOR_SRC_FETCH_JOSE_H

#include "lib/auth/jwt.h"
#include "lib/auth/token.h"

enum { JOSE_KEYS_MAX = 64 };

struct jose_header {
    enum jwt_algorithm algorithm; /* JWT_ALGORITHM_COUNT: none that we verify */
    slice key_id;                 /* kid; empty: none */
    bool is_strange; /* asks for what we do not know (crit), or is another kind of token */
};

/* Before the sandbox: jansson's hash tables get a seed. */
void jose_init(void);

/* RFC 7515 4, RFC 7519 5. False: no such object. */
bool jose_header_read(struct arena *arena, slice json, struct jose_header *ret)
    __attribute__((warn_unused_result));
/* RFC 7519 4, RFC 9068 2.2. account_claim: which member names the account. False: no object, or a
 * claim that is not of its type. */
bool jose_claims_read(struct arena *arena, slice json, slice account_claim,
                      struct token_claims *ret) __attribute__((warn_unused_result));
/* iss alone, unverified: whom to ask. Empty: none. */
slice jose_issuer(struct arena *arena, slice json);

struct jose_keys {
    struct jwk v[JOSE_KEYS_MAX];
    size_t n;
};
/* RFC 7517 5: keys that we do not understand, that are for something else or too weak are left out.
 * False: no key set. */
bool jose_keys_read(struct arena *arena, slice json, struct jose_keys *ret)
    __attribute__((warn_unused_result));

/* RFC 7662 2.2: the claims, and whether the token is active. False: no such answer. */
bool jose_introspection_read(struct arena *arena, slice json, slice account_claim, bool *ret_active,
                             struct token_claims *ret) __attribute__((warn_unused_result));

#endif
