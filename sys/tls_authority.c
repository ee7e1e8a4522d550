/* tls_authority: whose certificates clients may show. A client is asked for one and need not have
 * any; one that cannot be verified ends nothing, it only counts for nothing. */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "sys/tls_parts.h"

enum { CHAIN_MAX_BYTES = 32768 }; /* of what a client sends */

/* Immutable, and kept alive by the sessions that were begun with it (the store), so replaced whole.
 */
struct tls_authorities {
    X509_STORE *store;
    STACK_OF(X509_NAME) * names;
    unsigned char id[32]; /* SHA-256 of them all: tickets are good under the same ones alone */
};

void tls_authorities_free(struct tls_authorities *a)
{
    if (a == NULL)
        return;
    X509_STORE_free(a->store);
    sk_X509_NAME_pop_free(a->names, X509_NAME_free);
    free(a);
}

static bool add_authority(struct tls_authorities *a, X509 *x)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));
    if (X509_STORE_add_cert(a->store, x) == 1 && name != NULL &&
        sk_X509_NAME_push(a->names, name) > 0)
        return true;
    X509_NAME_free(name);
    return false;
}

static int authorities_read(struct tls *t, struct tls_authorities *a, slice certificates)
{
    size_t n = 0;
    a->store = X509_STORE_new();
    a->names = sk_X509_NAME_new_null();
    if (a->store == NULL || a->names == NULL ||
        /* A client's own certificate may stand in the file as well as its authority's. */
        X509_STORE_set_flags(a->store, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
        EVP_Q_digest(t->lib, "SHA256", NULL, certificates.p, certificates.n, a->id, &n) != 1)
        return -ENOMEM;
    while (certificates.n > 0) {
        X509 *x;
        if (!tls_take_x509(t, &certificates, &x))
            return -EINVAL;
        bool ok = add_authority(a, x);
        X509_free(x);
        if (!ok)
            return -ENOMEM;
    }
    return 0;
}

int tls_authorities(struct tls *t, uint32_t group, slice certificates)
{
    struct tls_authorities *a = NULL;
    if (group >= TLS_GROUPS_MAX)
        return -EINVAL;
    if (certificates.n > 0) {
        a = calloc(1, sizeof *a);
        int r = a == NULL ? -ENOMEM : authorities_read(t, a, certificates);
        ERR_clear_error();
        if (r != 0) {
            tls_authorities_free(a);
            return r;
        }
    }
    tls_authorities_free(t->authorities[group]);
    t->authorities[group] = a;
    return 0;
}

/* The handshake goes on whatever is wrong with it; the result is kept. */
static int on_verified(int ok, X509_STORE_CTX *context)
{
    (void)ok, (void)context;
    return 1;
}

bool tls_authorities_use(struct tls_session *s, uint32_t group)
{
    const struct tls_authorities *a = group < TLS_GROUPS_MAX ? s->tls->authorities[group] : NULL;
    if (a == NULL)
        return true;
    STACK_OF(X509_NAME) *names = sk_X509_NAME_deep_copy(a->names, X509_NAME_dup, X509_NAME_free);
    if (names == NULL || SSL_set1_verify_cert_store(s->ssl, a->store) != 1 ||
        SSL_set_session_id_context(s->ssl, a->id, sizeof a->id) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return false;
    }
    SSL_set0_CA_list(s->ssl, names);
    SSL_set_max_cert_list(s->ssl, CHAIN_MAX_BYTES);
    SSL_set_verify(s->ssl, SSL_VERIFY_PEER, on_verified);
    return true;
}
