/* tls_int: one TLS session as bytes in, bytes out; for conn.c and for tests. No socket here. */
#ifndef CANDOR_SYS_TLS_INT_H
#define CANDOR_SYS_TLS_INT_H

#include "lib/base/buf.h"
#include "sys/tls.h"

enum tls_step {
    TLS_STEP_DONE,   /* done what was asked for */
    TLS_STEP_MORE,   /* all of *in was taken and more is needed */
    TLS_STEP_WAIT,   /* for a signature: call again after wake */
    TLS_STEP_END,    /* the peer said close_notify */
    TLS_STEP_FAILED, /* see tls_session_why; what is in out (an alert) is still worth sending */
};

/* wake(owner) is called from tls_signed, or when another session gave up its place; it only takes
 * note, it calls nothing here. group: of tls_authorities. NULL when there is no memory or tls is
 * not ready. */
struct tls_session *tls_session_new(struct tls *t, uint32_t group, void (*wake)(void *owner),
                                    void *owner) __attribute__((warn_unused_result));
/* At any time, also while a signature is awaited. NULL is allowed. */
void tls_session_free(struct tls_session *s);

/* Each takes what it can use off *in and appends what is to be sent to out. */
enum tls_step tls_session_handshake(struct tls_session *s, slice *in, struct buf *out)
    __attribute__((warn_unused_result));
/* TLS_STEP_DONE: 1 to max bytes are at p, *ret_n says how many; call again. */
enum tls_step tls_session_read(struct tls_session *s, slice *in, struct buf *out, char *p,
                               size_t max, size_t *ret_n) __attribute__((warn_unused_result));
/* TLS_STEP_DONE or TLS_STEP_FAILED; plain is not empty. */
enum tls_step tls_session_write(struct tls_session *s, slice plain, struct buf *out)
    __attribute__((warn_unused_result));
/* OpenSSL need not overwrite what it has decrypted. */
void tls_session_set_bulk(struct tls_session *s, bool is_bulk);
/* Appends close_notify. */
void tls_session_close(struct tls_session *s, struct buf *out);

/* After the handshake. */
void tls_session_facts(const struct tls_session *s, struct tls_facts *ret);
/* Why the last step failed, in OpenSSL's words, "" when it has none. */
slice tls_session_why(const struct tls_session *s);

/* The provider's way to a signature, on the stack of the session's job: the number of bytes at
 * ret_sig, 0 when there is none. */
size_t tls_session_sign(slice key_id, uint16_t scheme, slice tbs, char *ret_sig, size_t max);

#endif
