#include "src/keys/pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/ascii.h"

enum { RSA_MIN_BITS = 2048, SECONDS_A_DAY = 86400 };

const char *pair_err_text(enum pair_err err)
{
    switch (err) {
    case PAIR_OK:
        return "in order";
    case PAIR_NO_CERTIFICATE:
        return "there is no readable PEM certificate in the file";
    case PAIR_NO_KEY:
        return "there is no readable PEM private key in the file";
    case PAIR_KEY_ENCRYPTED:
        return "the private key is encrypted with a passphrase";
    case PAIR_KEY_UNSUITABLE:
        return "the key is neither RSA of at least 2048 bits, P-256, P-384, P-521 nor Ed25519";
    case PAIR_MISMATCH:
        return "the private key does not belong to the certificate";
    case PAIR_CHAIN_TOO_LONG:
        return "the certificate and its chain are longer than 64 KiB";
    case PAIR_NO_MEMORY:
        return "out of memory";
    }
    return "unknown";
}

void pair_release(struct pair *p)
{
    EVP_PKEY_free(p->key); /* wipes what is secret */
    buf_release(&p->names);
    buf_release(&p->chain);
    *p = (struct pair){0};
}

static BIO *bio_of(slice s)
{
    return s.n > INT32_MAX ? NULL : BIO_new_mem_buf(s.p == NULL ? "" : s.p, (int)s.n);
}

static int no_passphrase(char *p, int n, int is_write, void *asked)
{
    (void)p;
    (void)n;
    (void)is_write;
    *(bool *)asked = true;
    return -1;
}

static enum pair_err load_key(slice pem, EVP_PKEY **ret)
{
    bool asked = false;
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
    BIO_free(bio);
    if (key == NULL)
        return asked ? PAIR_KEY_ENCRYPTED : PAIR_NO_KEY;
    *ret = key;
    return PAIR_OK;
}

static bool key_is_suitable(EVP_PKEY *key)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= RSA_MIN_BITS;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return true;
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
        return false;
    return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 ||
           strcmp(group, "secp521r1") == 0;
}

/* What is no host name (or a name with a blank in it) is left out. */
static void add_name(struct buf *out, const ASN1_STRING *s)
{
    slice name = slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_' && (c != '*' || i > 0))
            return;
    }
    if (name.n == 0 || out->n + name.n + 1 > out->max)
        return;
    if (out->n > 0)
        buf_addc(out, ' ');
    for (size_t i = 0; i < name.n; i++)
        buf_addc(out, ascii_lower(name.p[i]));
}

/* The subjectAltName; the common name only where there is none (RFC 9525 would not have it at all,
 * but it is for us to choose a certificate, not to trust one). */
static void add_names(struct buf *out, X509 *leaf)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            add_name(out, name->d.dNSName);
    }
    GENERAL_NAMES_free(names);
    X509_NAME *subject = X509_get_subject_name(leaf);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (out->n == 0 && at >= 0)
        add_name(out, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
        days = seconds = 0;
    ASN1_TIME_free(epoch);
    return (int64_t)days * SECONDS_A_DAY + seconds;
}

static enum pair_err add_der(struct buf *out, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    if (n <= 0)
        return PAIR_NO_MEMORY;
    buf_add(out, slice_of(der, (size_t)n));
    OPENSSL_free(der);
    return out->err == BUF_OK     ? PAIR_OK
           : out->err == BUF_FULL ? PAIR_CHAIN_TOO_LONG
                                  : PAIR_NO_MEMORY;
}

static enum pair_err take_leaf(struct pair *p, X509 *leaf)
{
    unsigned char *spki = NULL;
    size_t id_n = 0;
    if (X509_check_private_key(leaf, p->key) != 1)
        return PAIR_MISMATCH;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
    bool ok = n > 0 && EVP_Q_digest(NULL, "SHA256", NULL, spki, (size_t)n,
                                    (unsigned char *)p->key_id, &id_n) == 1;
    OPENSSL_free(spki);
    if (!ok)
        return PAIR_NO_MEMORY;
    add_names(&p->names, leaf);
    p->not_before = seconds_of(X509_get0_notBefore(leaf));
    p->not_after = seconds_of(X509_get0_notAfter(leaf));
    return PAIR_OK;
}

static enum pair_err load_chain(slice pem, struct pair *p)
{
    BIO *bio = bio_of(pem);
    enum pair_err err = bio == NULL ? PAIR_NO_MEMORY : PAIR_OK;
    for (int i = 0; err == PAIR_OK; i++) {
        X509 *x = i == 0 ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)
                         : PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (x == NULL) {
            err = i == 0 ? PAIR_NO_CERTIFICATE : PAIR_OK;
            break;
        }
        if (i == 0)
            err = take_leaf(p, x);
        if (err == PAIR_OK)
            err = add_der(&p->chain, x);
        X509_free(x);
    }
    BIO_free(bio);
    return err;
}

enum pair_err pair_load(slice certificate_pem, slice key_pem, struct pair *ret)
{
    struct pair p = {0};
    buf_init(&p.names, PAIR_NAMES_MAX);
    buf_init(&p.chain, PAIR_CHAIN_MAX);
    enum pair_err err = load_key(key_pem, &p.key);
    if (err == PAIR_OK && !key_is_suitable(p.key))
        err = PAIR_KEY_UNSUITABLE;
    if (err == PAIR_OK)
        err = load_chain(certificate_pem, &p);
    ERR_clear_error();
    if (err == PAIR_OK)
        *ret = p;
    else
        pair_release(&p);
    return err;
}

void pair_kind(struct buf *out, const struct pair *p)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(p->key, "RSA"))
        buf_addf(out, "RSA %d", EVP_PKEY_get_bits(p->key));
    else if (EVP_PKEY_get_group_name(p->key, group, sizeof group, NULL) == 1)
        buf_adds(out, strcmp(group, "prime256v1") == 0  ? "P-256"
                      : strcmp(group, "secp384r1") == 0 ? "P-384"
                                                        : "P-521");
    else
        buf_adds(out, "Ed25519");
}
