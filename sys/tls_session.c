/* tls_session: one session as bytes in, bytes out. */
#include <openssl/err.h>
#include <stdlib.h>

#include "sys/tls_parts.h"

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

bool tls_bio_init(struct tls *t)
{
    t->bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "session");
    return t->bio_method != NULL && BIO_meth_set_read_ex(t->bio_method, bio_read) == 1 &&
           BIO_meth_set_write_ex(t->bio_method, bio_write) == 1 &&
           BIO_meth_set_ctrl(t->bio_method, bio_ctrl) == 1;
}

/* ---- sessions ---- */

/* OpenSSL hands the SSL to the provider by way of this callback's argument; nobody calls it. */
static int on_async(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 1;
}

struct tls_session *tls_session_new(struct tls *t, uint32_t group, void (*wake)(void *owner),
                                    void *owner)
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
    if (!tls_authorities_use(s, group)) {
        SSL_free(s->ssl);
        free(s);
        return NULL;
    }
    s->set = t->now;
    s->set->refs++;
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    tls_sign_forget(s);
    if (SSL_waiting_for_async(s->ssl)) {
        /* The job must run to its end, or its stack is lost. */
        s->in = NULL;
        s->out = NULL;
        (void)SSL_do_handshake(s->ssl);
        ERR_clear_error();
        tls_sign_wake(s->tls);
    }
    SSL_free(s->ssl);
    certificate_set_release(s->set);
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
    if (!tls_sign_may_go_on(s))
        return TLS_STEP_WAIT;
    begin(s, in, out);
    enum tls_step step = step_of(s, SSL_do_handshake(s->ssl));
    if (step == TLS_STEP_DONE) {
        /* No more signatures, so no more jobs: each call would cost a change of stacks. */
        SSL_clear_mode(s->ssl, SSL_MODE_ASYNC);
        certificate_set_release(s->set);
        s->set = NULL;
        SSL_set0_CA_list(s->ssl, NULL); /* a copy, and of no more use */
    }
    tls_sign_wake(s->tls);
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

void tls_session_set_bulk(struct tls_session *s, bool is_bulk)
{
    if (is_bulk)
        SSL_clear_options(s->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    else
        SSL_set_options(s->ssl, SSL_OP_CLEANSE_PLAINTEXT);
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
    char exporter[TLS_EXPORTER_BYTES], end_point[TLS_END_POINT_MAX];
    *ret = (struct tls_facts){
        .version = slice_cstr(SSL_get_version(s->ssl)),
        .cipher = slice_cstr(SSL_CIPHER_standard_name(cipher)),
        .sni = slice_cstr(s->sni),
        .bits = (unsigned)SSL_CIPHER_get_bits(cipher, NULL),
        .resumed = SSL_session_reused(s->ssl) == 1,
        .has_binding = tls_exporter(s, exporter).n > 0 || tls_end_point(s, end_point).n > 0,
        .has_certificate = tls_client_certificate(s) != NULL,
    };
}

slice tls_session_why(const struct tls_session *s)
{
    return slice_cstr(s->why);
}
