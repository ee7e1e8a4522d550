#include "cli/certificate.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define TEN_YEARS_DAYS 3650
#define PEM_MAX ((size_t)1 << 20)

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* 64 random bits, positive (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool ok = n != NULL && BN_rand(n, 64, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_names(X509 *x, slice host, bool is_local)
{
    struct buf names;
    X509_NAME *name = X509_get_subject_name(x);
    buf_init(&names, 1024);
    buf_addf(&names, "DNS:%.*s", SLICE_ARG(host));
    if (is_local)
        buf_adds(&names, ",DNS:localhost,IP:127.0.0.1,IP:::1");
    buf_addc(&names, '\0');
    /* A common name has at most 64 letters; nobody reads it any more. */
    slice shown = host.n <= 64 ? host : SLICE_LIT("candor");
    bool ok =
        names.err == BUF_OK &&
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)shown.p, (int)shown.n, -1, 0) == 1 &&
        X509_set_issuer_name(x, name) == 1 && add_extension(x, NID_subject_alt_name, names.p);
    buf_release(&names);
    return ok;
}

static X509 *new_certificate(EVP_PKEY *pkey, slice host, bool is_local)
{
    X509 *x = X509_new();
    if (x != NULL && X509_set_version(x, 2) == 1 && set_serial(x) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(x), TEN_YEARS_DAYS, 0, NULL) != NULL &&
        X509_set_pubkey(x, pkey) == 1 && set_names(x, host, is_local) &&
        add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(x, NID_key_usage, "critical,digitalSignature") &&
        add_extension(x, NID_ext_key_usage, "serverAuth") &&
        add_extension(x, NID_subject_key_identifier, "hash") &&
        X509_sign(x, pkey, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static bool take_bio(BIO *bio, struct buf *out)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    if (n <= 0)
        return false;
    buf_add(out, slice_of(p, (size_t)n));
    return out->err == BUF_OK;
}

enum certificate_err certificate_make(slice host, bool is_local, struct buf *certificate,
                                      struct buf *key)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x = pkey == NULL ? NULL : new_certificate(pkey, host, is_local);
    BIO *certificate_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    bool ok = x != NULL && certificate_bio != NULL && key_bio != NULL &&
              PEM_write_bio_X509(certificate_bio, x) == 1 &&
              PEM_write_bio_PrivateKey(key_bio, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
              take_bio(certificate_bio, certificate) && take_bio(key_bio, key);
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    X509_free(x);
    EVP_PKEY_free(pkey);
    return ok ? CERTIFICATE_OK : CERTIFICATE_FAILED;
}

/* A server starts without anybody who could type one. */
static int no_pass_phrase(char *to, int n, int is_for_writing, void *context)
{
    (void)to;
    (void)n;
    (void)is_for_writing;
    (void)context;
    return -1;
}

enum certificate_err certificate_check(slice certificate, slice key, slice host)
{
    BIO *certificate_bio = BIO_new_mem_buf(certificate.p, (int)certificate.n);
    BIO *key_bio = BIO_new_mem_buf(key.p, (int)key.n);
    X509 *x = NULL;
    EVP_PKEY *pkey = NULL;
    enum certificate_err err = CERTIFICATE_FAILED;
    if (certificate_bio == NULL || key_bio == NULL)
        goto out;
    x = PEM_read_bio_X509(certificate_bio, NULL, no_pass_phrase, NULL);
    pkey = PEM_read_bio_PrivateKey(key_bio, NULL, no_pass_phrase, NULL);
    if (x == NULL)
        err = CERTIFICATE_UNREADABLE;
    else if (pkey == NULL)
        err = CERTIFICATE_NO_KEY;
    else if (X509_check_private_key(x, pkey) != 1)
        err = CERTIFICATE_MISMATCH;
    else if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
        err = CERTIFICATE_EXPIRED;
    else
        err = X509_check_host(x, host.p, host.n, 0, NULL) == 1 ? CERTIFICATE_OK
                                                               : CERTIFICATE_OTHER_HOST;
out:
    X509_free(x);
    EVP_PKEY_free(pkey);
    BIO_free(certificate_bio);
    BIO_free(key_bio);
    return err;
}

/* False: this user may not read it, or it is not there. */
static bool read_pem(const char *path, struct buf *ret)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    for (;;) {
        char *to = buf_reserve(ret, 4096);
        size_t n = to == NULL ? 0 : fread(to, 1, 4096, f);
        if (n == 0)
            break;
        ret->n += n;
    }
    bool ok = ferror(f) == 0;
    return fclose(f) == 0 && ok;
}

enum certificate_err certificate_check_files(const char *certificate, const char *key, slice host)
{
    struct buf certificate_pem, key_pem;
    enum certificate_err err = CERTIFICATE_OK;
    buf_init(&certificate_pem, PEM_MAX);
    buf_init(&key_pem, PEM_MAX);
    if (read_pem(certificate, &certificate_pem) && read_pem(key, &key_pem))
        err = certificate_check(buf_slice(&certificate_pem), buf_slice(&key_pem), host);
    buf_release(&certificate_pem);
    buf_release(&key_pem);
    return err;
}

const char *certificate_err_text(enum certificate_err err)
{
    switch (err) {
    case CERTIFICATE_OK:
        return "is good";
    case CERTIFICATE_UNREADABLE:
        return "is no certificate (PEM)";
    case CERTIFICATE_NO_KEY:
        return "has a key that is no private key (PEM), or has a pass phrase";
    case CERTIFICATE_MISMATCH:
        return "does not belong to its key";
    case CERTIFICATE_OTHER_HOST:
        return "is not for the name in `host`";
    case CERTIFICATE_EXPIRED:
        return "has expired";
    case CERTIFICATE_FAILED:
        break;
    }
    return "could not be looked at: no memory";
}

bool certificate_is_cipher_list(const char *ciphers)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bool ok = ctx != NULL && SSL_CTX_set_cipher_list(ctx, ciphers) == 1;
    SSL_CTX_free(ctx);
    return ok;
}
