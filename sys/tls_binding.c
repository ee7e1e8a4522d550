/* tls_binding: what ties an exchange of AUTH to this very connection, and the client's certificate.
 */
#include <openssl/err.h>

#include "sys/tls_parts.h"

/* RFC 5929 4.1: the certificate as the client has got it, hashed with the hash of its own
 * signature, or with SHA-256 where that is older. With no such hash (Ed25519) it is not defined. */
static size_t hash_certificate(const struct tls *t, X509 *leaf, char *ret)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int hash = NID_undef;
    if (leaf == NULL || X509_get_signature_info(leaf, &hash, NULL, NULL, NULL) != 1 ||
        hash == NID_undef)
        return 0;
    if (hash == NID_md5 || hash == NID_sha1)
        hash = NID_sha256;
    EVP_MD *md = EVP_MD_fetch(t->lib, OBJ_nid2sn(hash), "?provider=default");
    if (md == NULL || X509_digest(leaf, md, digest, &n) != 1 || n > TLS_END_POINT_MAX)
        n = 0;
    EVP_MD_free(md);
    ERR_clear_error();
    memcpy(ret, digest, n);
    return n;
}

/* A resumed session shows no certificate: what the first one had is in its ticket. */
slice tls_end_point(const struct tls_session *s, char room[static TLS_END_POINT_MAX])
{
    void *kept = NULL;
    size_t n = 0;
    if (SSL_session_reused(s->ssl) != 1) {
        n = hash_certificate(s->tls, SSL_get_certificate(s->ssl), room);
    } else if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(s->ssl), &kept, &n) == 1 &&
               n <= TLS_END_POINT_MAX) {
        if (n > 0)
            memcpy(room, kept, n);
    } else {
        n = 0;
    }
    return slice_of(room, n);
}

int tls_on_ticket_made(SSL *ssl, void *arg)
{
    char room[TLS_END_POINT_MAX];
    slice end_point = tls_end_point(SSL_get_app_data(ssl), room);
    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), end_point.p, end_point.n);
}

SSL_TICKET_RETURN tls_on_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                     size_t key_name_n, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl, (void)session, (void)key_name, (void)key_name_n, (void)arg;
    switch (status) {
    case SSL_TICKET_SUCCESS:
        return SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
        return SSL_TICKET_RETURN_USE_RENEW;
    default: /* a number, not an enum */
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
}

slice tls_exporter(const struct tls_session *s, char room[static TLS_EXPORTER_BYTES])
{
    static const char label[] = "EXPORTER-Channel-Binding";
    /* RFC 9266 2: not where two connections may have the same master secret. */
    bool is_unique = SSL_version(s->ssl) >= TLS1_3_VERSION ||
                     (SSL_get_extms_support(s->ssl) == 1 && SSL_session_reused(s->ssl) != 1);
    bool ok = is_unique &&
              SSL_export_keying_material(s->ssl, (unsigned char *)room, TLS_EXPORTER_BYTES, label,
                                         sizeof label - 1, (const unsigned char *)"", 0, 1) == 1;
    ERR_clear_error();
    return ok ? slice_of(room, TLS_EXPORTER_BYTES) : (slice){0};
}

X509 *tls_client_certificate(const struct tls_session *s)
{
    X509 *leaf = SSL_get0_peer_certificate(s->ssl);
    return leaf != NULL && SSL_get_verify_result(s->ssl) == X509_V_OK ? leaf : NULL;
}

bool tls_certificate_of_client(const struct tls_session *s, struct buf *out)
{
    X509 *leaf = tls_client_certificate(s);
    unsigned char *der = NULL;
    int n = leaf == NULL ? 0 : i2d_X509(leaf, &der);
    if (n > 0)
        buf_add(out, slice_of(der, (size_t)n));
    OPENSSL_free(der);
    ERR_clear_error();
    return n > 0 && out->err == BUF_OK;
}
