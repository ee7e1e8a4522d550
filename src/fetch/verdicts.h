/* verdicts: what an issuer said of a token a moment ago, so that it is not asked for every message
 * of a client that signs in for each. A token itself is not kept, only its SHA-256.
 *
 * Bounded: VERDICTS_MAX places in sets of VERDICTS_WAYS, chosen by the digest; when a set is full,
 * what ends first makes room. Time is a parameter. */
#ifndef CANDOR_SRC_FETCH_VERDICTS_H
#define CANDOR_SRC_FETCH_VERDICTS_H

#include "lib/auth/digest.h"

enum { VERDICTS_MAX = 4096, VERDICTS_WAYS = 4 };

struct verdict {
    unsigned char digest[DIGEST_MAX_BYTES];
    uint64_t ends_ms; /* 0: this place is free */
    uint8_t code;     /* enum sasl_answer_code */
    char *account;
    size_t account_n;
};

struct verdicts {
    struct verdict *v;
    uint64_t found, missed;
};

bool verdicts_init(struct verdicts *all) __attribute__((warn_unused_result));
void verdicts_release(struct verdicts *all);
/* NULL: not known, or no more. */
const struct verdict *verdicts_find(struct verdicts *all, const struct digest_value *digest,
                                    uint64_t now_ms);
/* Believed until ends_ms. For want of memory nothing is kept. */
void verdicts_keep(struct verdicts *all, const struct digest_value *digest, uint64_t now_ms,
                   uint64_t ends_ms, uint8_t code, slice account);

#endif
