#include "lib/auth/jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "lib/base/base64.h"

enum { POINT_MAX_BYTES = 1 + 2 * 48, DER_MAX_BYTES = 2 * (2 + 1 + 48) + 3 };

static const struct algorithm_row {
    const char *name;
    enum jwk_kind kind;
    size_t curve_bytes;
    const char *digest;
    bool is_pss;
} algorithms[] = {
#define ALGORITHM(id, name, key, is_pss, curve_bytes, digest, source)                              \
    [JWT_##id] = {name, JWK_##key, (curve_bytes), digest, (is_pss)},
#include "lib/auth/algorithms.def"
#undef ALGORITHM
};

enum jwt_algorithm jwt_algorithm_find(slice name)
{
    size_t i = 0;
    while (i < JWT_ALGORITHM_COUNT && !slice_is(name, algorithms[i].name))
        i++;
    return (enum jwt_algorithm)i;
}

static bool decode_part(struct arena *arena, slice part, slice *ret)
{
    struct buf decoded;
    buf_init(&decoded, part.n);
    bool ok = base64url_decode(&decoded, part) == BASE64_OK &&
              arena_copy(arena, buf_slice(&decoded), ret);
    buf_release(&decoded);
    return ok;
}

bool jwt_read(struct arena *arena, slice token, struct jwt *ret)
{
    struct jwt jwt;
    size_t first = slice_find(token, '.'), last = slice_rfind(token, '.');
    if (first == token.n || last == first)
        return false;
    slice header = slice_head(token, first);
    slice claims = slice_of(token.p + first + 1, last - first - 1);
    slice signature = slice_tail(token, last + 1);
    /* A dot between is no letter of base64url: five parts are refused with it. */
    if (header.n == 0 || claims.n == 0 || !decode_part(arena, header, &jwt.header) ||
        !decode_part(arena, claims, &jwt.claims) || !decode_part(arena, signature, &jwt.signature))
        return false;
    jwt.text = slice_head(token, last);
    *ret = jwt;
    return true;
}

/* ---- keys ---- */

static size_t curve_bytes(enum jwk_kind kind)
{
    for (size_t i = 0; i < JWT_ALGORITHM_COUNT; i++)
        if (algorithms[i].kind == kind)
            return algorithms[i].curve_bytes;
    return 0;
}

bool jwk_is_sound(const struct jwk *key)
{
    switch (key->kind) {
    case JWK_NONE:
        break;
    case JWK_RSA:
        return key->a.n >= JWK_RSA_MIN_BYTES && key->a.n <= JWK_RSA_MAX_BYTES && key->a.p[0] != 0 &&
               (key->a.n > JWK_RSA_MIN_BYTES || (key->a.p[0] & 0x80) != 0) && key->b.n > 0 &&
               key->b.n <= JWK_EXPONENT_MAX_BYTES && (key->b.p[key->b.n - 1] & 1) != 0 &&
               (key->b.n > 1 || key->b.p[0] != 1);
    case JWK_P256:
    case JWK_P384:
        return key->a.n == curve_bytes(key->kind) && key->b.n == key->a.n;
    case JWK_ED25519:
        return key->a.n == curve_bytes(key->kind) && key->b.n == 0;
    }
    return false;
}

bool jwk_fits(const struct jwk *key, enum jwt_algorithm algorithm)
{
    return algorithm < JWT_ALGORITHM_COUNT && key->kind == algorithms[algorithm].kind &&
           (key->algorithm == JWT_ALGORITHM_COUNT || key->algorithm == algorithm);
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = params == NULL ? NULL : EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context != NULL && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(const struct jwk *key)
{
    EVP_PKEY *made = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn((const unsigned char *)key->a.p, (int)key->a.n, NULL);
    BIGNUM *e = BN_bin2bn((const unsigned char *)key->b.p, (int)key->b.n, NULL);
    if (build != NULL && n != NULL && e != NULL &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        made = key_from("RSA", build);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(build);
    return made;
}

/* libcrypto refuses a point that is not on the curve. */
static EVP_PKEY *curve_key(const struct jwk *key)
{
    EVP_PKEY *made = NULL;
    unsigned char point[POINT_MAX_BYTES] = {4}; /* SEC 1 2.3.3: uncompressed */
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    memcpy(point + 1, key->a.p, key->a.n);
    memcpy(point + 1 + key->a.n, key->b.p, key->b.n);
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                        key->kind == JWK_P256 ? "P-256" : "P-384", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + key->a.n + key->b.n) == 1)
        made = key_from("EC", build);
    OSSL_PARAM_BLD_free(build);
    return made;
}

static EVP_PKEY *key_of(const struct jwk *key)
{
    if (!jwk_is_sound(key))
        return NULL;
    switch (key->kind) {
    case JWK_NONE:
        break;
    case JWK_RSA:
        return rsa_key(key);
    case JWK_P256:
    case JWK_P384:
        return curve_key(key);
    case JWK_ED25519:
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)key->a.p,
                                           key->a.n);
    }
    return NULL;
}

/* ---- signatures ---- */

/* X.690 8.3: shortest form, and a zero before a number that would look negative. */
static size_t put_integer(unsigned char *to, slice number)
{
    while (number.n > 1 && number.p[0] == 0)
        number = slice_tail(number, 1);
    size_t pad = ((unsigned char)number.p[0] & 0x80) != 0 ? 1 : 0;
    to[0] = 2;
    to[1] = (unsigned char)(number.n + pad);
    to[2] = 0;
    memcpy(to + 2 + pad, number.p, number.n);
    return 2 + pad + number.n;
}

/* RFC 7518 3.4 has the two numbers side by side, libcrypto wants them in DER. 0: not such a
 * signature. */
static size_t curve_signature(slice raw, size_t bytes, unsigned char *der)
{
    if (raw.n != 2 * bytes)
        return 0;
    size_t n = put_integer(der + 2, slice_head(raw, bytes));
    n += put_integer(der + 2 + n, slice_tail(raw, bytes));
    der[0] = 0x30;
    der[1] = (unsigned char)n; /* at most 102: one byte of length */
    return n + 2;
}

static bool set_padding(EVP_PKEY_CTX *context, const struct algorithm_row *row)
{
    if (row->kind != JWK_RSA)
        return true;
    if (!row->is_pss)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static enum jwt_verdict verify(const struct jwt *token, const struct algorithm_row *row,
                               EVP_PKEY *key)
{
    unsigned char der[DER_MAX_BYTES];
    slice signature = token->signature;
    enum jwt_verdict verdict = JWT_FAILED;
    EVP_PKEY_CTX *settings = NULL; /* the digest's own */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (row->kind == JWK_P256 || row->kind == JWK_P384)
        signature = slice_of(der, curve_signature(token->signature, row->curve_bytes, der));
    if (context != NULL &&
        EVP_DigestVerifyInit_ex(context, &settings, row->digest, NULL, NULL, key, NULL) == 1 &&
        set_padding(settings, row))
        verdict = signature.n > 0 &&
                          EVP_DigestVerify(context, (const unsigned char *)signature.p, signature.n,
                                           (const unsigned char *)token->text.p, token->text.n) == 1
                      ? JWT_GOOD
                      : JWT_BAD;
    EVP_MD_CTX_free(context);
    return verdict;
}

enum jwt_verdict jwt_verify(const struct jwt *token, enum jwt_algorithm algorithm,
                            const struct jwk *key)
{
    if (!jwk_fits(key, algorithm))
        return JWT_FAILED;
    ERR_set_mark();
    EVP_PKEY *made = key_of(key);
    enum jwt_verdict verdict =
        made == NULL ? JWT_FAILED : verify(token, &algorithms[algorithm], made);
    EVP_PKEY_free(made);
    ERR_pop_to_mark();
    return verdict;
}
