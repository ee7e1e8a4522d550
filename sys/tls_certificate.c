/* tls_certificate: the sets of certificates, and which of them a client is shown. */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "lib/base/ascii.h"
#include "sys/tls_parts.h"
#include "sys/tls_provider.h"

enum { CERTIFICATES_MAX = 1024, SNI_MAX = 255 };

void certificate_set_release(struct certificate_set *set)
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
int tls_on_certificate_wanted(SSL *ssl, void *arg)
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
int tls_on_server_name(SSL *ssl, int *ret_alert, void *arg)
{
    (void)ssl;
    (void)ret_alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
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

bool tls_take_x509(struct tls *t, slice *der, X509 **ret)
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
    if (!tls_take_x509(t, &chain, &c->leaf) || !key_id_fits(t, c->leaf, key_id))
        return -EINVAL;
    while (chain.n > 0) {
        X509 *x;
        if (!tls_take_x509(t, &chain, &x))
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
    set->ctx = tls_context_new(t);
    set->certificate = calloc(count, sizeof *set->certificate);
    if (set->ctx == NULL || set->certificate == NULL) {
        certificate_set_release(set);
        return NULL;
    }
    return set;
}

int tls_certificate(struct tls *t, uint32_t index, uint32_t count, slice key_id, slice names,
                    slice chain)
{
    int r = -EINVAL;
    if (index == 0) {
        certificate_set_release(t->building);
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
    certificate_set_release(t->now);
    t->now = t->building;
    t->building = NULL;
    return 0;
fail:
    certificate_set_release(t->building);
    t->building = NULL;
    ERR_clear_error();
    return r;
}
