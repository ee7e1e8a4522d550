#include "src/keys/sign.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

enum kind { KIND_RSA_PKCS1, KIND_RSA_PSS, KIND_ECDSA, KIND_ED25519 };

static const struct scheme {
    uint32_t number;
    enum kind kind;
    const char *key;
    const char *digest; /* NULL: it has its own */
    bool is_tls13;      /* else for TLS 1.2 alone */
} schemes[] = {
    {0x0401, KIND_RSA_PKCS1, "RSA", "SHA256", false},
    {0x0501, KIND_RSA_PKCS1, "RSA", "SHA384", false},
    {0x0601, KIND_RSA_PKCS1, "RSA", "SHA512", false},
    {0x0403, KIND_ECDSA, "EC", "SHA256", true},
    {0x0503, KIND_ECDSA, "EC", "SHA384", true},
    {0x0603, KIND_ECDSA, "EC", "SHA512", true},
    {0x0804, KIND_RSA_PSS, "RSA", "SHA256", true},
    {0x0805, KIND_RSA_PSS, "RSA", "SHA384", true},
    {0x0806, KIND_RSA_PSS, "RSA", "SHA512", true},
    {0x0807, KIND_ED25519, "ED25519", NULL, true},
};

bool sign_is_tls13_text(slice text)
{
    static const slice label = {"TLS 1.3, server CertificateVerify", 34}; /* the NUL included */
    enum { SPACES = 64 };
    size_t hash = text.n - SPACES - label.n;
    if (text.n < SPACES + label.n || (hash != 32 && hash != 48))
        return false;
    for (size_t i = 0; i < SPACES; i++) {
        if (text.p[i] != ' ')
            return false;
    }
    return slice_eq(slice_head(slice_tail(text, SPACES), label.n), label);
}

/* client_random[32], server_random[32], curve_type named_curve(3), NamedCurve, length, point. */
bool sign_is_tls12_text(slice text)
{
    enum { HEAD = 64 + 4 };
    static const struct {
        unsigned curve;
        size_t point;
    } curves[] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56}};
    if (text.n < HEAD || text.p[64] != 3)
        return false;
    unsigned curve = (unsigned)(unsigned char)text.p[65] << 8 | (unsigned char)text.p[66];
    size_t point = (unsigned char)text.p[67];
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (curves[i].curve == curve)
            return curves[i].point == point && text.n == HEAD + point;
    }
    return false;
}

static const struct scheme *find_scheme(uint32_t number)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (schemes[i].number == number)
            return &schemes[i];
    }
    return NULL;
}

enum sign_result sign_tls(EVP_PKEY *key, uint32_t scheme, slice text, char *ret, size_t *ret_n)
{
    const struct scheme *s = find_scheme(scheme);
    if (s == NULL || !EVP_PKEY_is_a(key, s->key) ||
        !(sign_is_tls12_text(text) || (s->is_tls13 && sign_is_tls13_text(text))))
        return SIGN_REFUSED;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pk = NULL;
    size_t n = SIGNATURE_MAX_BYTES;
    bool ok = md != NULL && EVP_DigestSignInit_ex(md, &pk, s->digest, NULL, NULL, key, NULL) == 1;
    if (ok && s->kind == KIND_RSA_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok &&
         EVP_DigestSign(md, (unsigned char *)ret, &n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    if (!ok)
        return SIGN_FAILED;
    *ret_n = n;
    return SIGN_DONE;
}
