/* digest: the hash functions that SASL names, from libcrypto. False from any of these means that
 * libcrypto had no memory or has no such hash: a local error, never the client's. */
#ifndef CANDOR_AUTH_DIGEST_H
#define CANDOR_AUTH_DIGEST_H

#include "lib/base/slice.h"

enum digest { DIGEST_SHA1, DIGEST_SHA256 };
enum { DIGEST_MAX_BYTES = 32 };

struct digest_value {
    unsigned char bytes[DIGEST_MAX_BYTES];
    size_t n;
};

static inline slice digest_slice(const struct digest_value *v)
{
    return slice_of(v->bytes, v->n);
}

/* 20 or 32. */
size_t digest_bytes(enum digest d);
bool digest_hash(enum digest d, slice in, struct digest_value *ret)
    __attribute__((warn_unused_result));
bool digest_hmac(enum digest d, slice key, slice in, struct digest_value *ret)
    __attribute__((warn_unused_result));
/* RFC 8018 5.2 with HMAC; slow by intent. iterations: 1 to INT_MAX. */
bool digest_pbkdf2(enum digest d, slice password, slice salt, uint32_t iterations,
                   struct digest_value *ret) __attribute__((warn_unused_result));

#endif
