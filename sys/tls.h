/* tls: the server's side of TLS without a private key.
 *
 * A struct tls belongs to one event loop. It holds the certificates (public chains), the ticket
 * keys and the list of signatures that are being waited for. The private keys are in the role
 * `keys`: each handshake's signature is asked for through tls_ops.sign under an id, and tls_signed
 * brings it back; meanwhile the handshake rests and the loop goes on.
 *
 * Invariants:
 *  1. No private key ever enters this process: the provider that OpenSSL signs with knows public
 *     keys only.
 *  2. A signature is asked for once and completes at most once; a late, doubled or made-up id is
 *     ignored. When a connection goes away first, its id is forgotten.
 *  3. A set of certificates is replaced whole; sessions that began with the old one keep it.
 *  4. At most TLS_JOBS_MAX handshakes wait for a signature; further ones wait for their turn.
 *
 * TLS 1.2 and 1.3 only, ECDHE and AEAD (RFC 9325) unless the configuration says otherwise, no
 * renegotiation, no compression, session
 * tickets (RFC 5077, RFC 8446 4.6.1) under keys that all smtpd instances share. */
#ifndef CANDOR_SYS_TLS_H
#define CANDOR_SYS_TLS_H

#include "lib/base/buf.h"

enum { TLS_KEY_ID_BYTES = 32 };     /* SHA-256 of the SubjectPublicKeyInfo */
enum { TLS_SIGN_MAX_BYTES = 512 };  /* the longest text that is ever signed */
enum { TLS_TICKET_KEY_BYTES = 80 }; /* 16 name, 32 AES, 32 HMAC */
enum { TLS_TICKET_KEYS_MAX = 4 };   /* the newest first; it alone encrypts */
enum { TLS_EXPORTER_BYTES = 32, TLS_END_POINT_MAX = 64 };
enum { TLS_GROUPS_MAX = 64 };
enum { TLS_JOBS_MAX = 32 }; /* each has a stack of 32 KiB, which is used again */

struct tls;
struct tls_session; /* of one connection: conn_tls() */

struct tls_ops {
    /* Asks `keys` for a signature. scheme is a TLS SignatureScheme (RFC 8446 4.2.3) and tbs the
     * text to be signed, not its digest, so that `keys` can see that it is TLS's and nothing else.
     * Both slices are valid for the call only. 0, or -errno: then this handshake fails and
     * tls_signed must not be called for it. tls_signed may not be called from within. */
    int (*sign)(void *user, uint64_t id, slice key_id, uint16_t scheme, slice tbs);
};

/* What a session can say of its connection; the slices live as long as the connection. */
struct tls_facts {
    slice version; /* "TLSv1.3" */
    slice cipher;  /* the standard name: "TLS_AES_256_GCM_SHA384" */
    slice sni;     /* lower case, as the client sent it; empty: none */
    unsigned bits; /* of the cipher's key */
    bool resumed;
    bool has_binding;     /* tls_exporter or tls_end_point has something */
    bool has_certificate; /* the client has shown one, and it is valid */
};

/* NULL when there is no memory or OpenSSL lacks what we need. user is handed to ops. */
struct tls *tls_new(const struct tls_ops *ops, void *user) __attribute__((warn_unused_result));
/* Every connection of it is gone by then. */
void tls_free(struct tls *t);

/* From the configuration, for handshakes that begin from now on. only_1_3: refuse TLS 1.2. ciphers:
 * for TLS 1.2 in OpenSSL's notation; empty: ECDHE with AEAD only. -EINVAL when OpenSSL does not
 * understand them (nothing changes); -ENOMEM. */
int tls_policy(struct tls *t, bool only_1_3, slice ciphers) __attribute__((warn_unused_result));
/* One of a new set of `count` certificates, in the order of the configuration: index 0 begins the
 * set, index count-1 ends it, and then new handshakes use it. names: host names in lower case,
 * separated by blanks, wildcards as "*.example.org". chain: DER certificates one behind the other,
 * the leaf first. The first certificate is the one for clients that name no host, or an unknown
 * one; certificates that share its first name but have another kind of key stand beside it.
 * 0; -EINVAL: not understood (the old set stays); -ENOMEM. */
int tls_certificate(struct tls *t, uint32_t index, uint32_t count, slice key_id, slice names,
                    slice chain) __attribute__((warn_unused_result));
/* 1 to TLS_TICKET_KEYS_MAX keys of TLS_TICKET_KEY_BYTES, the newest first. -EINVAL else. */
int tls_ticket_keys(struct tls *t, slice keys) __attribute__((warn_unused_result));
/* Clients of that group (a listener, 0 to TLS_GROUPS_MAX - 1) are asked for a certificate from now
 * on (RFC 8446 4.3.2), which they need not have; it is valid when one of these, DER, stands behind
 * it or is it. Empty: they are not asked any more. -EINVAL: not understood (nothing changes);
 * -ENOMEM. */
int tls_authorities(struct tls *t, uint32_t group, slice certificates)
    __attribute__((warn_unused_result));
/* False until a whole set has come: there can be no handshake, so do not offer STARTTLS. */
bool tls_is_ready(const struct tls *t);

/* What AUTH asks of a connection after its handshake; each is empty when there is none.
 *
 * tls-exporter (RFC 9266): under TLS 1.3, and under 1.2 with an extended master secret (RFC 7627)
 * when the session was not resumed. */
slice tls_exporter(const struct tls_session *s, char room[static TLS_EXPORTER_BYTES]);
/* tls-server-end-point (RFC 5929 4): the hash of the certificate that the client was shown, also if
 * that was in the session which this one resumes. */
slice tls_end_point(const struct tls_session *s, char room[static TLS_END_POINT_MAX]);
/* Appends the client's certificate, DER, when it is valid by tls_authorities. False: there is none.
 */
bool tls_certificate_of_client(const struct tls_session *s, struct buf *out);

/* The answer to tls_ops.sign; an empty signature says that there is none. */
void tls_signed(struct tls *t, uint64_t id, slice signature);

#endif
