#include "lib/base/test.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "src/keys/sign.h"

static char text[1024];

static slice tls13_text(size_t hash)
{
    memset(text, ' ', 64);
    memcpy(text + 64, "TLS 1.3, server CertificateVerify", 34);
    memset(text + 98, 0xab, hash);
    return slice_of(text, 98 + hash);
}

static slice tls12_text(unsigned curve, size_t point)
{
    memset(text, 0x5c, sizeof text);
    text[64] = 3;
    text[65] = (char)(curve >> 8);
    text[66] = (char)curve;
    text[67] = (char)point;
    return slice_of(text, 68 + point);
}

static void only_what_tls_signs(void **state)
{
    (void)state;
    assert_true(sign_is_tls13_text(tls13_text(32)));
    assert_true(sign_is_tls13_text(tls13_text(48)));
    assert_false(sign_is_tls13_text(tls13_text(31)));
    assert_false(sign_is_tls13_text(tls13_text(64)));
    assert_false(sign_is_tls13_text(tls13_text(0)));
    assert_false(sign_is_tls13_text((slice){0}));
    assert_false(sign_is_tls13_text(slice_head(tls13_text(48), 97)));
    for (size_t i = 0; i < 98; i++) {
        slice t = tls13_text(32);
        text[i] ^= 1;
        assert_false(sign_is_tls13_text(t));
    }
    assert_true(sign_is_tls12_text(tls12_text(23, 65)));
    assert_true(sign_is_tls12_text(tls12_text(24, 97)));
    assert_true(sign_is_tls12_text(tls12_text(29, 32)));
    assert_false(sign_is_tls12_text(tls12_text(29, 33)));
    assert_false(sign_is_tls12_text(tls12_text(22, 65)));
    assert_false(sign_is_tls12_text(slice_head(tls12_text(23, 65), 132)));
    assert_false(sign_is_tls12_text(slice_head(tls12_text(23, 65), 67)));
    slice t = tls12_text(23, 65);
    text[64] = 1; /* an explicit curve */
    assert_false(sign_is_tls12_text(t));
    assert_false(sign_is_tls12_text((slice){0}));
}

static bool verifies(EVP_PKEY *key, const char *digest, bool pss, slice t, const char *sig,
                     size_t n)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pk;
    assert_int_equal(EVP_DigestVerifyInit_ex(md, &pk, digest, NULL, NULL, key, NULL), 1);
    if (pss) {
        EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST);
    }
    int r = EVP_DigestVerify(md, (const unsigned char *)sig, n, (const unsigned char *)t.p, t.n);
    EVP_MD_CTX_free(md);
    return r == 1;
}

static void signs_by_scheme_and_key(void **state)
{
    (void)state;
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256"), *ec384 = EVP_EC_gen("P-384"),
             *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    const struct {
        EVP_PKEY *key;
        uint32_t scheme;
        bool is_tls13;
        enum sign_result want;
        const char *digest;
        bool pss;
    } rows[] = {
        {rsa, 0x0401, false, SIGN_DONE, "SHA256", false},
        {rsa, 0x0401, true, SIGN_REFUSED, NULL, false}, /* RFC 8446 4.2.3: not in 1.3 */
        {rsa, 0x0501, false, SIGN_DONE, "SHA384", false},
        {rsa, 0x0601, false, SIGN_DONE, "SHA512", false},
        {rsa, 0x0804, true, SIGN_DONE, "SHA256", true},
        {rsa, 0x0805, false, SIGN_DONE, "SHA384", true},
        {rsa, 0x0806, true, SIGN_DONE, "SHA512", true},
        {rsa, 0x0403, true, SIGN_REFUSED, NULL, false},
        {rsa, 0x0201, false, SIGN_REFUSED, NULL, false}, /* SHA-1 */
        {rsa, 0, false, SIGN_REFUSED, NULL, false},
        {rsa, 0x10804, true, SIGN_REFUSED, NULL, false},
        {ec, 0x0403, true, SIGN_DONE, "SHA256", false},
        {ec, 0x0503, false, SIGN_DONE, "SHA384", false},
        {ec, 0x0804, true, SIGN_REFUSED, NULL, false},
        {ec384, 0x0503, true, SIGN_DONE, "SHA384", false},
        {ed, 0x0807, true, SIGN_DONE, NULL, false},
        {ed, 0x0807, false, SIGN_DONE, NULL, false},
        {ed, 0x0403, true, SIGN_REFUSED, NULL, false},
    };
    char sig[SIGNATURE_MAX_BYTES];
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = 0;
        slice t = rows[i].is_tls13 ? tls13_text(32) : tls12_text(29, 32);
        assert_int_equal(sign_tls(rows[i].key, rows[i].scheme, t, sig, &n), rows[i].want);
        if (rows[i].want == SIGN_DONE)
            assert_true(verifies(rows[i].key, rows[i].digest, rows[i].pss, t, sig, n));
        else
            assert_int_equal(n, 0);
        assert_int_equal(sign_tls(rows[i].key, rows[i].scheme, SLICE_LIT("a letter"), sig, &n),
                         SIGN_REFUSED);
    }
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec384);
    EVP_PKEY_free(ed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_tls_signs),
        cmocka_unit_test(signs_by_scheme_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
