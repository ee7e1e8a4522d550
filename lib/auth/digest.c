#include "lib/auth/digest.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *function_of(enum digest d)
{
    return d == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
}

/* libcrypto takes no NULL, not even for nothing. */
static const unsigned char *bytes_of(slice s)
{
    return (const unsigned char *)(s.p != NULL ? s.p : "");
}

size_t digest_bytes(enum digest d)
{
    return d == DIGEST_SHA1 ? 20 : 32;
}

bool digest_hash(enum digest d, slice in, struct digest_value *ret)
{
    unsigned n = 0;
    if (EVP_Digest(bytes_of(in), in.n, ret->bytes, &n, function_of(d), NULL) != 1)
        return false;
    ret->n = n;
    return true;
}

bool digest_hmac(enum digest d, slice key, slice in, struct digest_value *ret)
{
    unsigned n = 0;
    assert(key.n <= INT_MAX);
    if (HMAC(function_of(d), bytes_of(key), (int)key.n, bytes_of(in), in.n, ret->bytes, &n) == NULL)
        return false;
    ret->n = n;
    return true;
}

bool digest_pbkdf2(enum digest d, slice password, slice salt, uint32_t iterations,
                   struct digest_value *ret)
{
    assert(iterations > 0 && iterations <= INT_MAX && password.n <= INT_MAX && salt.n <= INT_MAX);
    size_t n = digest_bytes(d);
    if (PKCS5_PBKDF2_HMAC((const char *)bytes_of(password), (int)password.n, bytes_of(salt),
                          (int)salt.n, (int)iterations, function_of(d), (int)n, ret->bytes) != 1)
        return false;
    ret->n = n;
    return true;
}
