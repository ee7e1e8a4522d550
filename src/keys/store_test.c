/* Pairs in a directory of our own, replaced as renewal tools do. */
#include "lib/base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/keys/store.h"

#define NOW_S UINT64_C(1700000000)

struct fixture {
    char directory[64];
    struct store store;
    struct conf *conf;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "/tmp/candor-keys-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

static const char *in_directory(const struct fixture *f, const char *name)
{
    static char path[4][128];
    static unsigned n;
    char *p = path[n++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", f->directory, name);
    return p;
}

static int teardown(void **state)
{
    static const char *const names[] = {"cert.pem", "key.pem",      "c2.pem",
                                        "k2.pem",   "new-cert.pem", "new-key.pem"};
    struct fixture *f = *state;
    store_release(&f->store);
    conf_unref(f->conf);
    for (size_t i = 0; i < COUNT(names); i++)
        (void)unlink(in_directory(f, names[i]));
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

/* As main does it, with ourselves for master. */
static bool look(struct fixture *f)
{
    bool any = false;
    for (size_t i = 0; i < f->store.n; i++) {
        int fd[2] = {open(f->store.slot[i].certificate_path, O_RDONLY),
                     open(f->store.slot[i].key_path, O_RDONLY)};
        int error = fd[0] < 0 || fd[1] < 0 ? -errno : 0;
        any = store_look(&f->store, i, error, fd[0], fd[1], NOW_S) || any;
        for (int k = 0; k < 2; k++) {
            if (fd[k] >= 0)
                close(fd[k]);
        }
    }
    return any;
}

static void configure(struct fixture *f, const char *lines)
{
    struct buf text;
    struct conf_errors errors;
    buf_init(&text, 4096);
    buf_addf(&text, "host mx.example\ntls {\n%s}\n", lines);
    conf_errors_init(&errors);
    conf_unref(f->conf);
    f->conf = NULL;
    assert_int_equal(conf_parse(buf_slice(&text), SLICE_LIT("t"), slice_cstr(f->directory), &errors,
                                &f->conf),
                     CONF_OK);
    conf_errors_release(&errors);
    buf_release(&text);
    assert_true(store_configure(&f->store, f->conf));
    (void)look(f);
}

static void write_key(const struct fixture *f, const char *name, EVP_PKEY *key, bool encrypt)
{
    FILE *out = fopen(in_directory(f, name), "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, key, encrypt ? EVP_aes_128_cbc() : NULL,
                                          (const unsigned char *)(encrypt ? "x" : NULL),
                                          encrypt ? 1 : 0, NULL, NULL),
                     1);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(in_directory(f, name), 0600), 0);
}

static X509 *make(EVP_PKEY *key, const char *san)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)NOW_S - 1000);
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)NOW_S + 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"CN.example", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    if (san != NULL) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
    return x;
}

static void write_certificate(const struct fixture *f, const char *name, EVP_PKEY *key,
                              const char *san, EVP_PKEY *issuer)
{
    FILE *out = fopen(in_directory(f, name), "w");
    X509 *x = make(key, san);
    assert_int_equal(PEM_write_X509(out, x), 1);
    X509_free(x);
    if (issuer != NULL) {
        x = make(issuer, NULL);
        assert_int_equal(PEM_write_X509(out, x), 1);
        X509_free(x);
    }
    assert_int_equal(fclose(out), 0);
}

static void reads_and_renews(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *old = EVP_EC_gen("P-256"), *new = EVP_EC_gen("P-384");
    struct store *s = &f->store;
    write_key(f, "key.pem", old, false);
    write_certificate(f, "cert.pem", old, "DNS:MX.example,DNS:*.mx.example,DNS:a b,IP:192.0.2.1",
                      new);
    configure(f, "certificate cert.pem\nkey key.pem\n");
    assert_int_equal(store_count(s), 1);
    const struct pair *p = &s->slot[0].now;
    assert_slice(buf_slice(&p->names), SLICE_LIT("mx.example *.mx.example"));
    assert_int_equal(p->not_after, NOW_S + 86400);
    char old_id[PAIR_KEY_ID_BYTES];
    memcpy(old_id, p->key_id, sizeof old_id);
    slice id = slice_of(old_id, sizeof old_id);
    assert_ptr_equal(store_find(s, id), p);
    assert_null(store_find(s, SLICE_LIT("")));
    /* leaf and issuer */
    const unsigned char *der = (const unsigned char *)p->chain.p;
    for (int i = 0; i < 2; i++) {
        X509 *x = d2i_X509(NULL, &der, 65536);
        assert_non_null(x);
        X509_free(x);
    }
    assert_ptr_equal(der, p->chain.p + p->chain.n);

    assert_false(look(f));
    /* A new certificate without its key yet: seen, read when it has settled, refused, kept. */
    write_certificate(f, "new-cert.pem", new, "DNS:mx.example", NULL);
    assert_int_equal(rename(in_directory(f, "new-cert.pem"), in_directory(f, "cert.pem")), 0);
    assert_false(look(f));
    assert_false(look(f));
    assert_non_null(s->slot[0].refusal);
    assert_string_equal(s->slot[0].refusal, pair_err_text(PAIR_MISMATCH));
    assert_non_null(store_find(s, id));
    assert_false(look(f)); /* and not read again and again */
    write_key(f, "new-key.pem", new, false);
    assert_int_equal(rename(in_directory(f, "new-key.pem"), in_directory(f, "key.pem")), 0);
    assert_false(look(f));
    assert_true(look(f));
    assert_null(s->slot[0].refusal);
    assert_slice(buf_slice(&s->slot[0].now.names), SLICE_LIT("mx.example"));
    assert_ptr_equal(store_find(s, id), &s->slot[0].before); /* still signs what has begun */
    assert_false(look(f));
    /* Gone altogether: the old one goes on. */
    assert_int_equal(unlink(in_directory(f, "key.pem")), 0);
    assert_false(look(f));
    assert_false(look(f));
    assert_non_null(s->slot[0].refusal);
    assert_int_equal(store_count(s), 1);
    EVP_PKEY_free(old);
    EVP_PKEY_free(new);
}

static void turned_link_is_seen(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *a = EVP_EC_gen("P-256"), *b = EVP_EC_gen("P-256");
    write_key(f, "k2.pem", a, false);
    write_certificate(f, "c2.pem", a, NULL, NULL);
    write_key(f, "new-key.pem", b, false);
    write_certificate(f, "new-cert.pem", b, "DNS:b.example", NULL);
    assert_int_equal(symlink("k2.pem", in_directory(f, "key.pem")), 0);
    assert_int_equal(symlink("c2.pem", in_directory(f, "cert.pem")), 0);
    configure(f, "certificate cert.pem\nkey key.pem\n");
    assert_slice(buf_slice(&f->store.slot[0].now.names), SLICE_LIT("cn.example"));
    assert_int_equal(unlink(in_directory(f, "key.pem")), 0);
    assert_int_equal(unlink(in_directory(f, "cert.pem")), 0);
    assert_int_equal(symlink("new-key.pem", in_directory(f, "key.pem")), 0);
    assert_int_equal(symlink("new-cert.pem", in_directory(f, "cert.pem")), 0);
    assert_false(look(f));
    assert_true(look(f));
    assert_slice(buf_slice(&f->store.slot[0].now.names), SLICE_LIT("b.example"));
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void bad_ones_are_refused(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *good = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024),
             *odd = EVP_EC_gen("secp256k1"), *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    const struct {
        EVP_PKEY *key, *certificate;
        bool encrypt;
        enum pair_err want;
    } rows[] = {
        {good, good, false, PAIR_OK},
        {ed, ed, false, PAIR_OK},
        {good, ed, false, PAIR_MISMATCH},
        {good, good, true, PAIR_KEY_ENCRYPTED},
        {small, small, false, PAIR_KEY_UNSUITABLE},
        {odd, odd, false, PAIR_KEY_UNSUITABLE},
        {NULL, good, false, PAIR_NO_KEY},
        {good, NULL, false, PAIR_NO_CERTIFICATE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].key != NULL)
            write_key(f, "key.pem", rows[i].key, rows[i].encrypt);
        else
            assert_int_equal(truncate(in_directory(f, "key.pem"), 0), 0);
        if (rows[i].certificate != NULL)
            write_certificate(f, "cert.pem", rows[i].certificate, NULL, NULL);
        else
            assert_int_equal(truncate(in_directory(f, "cert.pem"), 100), 0);
        struct store fresh = {0};
        f->store = fresh;
        configure(f, "certificate cert.pem\nkey key.pem\n");
        assert_int_equal(store_count(&f->store), rows[i].want == PAIR_OK);
        if (rows[i].want != PAIR_OK)
            assert_string_equal(f->store.slot[0].refusal, pair_err_text(rows[i].want));
        store_release(&f->store);
    }
    EVP_PKEY_free(good);
    EVP_PKEY_free(small);
    EVP_PKEY_free(odd);
    EVP_PKEY_free(ed);
}

static void reload_keeps_and_adds(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *a = EVP_EC_gen("P-256"), *b = EVP_RSA_gen(2048);
    write_key(f, "key.pem", a, false);
    write_certificate(f, "cert.pem", a, "DNS:a.example", NULL);
    write_key(f, "k2.pem", b, false);
    write_certificate(f, "c2.pem", b, "DNS:b.example", NULL);
    configure(f, "certificate cert.pem\nkey key.pem\n");
    EVP_PKEY *loaded = f->store.slot[0].now.key;
    char id[PAIR_KEY_ID_BYTES];
    memcpy(id, f->store.slot[0].now.key_id, sizeof id);
    configure(f, "certificate c2.pem\nkey k2.pem\ncertificate cert.pem\n"
                 "key key.pem\ncertificate c2.pem\nkey k2.pem\n");
    assert_ptr_equal(f->store.slot[1].now.key, loaded);
    struct buf json;
    buf_init(&json, 4096);
    store_json(&json, &f->store);
    assert_true(slice_find_slice(buf_slice(&json), SLICE_LIT("\"kind\":\"RSA 2048\"")) < json.n);
    assert_true(slice_find_slice(buf_slice(&json), SLICE_LIT("\"names\":\"a.example\"")) < json.n);
    buf_release(&json);
    configure(f, "certificate cert.pem\nkey key.pem\ncertificate cert.pem\n"
                 "key key.pem\n");
    assert_ptr_equal(f->store.slot[0].now.key, loaded);
    configure(f, "certificate nowhere/c.pem\nkey nowhere/k.pem\n");
    assert_int_equal(store_count(&f->store), 0);
    assert_int_equal(f->store.slot[0].error, -ENOENT);
    assert_non_null(store_find(&f->store, slice_of(id, sizeof id))); /* for handshakes under way */
    configure(f, "");
    assert_int_equal(f->store.n, 0);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reads_and_renews),
        T(turned_link_is_seen),
        T(bad_ones_are_refused),
        T(reload_keeps_and_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
