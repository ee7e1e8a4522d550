/* tls_parts: what the files of sys/tls share: tls.c has what all sessions have in common,
 * tls_certificate.c the certificates and which one a client is shown, tls_sign.c the signatures
 * that are being waited for, tls_session.c one session's bytes. Nobody else includes this. */
#ifndef CANDOR_SYS_TLS_PARTS_H
#define CANDOR_SYS_TLS_PARTS_H

#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "sys/tls_int.h"

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

    struct certificate_set *now;                         /* NULL: none yet */
    struct certificate_set *building;                    /* NULL: between sets */
    struct tls_authorities *authorities[TLS_GROUPS_MAX]; /* NULL: nobody is asked */
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

/* ---- tls.c ---- */

/* NULL: no memory. */
SSL_CTX *tls_context_new(struct tls *t);

/* ---- tls_certificate.c ---- */

/* NULL is ignored. */
void certificate_set_release(struct certificate_set *set);
/* Takes one certificate, DER, off *der. */
bool tls_take_x509(struct tls *t, slice *der, X509 **ret) __attribute__((warn_unused_result));
/* OpenSSL's callbacks: the client's hello has been read, before anything is chosen; and a name in
 * it. */
int tls_on_certificate_wanted(SSL *ssl, void *arg);
int tls_on_server_name(SSL *ssl, int *ret_alert, void *arg);

/* ---- tls_sign.c ---- */

/* May a handshake of s go on now, as far as places for signatures are concerned? When not, s is
 * woken when it may. */
bool tls_sign_may_go_on(struct tls_session *s);
/* A place may have become free: the first that waits for one may take it. */
void tls_sign_wake(struct tls *t);
/* s goes away: whatever it waits for comes to nothing, and an ASYNC job of it may run to its end.
 */
void tls_sign_forget(struct tls_session *s);

/* ---- tls_authority.c ---- */

void tls_authorities_free(struct tls_authorities *a);
/* Before s's handshake: the client shall be asked for a certificate, if there are authorities for
 * that group. False: no memory. */
bool tls_authorities_use(struct tls_session *s, uint32_t group);

/* ---- tls_binding.c ---- */

/* Valid, and s's; or NULL. */
X509 *tls_client_certificate(const struct tls_session *s);
/* OpenSSL's callbacks: tickets carry tls_end_point. */
int tls_on_ticket_made(SSL *ssl, void *arg);
SSL_TICKET_RETURN tls_on_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                     size_t key_name_n, SSL_TICKET_STATUS status, void *arg);

/* ---- tls_session.c ---- */

/* False: no memory. */
bool tls_bio_init(struct tls *t);

#endif
