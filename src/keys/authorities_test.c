#include "src/keys/authorities.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/test.h"

static void add_pem(struct buf *out, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    long n = BIO_get_mem_data(bio, &pem);
    buf_add(out, slice_of(pem, (size_t)n));
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(key);
}

static size_t count_der(slice der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    const unsigned char *end = p + der.n;
    size_t n = 0;
    for (X509 *x; p < end && (x = d2i_X509(NULL, &p, end - p)) != NULL; n++)
        X509_free(x);
    assert_true(p == end);
    return n;
}

static void files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *between, *after;
        size_t certificates, want; /* 0: refused */
    } rows[] = {
        {"nothing", "", "", "", 0, 0},
        {"no certificate", "hello\n", "", "", 0, 0},
        {"one", "", "", "", 1, 1},
        {"three, with words between", "the first\n", "a further one\n", "that is all\n", 3, 3},
        {"cut short", "", "", "-----BEGIN CERTIFICATE-----\nMIIB\n", 2, 0},
        {"not one", "", "", "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n", 1,
         0},
        {"too many", "", "", "", 300, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf pem, der;
        buf_init(&pem, FILE_MAX_BYTES);
        buf_init(&der, AUTHORITIES_MAX_BYTES);
        buf_adds(&pem, rows[i].before);
        for (size_t k = 0; k < rows[i].certificates; k++) {
            add_pem(&pem, "an authority");
            buf_adds(&pem, rows[i].between);
        }
        buf_adds(&pem, rows[i].after);
        const char *why = authorities_read(buf_slice(&pem), &der);
        if ((why == NULL) != (rows[i].want > 0) ||
            (why == NULL && count_der(buf_slice(&der)) != rows[i].want))
            fail_msg("%s: %s", rows[i].name, why == NULL ? "read" : why);
        buf_release(&pem);
        buf_release(&der);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(files_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
