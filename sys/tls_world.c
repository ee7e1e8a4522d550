#include "sys/tls_world.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

void world_wake(void *owner)
{
    ++*(size_t *)owner;
}

static int on_sign(void *user, uint64_t id, slice key_id, uint16_t scheme, slice tbs)
{
    struct fixture *f = user;
    if (f->refuse != 0)
        return f->refuse;
    assert_true(f->requests < REQUESTS && tbs.n <= TLS_SIGN_MAX_BYTES);
    struct request *r = &f->request[f->requests];
    *r = (struct request){.id = id, .key = KEYS, .scheme = scheme, .tbs_n = tbs.n};
    memcpy(r->tbs, tbs.p, tbs.n);
    for (size_t i = 0; i < KEYS; i++) {
        if (slice_eq(key_id, slice_of(f->key_id[i], TLS_KEY_ID_BYTES)))
            r->key = i;
    }
    assert_true(r->key < KEYS);
    f->requests++;
    return 0;
}

const struct tls_ops world_ops = {.sign = on_sign};

void world_answer(struct fixture *f, const struct request *r)
{
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    EVP_PKEY_CTX *c;
    char sig[1024];
    size_t n = sizeof sig;
    unsigned hash = r->scheme >> 8 == 8 ? r->scheme & 255 : r->scheme >> 8;
    const EVP_MD *md = r->scheme == 0x0807 ? NULL
                       : hash == 4         ? EVP_sha256()
                       : hash == 5         ? EVP_sha384()
                                           : EVP_sha512();
    assert_int_equal(EVP_DigestSignInit(m, &c, md, NULL, f->key[r->key]), 1);
    if (r->scheme >= 0x0804 && r->scheme <= 0x0806) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(EVP_DigestSign(m, (unsigned char *)sig, &n, (const unsigned char *)r->tbs,
                                    r->tbs_n),
                     1);
    EVP_MD_CTX_free(m);
    tls_signed(f->tls, r->id, slice_of(sig, n));
}

void world_answer_all(struct fixture *f)
{
    while (f->answered < f->requests)
        world_answer(f, &f->request[f->answered++]);
}

slice world_certificate(EVP_PKEY *key, const char *cn, unsigned char **ret)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
    *ret = NULL;
    int n = i2d_X509(x, ret);
    assert_true(n > 0);
    X509_free(x);
    return slice_of(*ret, (size_t)n);
}

int world_send_certificate(struct fixture *f, uint32_t index, uint32_t count, size_t key,
                           const char *cn, const char *names)
{
    unsigned char *der;
    slice chain = world_certificate(f->key[key], cn, &der);
    int r = tls_certificate(f->tls, index, count, slice_of(f->key_id[key], TLS_KEY_ID_BYTES),
                            slice_cstr(names), chain);
    OPENSSL_free(der);
    return r;
}

static int on_session(SSL *ssl, SSL_SESSION *ticket)
{
    struct fixture *f = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(f->ticket);
    f->ticket = ticket;
    return 1;
}

int world_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->key[0] = EVP_RSA_gen(2048);
    f->key[1] = EVP_EC_gen("P-256");
    f->key[2] = EVP_EC_gen("P-384");
    f->key[3] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    for (size_t i = 0; i < KEYS; i++) {
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(f->key[i], &der);
        assert_true(n > 0);
        EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)n, (unsigned char *)f->key_id[i], NULL);
        OPENSSL_free(der);
    }
    f->tls = tls_new(&world_ops, f);
    assert_non_null(f->tls);
    f->client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_app_data(f->client, f);
    SSL_CTX_set_session_cache_mode(f->client, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(f->client, on_session);
    *state = f;
    return 0;
}

int world_teardown(void **state)
{
    struct fixture *f = *state;
    tls_free(f->tls);
    SSL_CTX_free(f->client);
    SSL_SESSION_free(f->ticket);
    for (size_t i = 0; i < KEYS; i++)
        EVP_PKEY_free(f->key[i]);
    free(f);
    return 0;
}

void pair_init(struct pair *p, struct fixture *f, int version, const char *sni)
{
    *p = (struct pair){.f = f, .step = TLS_STEP_MORE};
    p->s = tls_session_new(f->tls, 0, world_wake, &f->woken);
    assert_non_null(p->s);
    p->c = SSL_new(f->client);
    SSL_set_min_proto_version(p->c, version);
    SSL_set_max_proto_version(p->c, version);
    if (sni != NULL)
        SSL_set_tlsext_host_name(p->c, sni);
    if (f->ticket != NULL)
        SSL_set_session(p->c, f->ticket);
    SSL_set_connect_state(p->c);
    SSL_set_bio(p->c, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    buf_init(&p->out, 1 << 20);
}

void pair_release(struct pair *p)
{
    tls_session_free(p->s);
    (void)SSL_shutdown(p->c); /* else OpenSSL thinks the session's ticket bad */
    SSL_free(p->c);
    buf_release(&p->out);
}

/* What the server has to say goes to the client. */
void pair_to_client(struct pair *p)
{
    if (p->out.n > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(p->c), p->out.p, (int)p->out.n), p->out.n);
    buf_clear(&p->out);
}

/* One exchange; the client's bytes reach the server in pieces of `piece`. */
void pair_turn(struct pair *p, size_t piece)
{
    char bytes[16384];
    if (!p->client_done)
        p->client_done = SSL_do_handshake(p->c) == 1;
    int n = BIO_read(SSL_get_wbio(p->c), bytes, sizeof bytes);
    slice all = slice_of(bytes, n < 0 ? 0 : (size_t)n);
    do {
        slice in = slice_head(all, piece);
        all = slice_tail(all, piece);
        while (p->step == TLS_STEP_MORE || p->step == TLS_STEP_WAIT) {
            p->step = tls_session_handshake(p->s, &in, &p->out);
            if (p->step != TLS_STEP_WAIT)
                break;
            if (p->f->requests == p->f->answered)
                return; /* in the queue */
            world_answer_all(p->f);
        }
    } while (all.n > 0 && p->step == TLS_STEP_MORE);
    pair_to_client(p);
}

void pair_handshake(struct pair *p, size_t piece)
{
    for (int i = 0; i < 8 && (p->step == TLS_STEP_MORE || !p->client_done); i++)
        pair_turn(p, piece);
}

void pair_talk(struct pair *p)
{
    char bytes[4096], got[64];
    size_t n = 0;
    assert_int_equal(SSL_write(p->c, "EHLO x\r\n", 8), 8);
    int r = BIO_read(SSL_get_wbio(p->c), bytes, sizeof bytes);
    slice in = slice_of(bytes, (size_t)r);
    assert_int_equal(tls_session_read(p->s, &in, &p->out, got, sizeof got, &n), TLS_STEP_DONE);
    assert_slice(slice_of(got, n), SLICE_LIT("EHLO x\r\n"));
    assert_int_equal(tls_session_read(p->s, &in, &p->out, got, sizeof got, &n), TLS_STEP_MORE);
    assert_int_equal(in.n, 0);
    assert_int_equal(tls_session_write(p->s, SLICE_LIT("250 y\r\n"), &p->out), TLS_STEP_DONE);
    pair_to_client(p);
    assert_int_equal(SSL_read(p->c, got, sizeof got), 7);
    tls_session_close(p->s, &p->out);
    pair_to_client(p);
    assert_int_equal(SSL_read(p->c, got, sizeof got), 0);
    assert_int_equal(SSL_get_error(p->c, 0), SSL_ERROR_ZERO_RETURN);
}
