#include "sys/tls.h"

#include <errno.h>
#include <openssl/async.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "lib/base/ascii.h"
#include "sys/tls_int.h"
#include "sys/tls_provider.h"

enum { SESSION_SECONDS = 7200 }; /* a ticket's life; keys rotates its keys accordingly */
enum { CERTIFICATES_MAX = 1024 };
enum { SNI_MAX = 255 };

/* Mozilla's "intermediate" (5.7) without DHE, in its order; TLS 1.3's own are OpenSSL's default. */
static const char good_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char groups[] = "X25519:P-256:P-384";
static const char signature_algorithms[] =
    "ECDSA+SHA256:ed25519:RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA384:RSA+SHA384:"
    "ECDSA+SHA512:RSA-PSS+SHA512:RSA+SHA512";

struct certificate {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key; /* the provider's */
    char *names;   /* separated by blanks */
    size_t names_n;
};

/* What handshakes choose from; kept alive by the tls and by each handshake under way. */
struct certificate_set {
    size_t refs;
    SSL_CTX *ctx;
    size_t n;
    struct certificate *certificate;
};

struct waiting {
    struct tls_session *session; /* NULL: free */
    uint64_t id;
};

struct tls {
    const struct tls_ops *ops;
    void *user;
    OSSL_LIB_CTX *lib;
    OSSL_PROVIDER *provider_default;
    OSSL_PROVIDER *provider_ours;
    EVP_CIPHER *ticket_cipher;
    bool only_1_3;
    char *ciphers; /* NULL: good_ciphers */
    BIO_METHOD *bio_method;

    struct certificate_set *now;      /* NULL: none yet */
    struct certificate_set *building; /* NULL: between sets */
    char ticket_key[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_BYTES];
    size_t ticket_keys;

    struct waiting waiting[TLS_JOBS_MAX]; /* for a signature */
    size_t waiting_n;
    uint64_t asked; /* how many signatures so far: the upper part of the next id */
    struct tls_session *queue_head, *queue_tail; /* those that wait for a place in `waiting` */
};

struct tls_session {
    struct tls *tls;
    SSL *ssl;
    struct certificate_set *set; /* until the handshake is done */
    void (*wake)(void *owner);
    void *owner;
    slice *in;                /* during a call: what the BIO reads */
    struct buf *out;          /* during a call: what the BIO writes */
    const char *why;          /* OpenSSL's static text */
    char *sni;                /* a copy, lower case; NULL: none */
    struct signing *signing;  /* on the stack of the paused job; NULL: none is paused */
    struct tls_session *next; /* in the queue */
    bool queued;
};

/* A signature that is being waited for, on the stack of the ASYNC job that asked for it. */
struct signing {
    bool answered;
    size_t n; /* 0: there is none */
    size_t max;
    char *sig;
};

/* ---- the BIO between OpenSSL and the session's bytes ---- */

static int bio_read(BIO *bio, char *p, size_t max, size_t *ret_n)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->in == NULL || s->in->n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    size_t n = s->in->n < max ? s->in->n : max;
    memcpy(p, s->in->p, n);
    *s->in = slice_tail(*s->in, n);
    *ret_n = n;
    return 1;
}

static int bio_write(BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    struct tls_session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->out == NULL)
        return 0;
    buf_add(s->out, slice_of(p, n));
    if (s->out->err != BUF_OK)
        return 0;
    *ret_n = n;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_PUSH || command == BIO_CTRL_POP;
}

static bool bio_method_init(struct tls *t)
{
    t->bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "session");
    return t->bio_method != NULL && BIO_meth_set_read_ex(t->bio_method, bio_read) == 1 &&
           BIO_meth_set_write_ex(t->bio_method, bio_write) == 1 &&
           BIO_meth_set_ctrl(t->bio_method, bio_ctrl) == 1;
}

/* ---- certificates ---- */

static void set_release(struct certificate_set *set)
{
    if (set == NULL || --set->refs > 0)
        return;
    for (size_t i = 0; i < set->n; i++) {
        struct certificate *c = &set->certificate[i];
        X509_free(c->leaf);
        sk_X509_pop_free(c->chain, X509_free);
        EVP_PKEY_free(c->key);
        free(c->names);
    }
    free(set->certificate);
    SSL_CTX_free(set->ctx);
    free(set);
}

static slice certificate_names(const struct certificate *c)
{
    return slice_of(c->names, c->names_n);
}

/* RFC 9525 6.3: an asterisk stands for the whole leftmost label and nothing else. */
static bool name_matches(slice pattern, slice host)
{
    if (!slice_starts(pattern, SLICE_LIT("*.")))
        return slice_eq_ci(pattern, host);
    size_t dot = slice_find(host, '.');
    return dot > 0 && dot < host.n && slice_eq_ci(slice_tail(pattern, 1), slice_tail(host, dot));
}

static bool certificate_matches(const struct certificate *c, slice host)
{
    slice names = certificate_names(c), name;
    while (slice_split(&names, ' ', &name)) {
        if (name_matches(name, host))
            return true;
    }
    return false;
}

/* The name by which the certificates of a session are chosen: the client's when there is one for
 * it, else the first of all. */
static slice set_choose(const struct certificate_set *set, slice sni)
{
    for (size_t i = 0; i < set->n && sni.n > 0; i++) {
        if (certificate_matches(&set->certificate[i], sni))
            return sni;
    }
    slice names = certificate_names(&set->certificate[0]), first = {0};
    (void)slice_split(&names, ' ', &first);
    return first;
}

/* The first certificate of each kind of key wins. With no name at all it is the very first. */
static bool set_use(const struct certificate_set *set, slice name, SSL *ssl, SSL_CTX *ctx)
{
    int used[8], used_n = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct certificate *c = &set->certificate[i];
        int kind = EVP_PKEY_get_id(c->key);
        bool is_new = used_n < 8;
        for (int k = 0; k < used_n; k++)
            is_new = is_new && used[k] != kind;
        if (!is_new || (name.n == 0 ? i > 0 : !certificate_matches(c, name)))
            continue;
        int ok = ssl != NULL ? SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1)
                             : SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1);
        if (ok != 1)
            return false;
        used[used_n++] = kind;
    }
    return used_n > 0;
}

static bool sni_is_sane(slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_')
            return false;
    }
    return s.n > 0 && s.n <= SNI_MAX;
}

/* Called when the client's hello has been read, before anything is chosen. */
static int on_certificate_wanted(SSL *ssl, void *arg)
{
    (void)arg;
    struct tls_session *s = SSL_get_app_data(ssl);
    slice sni = slice_cstr(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    if (s->set == NULL || !sni_is_sane(sni))
        return 1;
    if (s->sni == NULL && (s->sni = malloc(sni.n + 1)) != NULL) {
        for (size_t i = 0; i < sni.n; i++)
            s->sni[i] = ascii_lower(sni.p[i]);
        s->sni[sni.n] = '\0';
    }
    slice name = set_choose(s->set, sni);
    if (slice_eq(name, set_choose(s->set, (slice){0})))
        return 1; /* what the SSL_CTX has anyway */
    SSL_certs_clear(ssl);
    return set_use(s->set, name, ssl, NULL) ? 1 : 0;
}

/* Its presence makes OpenSSL confirm the name and keep it with the session. */
static int on_server_name(SSL *ssl, int *ret_alert, void *arg)
{
    (void)ssl;
    (void)ret_alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static int on_ticket(SSL *ssl, unsigned char *key_name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypt)
{
    struct tls *t = ((struct tls_session *)SSL_get_app_data(ssl))->tls;
    size_t i = 0;
    if (encrypt) {
        if (RAND_bytes_ex(t->lib, iv, 16, 0) != 1)
            return -1;
        memcpy(key_name, t->ticket_key[0], 16);
    } else {
        while (i < t->ticket_keys && CRYPTO_memcmp(t->ticket_key[i], key_name, 16) != 0)
            i++;
        if (i == t->ticket_keys)
            return 0;
    }
    unsigned char *key = (unsigned char *)t->ticket_key[i];
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, key + 48, 32),
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_END,
    };
    if (EVP_CipherInit_ex2(cipher, t->ticket_cipher, key + 16, iv, encrypt, NULL) != 1 ||
        EVP_MAC_CTX_set_params(mac, params) != 1)
        return -1;
    /* 2: the client is given a new one, because its key is old or (RFC 8446 C.4) because it uses
     * each only once. */
    return encrypt || (i == 0 && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

static bool context_policy(const struct tls *t, SSL_CTX *ctx)
{
    return SSL_CTX_set_min_proto_version(ctx, t->only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, t->ciphers == NULL ? good_ciphers : t->ciphers) == 1;
}

static SSL_CTX *context_new(struct tls *t)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(t->lib, "?provider=default", TLS_server_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ASYNC);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    SSL_CTX_set_cert_cb(ctx, on_certificate_wanted, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    if (!context_policy(t, ctx) || SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
        SSL_CTX_set1_sigalgs_list(ctx, signature_algorithms) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"candor", 6) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* Is key_id the SHA-256 of the certificate's SubjectPublicKeyInfo? */
static bool key_id_fits(struct tls *t, X509 *leaf, slice key_id)
{
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    size_t n = 0;
    int der_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    bool ok = der_n > 0 &&
              EVP_Q_digest(t->lib, "SHA256", NULL, der, (size_t)der_n, digest, &n) == 1 &&
              slice_eq(slice_of(digest, n), key_id);
    OPENSSL_free(der);
    return ok;
}

static bool take_x509(struct tls *t, slice *der, X509 **ret)
{
    X509 *x = X509_new_ex(t->lib, "?provider=default");
    const unsigned char *p = (const unsigned char *)der->p;
    if (x == NULL || der->n > INT32_MAX || d2i_X509(&x, &p, (long)der->n) == NULL) {
        X509_free(x); /* d2i_X509 has freed it and cleared x when it failed */
        return false;
    }
    *der = slice_tail(*der, (size_t)((const char *)p - der->p));
    *ret = x;
    return true;
}

static int certificate_init(struct tls *t, struct certificate *c, slice key_id, slice names,
                            slice chain)
{
    *c = (struct certificate){.names = malloc(names.n + 1), .names_n = names.n};
    c->chain = sk_X509_new_null();
    if (c->names == NULL || c->chain == NULL)
        return -ENOMEM;
    if (names.n > 0)
        memcpy(c->names, names.p, names.n);
    if (!take_x509(t, &chain, &c->leaf) || !key_id_fits(t, c->leaf, key_id))
        return -EINVAL;
    while (chain.n > 0) {
        X509 *x;
        if (!take_x509(t, &chain, &x))
            return -EINVAL;
        if (sk_X509_push(c->chain, x) <= 0) {
            X509_free(x);
            return -ENOMEM;
        }
    }
    c->key = tls_provider_key(t->lib, X509_get0_pubkey(c->leaf), key_id);
    return c->key == NULL ? -EINVAL : 0;
}

static struct certificate_set *set_new(struct tls *t, size_t count)
{
    struct certificate_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->refs = 1;
    set->ctx = context_new(t);
    set->certificate = calloc(count, sizeof *set->certificate);
    if (set->ctx == NULL || set->certificate == NULL) {
        set_release(set);
        return NULL;
    }
    return set;
}

int tls_certificate(struct tls *t, uint32_t index, uint32_t count, slice key_id, slice names,
                    slice chain)
{
    int r = -EINVAL;
    if (index == 0) {
        set_release(t->building);
        t->building = NULL;
        if (count == 0 || count > CERTIFICATES_MAX)
            return -EINVAL;
        if ((t->building = set_new(t, count)) == NULL)
            return -ENOMEM;
    }
    if (t->building == NULL)
        return -EINVAL;
    if (index != t->building->n || index >= count || key_id.n != TLS_KEY_ID_BYTES)
        goto fail;
    r = certificate_init(t, &t->building->certificate[t->building->n++], key_id, names, chain);
    if (r != 0)
        goto fail;
    if (t->building->n < count)
        return 0;
    if (!set_use(t->building, set_choose(t->building, (slice){0}), NULL, t->building->ctx)) {
        r = -EINVAL;
        goto fail;
    }
    set_release(t->now);
    t->now = t->building;
    t->building = NULL;
    return 0;
fail:
    set_release(t->building);
    t->building = NULL;
    ERR_clear_error();
    return r;
}

int tls_ticket_keys(struct tls *t, slice keys)
{
    size_t n = keys.n / TLS_TICKET_KEY_BYTES;
    if (n == 0 || n > TLS_TICKET_KEYS_MAX || keys.n % TLS_TICKET_KEY_BYTES != 0)
        return -EINVAL;
    memcpy(t->ticket_key, keys.p, keys.n);
    t->ticket_keys = n;
    return 0;
}

int tls_policy(struct tls *t, bool only_1_3, slice ciphers)
{
    char *list = NULL;
    if (ciphers.n > 0) {
        SSL_CTX *trial = SSL_CTX_new_ex(t->lib, "?provider=default", TLS_server_method());
        list = strndup(ciphers.p, ciphers.n);
        bool has_memory = trial != NULL && list != NULL;
        bool ok = has_memory && SSL_CTX_set_cipher_list(trial, list) == 1;
        SSL_CTX_free(trial);
        ERR_clear_error();
        if (!ok) {
            free(list);
            return has_memory ? -EINVAL : -ENOMEM;
        }
    }
    free(t->ciphers);
    t->ciphers = list;
    t->only_1_3 = only_1_3;
    /* What was tried before cannot fail but for memory; the old way is then kept there. */
    if ((t->now != NULL && !context_policy(t, t->now->ctx)) ||
        (t->building != NULL && !context_policy(t, t->building->ctx)))
        return -ENOMEM;
    return 0;
}

bool tls_is_ready(const struct tls *t)
{
    return t->now != NULL;
}

struct tls *tls_new(const struct tls_ops *ops, void *user)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->ops = ops;
    t->user = user;
    t->lib = OSSL_LIB_CTX_new();
    if (t->lib == NULL)
        goto fail;
    t->provider_default = OSSL_PROVIDER_load(t->lib, "default");
    if (t->provider_default == NULL ||
        OSSL_PROVIDER_add_builtin(t->lib, TLS_PROVIDER_NAME, tls_provider_init) != 1)
        goto fail;
    t->provider_ours = OSSL_PROVIDER_load(t->lib, TLS_PROVIDER_NAME);
    t->ticket_cipher = EVP_CIPHER_fetch(t->lib, "AES-256-CBC", "?provider=default");
    /* Until `keys` sends the shared ones, tickets are good in this process alone. */
    t->ticket_keys = 1;
    if (t->provider_ours == NULL || t->ticket_cipher == NULL || !bio_method_init(t) ||
        RAND_bytes_ex(t->lib, (unsigned char *)t->ticket_key[0], TLS_TICKET_KEY_BYTES, 0) != 1)
        goto fail;
    return t;
fail:
    tls_free(t);
    return NULL;
}

void tls_free(struct tls *t)
{
    if (t == NULL)
        return;
    set_release(t->building);
    set_release(t->now);
    BIO_meth_free(t->bio_method);
    free(t->ciphers);
    EVP_CIPHER_free(t->ticket_cipher);
    if (t->provider_ours != NULL)
        OSSL_PROVIDER_unload(t->provider_ours);
    if (t->provider_default != NULL)
        OSSL_PROVIDER_unload(t->provider_default);
    OSSL_LIB_CTX_free(t->lib);
    OPENSSL_cleanse(t->ticket_key, sizeof t->ticket_key);
    free(t);
}

/* ---- signatures: an id is (number of the request, place in `waiting`) ---- */

static void queue_push(struct tls *t, struct tls_session *s)
{
    s->queued = true;
    s->next = NULL;
    if (t->queue_tail != NULL)
        t->queue_tail->next = s;
    else
        t->queue_head = s;
    t->queue_tail = s;
}

static void queue_remove(struct tls *t, struct tls_session *s)
{
    struct tls_session **at = &t->queue_head, *before = NULL;
    while (*at != s) {
        before = *at;
        at = &before->next;
    }
    *at = s->next;
    if (t->queue_tail == s)
        t->queue_tail = before;
    s->queued = false;
}

/* A place became free: the first in the queue may take it. */
static void queue_wake(struct tls *t)
{
    struct tls_session *s = t->queue_head;
    if (s == NULL || t->waiting_n >= TLS_JOBS_MAX)
        return;
    queue_remove(t, s);
    s->wake(s->owner);
}

static struct waiting *waiting_find(struct tls *t, struct tls_session *s)
{
    for (size_t i = 0; i < TLS_JOBS_MAX; i++) {
        if (t->waiting[i].session == s)
            return &t->waiting[i];
    }
    return NULL;
}

size_t tls_session_sign(slice key_id, uint16_t scheme, slice tbs, char *ret_sig, size_t max)
{
    ASYNC_JOB *job = ASYNC_get_current_job();
    ASYNC_callback_fn fn = NULL;
    void *ssl = NULL;
    if (job == NULL || tbs.n > TLS_SIGN_MAX_BYTES ||
        ASYNC_WAIT_CTX_get_callback(ASYNC_get_wait_ctx(job), &fn, &ssl) != 1 || ssl == NULL)
        return 0;
    struct tls_session *s = SSL_get_app_data((SSL *)ssl);
    struct tls *t = s->tls;
    struct waiting *w = waiting_find(t, NULL);
    struct signing signing = {.sig = ret_sig, .max = max};
    if (w == NULL)
        return 0;
    uint64_t id = ++t->asked * TLS_JOBS_MAX + (uint64_t)(w - t->waiting);
    if (t->ops->sign(t->user, id, key_id, scheme, tbs) != 0)
        return 0;
    *w = (struct waiting){.session = s, .id = id};
    t->waiting_n++;
    s->signing = &signing;
    while (!signing.answered) {
        if (ASYNC_pause_job() != 1)
            signing.answered = true;
    }
    s->signing = NULL;
    return signing.n;
}

/* The place is free again; the session goes on when its owner calls it the next time. */
static void waiting_end(struct tls *t, struct waiting *w, slice signature)
{
    struct signing *g = w->session->signing;
    g->answered = true;
    if (signature.n <= g->max && signature.n > 0) {
        memcpy(g->sig, signature.p, signature.n);
        g->n = signature.n;
    }
    *w = (struct waiting){0};
    t->waiting_n--;
}

void tls_signed(struct tls *t, uint64_t id, slice signature)
{
    struct waiting *w = &t->waiting[id % TLS_JOBS_MAX];
    struct tls_session *s = w->session;
    if (s == NULL || w->id != id)
        return;
    waiting_end(t, w, signature);
    s->wake(s->owner);
    queue_wake(t);
}

/* ---- sessions ---- */

/* OpenSSL hands the SSL to the provider by way of this callback's argument; nobody calls it. */
static int on_async(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 1;
}

struct tls_session *tls_session_new(struct tls *t, void (*wake)(void *owner), void *owner)
{
    if (t->now == NULL)
        return NULL;
    struct tls_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->tls = t;
    s->wake = wake;
    s->owner = owner;
    s->why = "";
    BIO *bio = BIO_new(t->bio_method);
    s->ssl = SSL_new(t->now->ctx);
    if (s->ssl == NULL || bio == NULL || SSL_set_async_callback(s->ssl, on_async) != 1) {
        BIO_free(bio);
        SSL_free(s->ssl);
        free(s);
        return NULL;
    }
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    SSL_set_accept_state(s->ssl);
    s->set = t->now;
    s->set->refs++;
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    struct tls *t = s->tls;
    if (s->queued)
        queue_remove(t, s);
    if (SSL_waiting_for_async(s->ssl)) {
        /* The job must run to its end, or its stack is lost. */
        struct waiting *w = waiting_find(t, s);
        if (w != NULL)
            waiting_end(t, w, (slice){0});
        s->in = NULL;
        s->out = NULL;
        (void)SSL_do_handshake(s->ssl);
        ERR_clear_error();
        queue_wake(t);
    }
    SSL_free(s->ssl);
    set_release(s->set);
    free(s->sni);
    free(s);
}

static enum tls_step failed(struct tls_session *s, const char *why)
{
    unsigned long e = ERR_peek_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    s->why = reason == NULL ? why : reason;
    ERR_clear_error();
    return TLS_STEP_FAILED;
}

static enum tls_step step_of(struct tls_session *s, int r)
{
    switch (SSL_get_error(s->ssl, r)) {
    case SSL_ERROR_NONE:
        return TLS_STEP_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_STEP_MORE;
    case SSL_ERROR_WANT_ASYNC:
        return TLS_STEP_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_STEP_END;
    case SSL_ERROR_WANT_ASYNC_JOB:
        return failed(s, "no memory for a handshake");
    default:
        return failed(s, s->out != NULL && s->out->err != BUF_OK ? "output too long" : "failed");
    }
}

static void begin(struct tls_session *s, slice *in, struct buf *out)
{
    s->in = in;
    s->out = out;
    ERR_clear_error();
}

static enum tls_step end(struct tls_session *s, enum tls_step step)
{
    s->in = NULL;
    s->out = NULL;
    return step;
}

enum tls_step tls_session_handshake(struct tls_session *s, slice *in, struct buf *out)
{
    struct tls *t = s->tls;
    if (s->signing != NULL && !s->signing->answered)
        return TLS_STEP_WAIT;
    if (s->signing == NULL && t->waiting_n >= TLS_JOBS_MAX) {
        if (!s->queued)
            queue_push(t, s);
        return TLS_STEP_WAIT;
    }
    if (s->queued)
        queue_remove(t, s);
    begin(s, in, out);
    enum tls_step step = step_of(s, SSL_do_handshake(s->ssl));
    if (step == TLS_STEP_DONE) {
        /* No more signatures, so no more jobs: each call would cost a change of stacks. */
        SSL_clear_mode(s->ssl, SSL_MODE_ASYNC);
        set_release(s->set);
        s->set = NULL;
    }
    queue_wake(t);
    return end(s, step);
}

enum tls_step tls_session_read(struct tls_session *s, slice *in, struct buf *out, char *p,
                               size_t max, size_t *ret_n)
{
    begin(s, in, out);
    int r = SSL_read_ex(s->ssl, p, max, ret_n);
    return end(s, step_of(s, r));
}

enum tls_step tls_session_write(struct tls_session *s, slice plain, struct buf *out)
{
    size_t n = 0;
    begin(s, NULL, out);
    int r = SSL_write_ex(s->ssl, plain.p, plain.n, &n);
    if (r == 1 && n == plain.n)
        return end(s, TLS_STEP_DONE);
    return end(s, failed(s, "output not taken"));
}

void tls_session_close(struct tls_session *s, struct buf *out)
{
    begin(s, NULL, out);
    (void)SSL_shutdown(s->ssl); /* whether the peer answers is of no interest */
    ERR_clear_error();
    (void)end(s, TLS_STEP_DONE);
}

void tls_session_facts(const struct tls_session *s, struct tls_facts *ret)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(s->ssl);
    *ret = (struct tls_facts){
        .version = slice_cstr(SSL_get_version(s->ssl)),
        .cipher = slice_cstr(SSL_CIPHER_standard_name(cipher)),
        .sni = slice_cstr(s->sni),
        .bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL),
        .resumed = SSL_session_reused(s->ssl) == 1,
    };
}

slice tls_session_why(const struct tls_session *s)
{
    return slice_cstr(s->why);
}
