/* token: what an OAuth token says of itself, once it is known that its issuer said it, and whether
 * that is enough to sign in here (RFC 9068 4, RFC 7662 2.2, RFC 8725 3). */
#ifndef CANDOR_AUTH_TOKEN_H
#define CANDOR_AUTH_TOKEN_H

#include "lib/base/slice.h"

enum { TOKEN_AUDIENCES_MAX = 16, TOKEN_SCOPES_MAX = 64, TOKEN_LEEWAY_S = 60 };

/* Times in seconds since 1970. */
struct token_claims {
    slice issuer; /* empty: none */
    slice audience[TOKEN_AUDIENCES_MAX];
    size_t audiences;
    slice scope[TOKEN_SCOPES_MAX]; /* each one word, or words with blanks between */
    size_t scopes;
    bool has_end, has_begin, has_made;
    int64_t ends_at, begins_at, made_at; /* exp, nbf, iat */
    slice account;                       /* the claim that the configuration names; empty: none */
    bool is_unverified; /* that claim is an email of which the issuer knows better */
};

struct token_policy {
    slice issuer;
    slice audience; /* empty: any */
    slice scope;    /* words with blanks between, all of them needed; empty: none */
    bool is_signed; /* a JWT: it must say who made it, for whom, and until when */
    int64_t now;    /* whose clock differs from ours by TOKEN_LEEWAY_S is still right */
};

enum token_verdict {
    TOKEN_GOOD,
    TOKEN_OF_ANOTHER_ISSUER,
    TOKEN_FOR_ANOTHER, /* aud */
    TOKEN_HAS_EXPIRED,
    TOKEN_NOT_YET, /* nbf, or iat in the future */
    TOKEN_WITHOUT_END,
    TOKEN_TOO_NARROW, /* scope */
    TOKEN_OF_NOBODY,  /* no account in it */
};
/* A word for the log. */
const char *token_verdict_word(enum token_verdict v);

enum token_verdict token_judge(const struct token_claims *claims,
                               const struct token_policy *policy);

#endif
