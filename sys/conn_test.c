/* A connection over a socket pair, in the clear and under TLS with OpenSSL's client. */
#include "lib/base/test.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "sys/conn.h"
#include "sys/loop.h"
#include "sys/tls.h"

struct fixture {
    struct loop *loop;
    struct conn_set *set;
    struct conn *c; /* NULL after on_closed */
    int peer;
    struct buf got;
    size_t take; /* how many bytes on_data takes of what comes, at most */
    bool start_tls_at_data;
    bool pause_at_data;
    bool close_at_eof;
    size_t datas, eofs, drains, closed;
    enum conn_end end;
    char detail[64];
    char tls_why[64];
    bool tls_done;
    char cipher[64];
    /* TLS */
    struct tls *tls;
    EVP_PKEY *key;
    uint64_t sign_id;
    char tbs[TLS_SIGN_MAX_BYTES];
    size_t tbs_n;
    struct timer timer;
};

static size_t on_data(void *user, struct conn *c, slice in)
{
    struct fixture *f = user;
    f->datas++;
    slice s = slice_head(in, f->take);
    buf_add(&f->got, s);
    if (f->pause_at_data)
        conn_pause(c);
    if (f->start_tls_at_data) {
        conn_write(c, SLICE_LIT("220 go\r\n"));
        conn_start_tls(c, f->tls, 0, 200);
    }
    return s.n;
}

static void on_eof(void *user, struct conn *c)
{
    struct fixture *f = user;
    f->eofs++;
    if (f->close_at_eof)
        conn_close(c, 1000);
}

static void on_tls(void *user, struct conn *c, const struct tls_facts *facts, slice why)
{
    struct fixture *f = user;
    if (facts == NULL) {
        memcpy(f->tls_why, why.p, why.n + 1);
        return;
    }
    assert_true(conn_is_tls(c));
    f->tls_done = true;
    memcpy(f->cipher, facts->cipher.p, facts->cipher.n + 1);
}

static void on_drain(void *user, struct conn *c)
{
    (void)c;
    ((struct fixture *)user)->drains++;
}

static void on_closed(void *user, struct conn *c, enum conn_end end, slice detail)
{
    struct fixture *f = user;
    assert_ptr_equal(f->c, c);
    f->c = NULL;
    f->closed++;
    f->end = end;
    assert_true(detail.n < sizeof f->detail);
    memcpy(f->detail, detail.p, detail.n);
}

static const struct conn_ops ops = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_tls = on_tls,
    .on_drain = on_drain,
    .on_closed = on_closed,
};

static int on_sign(void *user, uint64_t id, slice key_id, uint16_t scheme, slice tbs)
{
    struct fixture *f = user;
    (void)key_id;
    assert_int_equal(scheme, 0x0403);
    f->sign_id = id;
    memcpy(f->tbs, tbs.p, tbs.n);
    f->tbs_n = tbs.n;
    return 0;
}

static const struct tls_ops tls_ops = {.sign = on_sign};

static void sign(struct fixture *f)
{
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    char sig[256];
    size_t n = sizeof sig;
    assert_int_equal(EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, f->key), 1);
    assert_int_equal(EVP_DigestSign(m, (unsigned char *)sig, &n, (unsigned char *)f->tbs, f->tbs_n),
                     1);
    EVP_MD_CTX_free(m);
    tls_signed(f->tls, f->sign_id, slice_of(sig, n));
    f->sign_id = 0;
}

static void give_certificate(struct fixture *f)
{
    X509 *x = X509_new();
    unsigned char *der = NULL, *spki = NULL, id[32];
    f->key = EVP_EC_gen("P-256");
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, f->key);
    assert_true(X509_sign(x, f->key, EVP_sha256()) > 0);
    int n = i2d_X509(x, &der), spki_n = i2d_PUBKEY(f->key, &spki);
    EVP_Q_digest(NULL, "SHA256", NULL, spki, (size_t)spki_n, id, NULL);
    assert_int_equal(tls_certificate(f->tls, 0, 1, slice_of(id, 32), SLICE_LIT("h.example"),
                                     slice_of(der, (size_t)n)),
                     0);
    OPENSSL_free(der);
    OPENSSL_free(spki);
    X509_free(x);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int fd[2];
    buf_init(&f->got, 1 << 24);
    f->take = SIZE_MAX;
    f->loop = loop_new();
    f->set = conn_set_new(f->loop);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
    f->peer = fd[1];
    f->c = conn_new(f->set, fd[0], &ops, f);
    assert_non_null(f->c);
    f->tls = tls_new(&tls_ops, f);
    assert_non_null(f->tls);
    *state = f;
    return 0;
}

static void stop(struct timer *t)
{
    struct fixture *f = CONTAINER_OF(t, struct fixture, timer);
    loop_stop(f->loop);
}

/* Lets the loop turn until it has nothing more to do for a moment. */
static void turn(struct fixture *f)
{
    timer_set(f->loop, &f->timer, 20, stop);
    assert_int_equal(loop_run(f->loop), 0);
}

static void turn_until_closed(struct fixture *f)
{
    for (int i = 0; i < 500 && f->closed == 0; i++)
        turn(f);
    assert_int_equal(f->closed, 1);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->c != NULL) {
        conn_abort(f->c);
        turn(f);
        assert_int_equal(f->end, CONN_END_ABORTED);
    }
    assert_int_equal(f->closed, 1);
    if (f->peer >= 0)
        close(f->peer);
    conn_set_free(f->set);
    tls_free(f->tls);
    loop_free(f->loop);
    EVP_PKEY_free(f->key);
    buf_release(&f->got);
    free(f);
    return 0;
}

static void peer_says(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->peer, text, strlen(text)), strlen(text));
}

static void peer_hears(struct fixture *f, const char *want)
{
    char bytes[4096];
    ssize_t n = read(f->peer, bytes, sizeof bytes);
    assert_slice(slice_of(bytes, n < 0 ? 0 : (size_t)n), slice_cstr(want));
}

static void takes_and_gives(void **state)
{
    struct fixture *f = *state;
    peer_says(f, "EHLO x\r\n");
    turn(f);
    assert_slice(buf_slice(&f->got), SLICE_LIT("EHLO x\r\n"));
    conn_write(f->c, SLICE_LIT("250-a\r\n"));
    conn_write(f->c, SLICE_LIT("250 b\r\n"));
    assert_int_equal(conn_unsent(f->c), 14);
    turn(f);
    assert_int_equal(conn_unsent(f->c), 0);
    peer_hears(f, "250-a\r\n250 b\r\n");
    conn_write(f->c, SLICE_LIT("221 bye\r\n"));
    conn_close(f->c, 1000);
    conn_write(f->c, SLICE_LIT("ignored"));
    turn(f);
    peer_hears(f, "221 bye\r\n");
    peer_hears(f, ""); /* the end */
    assert_int_equal(f->closed, 0);
    peer_says(f, "more"); /* read away, not told */
    close(f->peer);
    f->peer = -1;
    turn(f);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->end, CONN_END_DONE);
    assert_int_equal(f->datas, 1);
    assert_int_equal(f->eofs, 0);
}

static void untaken_bytes_come_again(void **state)
{
    struct fixture *f = *state;
    f->take = 3;
    peer_says(f, "0123456789");
    shutdown(f->peer, SHUT_WR);
    turn(f);
    turn(f);
    assert_slice(buf_slice(&f->got), SLICE_LIT("012"));
    conn_resume(f->c);
    turn(f);
    assert_slice(buf_slice(&f->got), SLICE_LIT("012345"));
    f->take = SIZE_MAX;
    conn_resume(f->c);
    conn_resume(f->c);
    assert_int_equal(f->datas, 2); /* not from inside the call */
    f->close_at_eof = true;
    turn(f);
    assert_slice(buf_slice(&f->got), SLICE_LIT("0123456789"));
    assert_int_equal(f->eofs, 1);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->end, CONN_END_DONE);
}

static void pause_holds(void **state)
{
    struct fixture *f = *state;
    conn_pause(f->c);
    peer_says(f, "a");
    turn(f);
    assert_int_equal(f->datas, 0);
    f->pause_at_data = true;
    conn_resume(f->c);
    turn(f);
    assert_int_equal(f->datas, 1);
    peer_says(f, "b");
    turn(f);
    assert_int_equal(f->datas, 1);
    shutdown(f->peer, SHUT_WR);
    turn(f);
    assert_int_equal(f->eofs, 0);
    f->pause_at_data = false;
    conn_resume(f->c);
    turn(f);
    assert_int_equal(f->datas, 2);
    assert_int_equal(f->eofs, 1);
}

static void slow_reader_is_not_read(void **state)
{
    struct fixture *f = *state;
    static char much[CONN_OUT_MAX_BYTES - 1];
    memset(much, 'x', sizeof much);
    conn_write(f->c, slice_of(much, sizeof much));
    turn(f);
    assert_true(conn_unsent(f->c) >= CONN_OUT_HIGH_BYTES);
    peer_says(f, "a");
    turn(f);
    assert_int_equal(f->datas, 0);
    size_t n = 0;
    while (n < sizeof much) {
        static char bytes[1 << 20];
        ssize_t r = read(f->peer, bytes, sizeof bytes);
        if (r > 0)
            n += (size_t)r;
        else
            turn(f);
    }
    turn(f);
    assert_int_equal(f->drains, 1);
    assert_int_equal(f->datas, 1);
    /* Who never reads is broken off. */
    conn_write(f->c, slice_of(much, sizeof much));
    conn_write(f->c, slice_of(much, sizeof much));
    turn(f);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->end, CONN_END_LOCAL);
}

static void close_has_a_limit(void **state)
{
    struct fixture *f = *state;
    static char much[CONN_OUT_MAX_BYTES - 1];
    conn_write(f->c, slice_of(much, sizeof much));
    conn_close(f->c, 50);
    turn_until_closed(f);
    assert_int_equal(f->end, CONN_END_TIMEOUT);
}

static void linger_has_a_limit(void **state)
{
    struct fixture *f = *state;
    conn_close(f->c, 50);
    turn_until_closed(f);
    assert_int_equal(f->end, CONN_END_DONE);
}

static void the_end_of_all(void **state)
{
    struct fixture *f = *state;
    conn_write(f->c, SLICE_LIT("lost"));
    conn_set_end(f->set);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->end, CONN_END_ABORTED);
}

static void peer_is_gone(void **state)
{
    struct fixture *f = *state;
    close(f->peer);
    f->peer = -1;
    conn_write(f->c, SLICE_LIT("220 hello\r\n"));
    turn(f);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->end, CONN_END_PEER);
    assert_string_equal(f->detail, "EPIPE");
}

/* ---- TLS ---- */

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
};

static void client_init(struct client *k, struct fixture *f)
{
    k->ctx = SSL_CTX_new(TLS_client_method());
    k->ssl = SSL_new(k->ctx);
    SSL_set_fd(k->ssl, f->peer);
    SSL_set_connect_state(k->ssl);
}

static void client_release(struct client *k)
{
    SSL_free(k->ssl);
    SSL_CTX_free(k->ctx);
}

static void shake_hands(struct fixture *f, struct client *k)
{
    bool done = false;
    for (int i = 0; i < 20 && !(done && f->tls_done); i++) {
        done = done || SSL_do_handshake(k->ssl) == 1;
        turn(f);
        if (f->sign_id != 0)
            sign(f);
    }
    assert_true(done && f->tls_done);
}

static void starts_tls(void **state)
{
    struct fixture *f = *state;
    struct client k;
    char bytes[64];
    give_certificate(f);
    f->take = 10;
    f->start_tls_at_data = true;
    /* What was put behind STARTTLS in the clear must never be heard (RFC 3207 4.2). */
    peer_says(f, "STARTTLS\r\nRSET\r\n");
    turn(f);
    peer_hears(f, "220 go\r\n");
    assert_false(conn_is_tls(f->c));
    f->take = SIZE_MAX;
    f->start_tls_at_data = false;
    client_init(&k, f);
    shake_hands(f, &k);
    assert_string_equal(f->cipher, "TLS_AES_256_GCM_SHA384");
    buf_clear(&f->got);
    assert_int_equal(SSL_write(k.ssl, "EHLO x\r\n", 8), 8);
    assert_int_equal(SSL_write(k.ssl, "NOOP\r\n", 6), 6);
    turn(f);
    assert_slice(buf_slice(&f->got), SLICE_LIT("EHLO x\r\nNOOP\r\n"));
    assert_int_equal(f->datas, 2); /* both records at once */
    conn_write(f->c, SLICE_LIT("250 a\r\n"));
    conn_write(f->c, SLICE_LIT("250 b\r\n"));
    conn_close(f->c, 1000);
    turn(f);
    assert_int_equal(SSL_read(k.ssl, bytes, sizeof bytes), 14); /* one record */
    assert_int_equal(SSL_read(k.ssl, bytes, sizeof bytes), 0);
    assert_int_equal(SSL_get_error(k.ssl, 0), SSL_ERROR_ZERO_RETURN);
    client_release(&k);
    close(f->peer);
    f->peer = -1;
    turn(f);
    assert_int_equal(f->end, CONN_END_DONE);
}

static void pauses_under_tls(void **state)
{
    struct fixture *f = *state;
    struct client k;
    give_certificate(f);
    conn_start_tls(f->c, f->tls, 0, 1000);
    client_init(&k, f);
    shake_hands(f, &k);
    f->take = 5;
    static char much[100000];
    memset(much, 'y', sizeof much);
    size_t sent = 0;
    for (int i = 0; i < 100000 && f->got.n < sizeof much; i++) {
        if (sent < sizeof much) {
            int n = SSL_write(k.ssl, much + sent, 20000);
            sent += n > 0 ? (size_t)n : 0;
            if (sent == sizeof much) {
                SSL_shutdown(k.ssl);
                f->take = 4999;
            }
        }
        timer_set(f->loop, &f->timer, 0, stop);
        loop_run(f->loop);
        conn_resume(f->c);
    }
    assert_int_equal(f->got.n, sizeof much);
    turn(f);
    assert_int_equal(f->eofs, 1);
    client_release(&k);
}

static void handshake_fails(void **state)
{
    struct fixture *f = *state;
    give_certificate(f);
    conn_start_tls(f->c, f->tls, 0, 1000);
    peer_says(f, "EHLO x\r\n");
    turn(f);
    assert_string_equal(f->tls_why, "wrong version number");
    shutdown(f->peer, SHUT_WR);
    turn_until_closed(f);
    assert_int_equal(f->end, CONN_END_TLS);
    assert_string_equal(f->detail, "wrong version number");
}

static void handshake_takes_too_long(void **state)
{
    struct fixture *f = *state;
    give_certificate(f);
    conn_start_tls(f->c, f->tls, 0, 30);
    for (int i = 0; i < 100 && f->tls_why[0] == '\0'; i++)
        turn(f);
    assert_string_equal(f->tls_why, "time-out");
    close(f->peer);
    f->peer = -1;
    turn_until_closed(f);
    assert_int_equal(f->end, CONN_END_TLS);
}

static void peer_leaves_during_signature(void **state)
{
    struct fixture *f = *state;
    struct client k;
    give_certificate(f);
    conn_start_tls(f->c, f->tls, 0, 1000);
    client_init(&k, f);
    (void)SSL_do_handshake(k.ssl);
    turn(f);
    assert_true(f->sign_id != 0);
    client_release(&k);
    close(f->peer);
    f->peer = -1;
    turn_until_closed(f);
    assert_int_equal(f->end, CONN_END_TLS);
    assert_string_equal(f->tls_why, "connection ended");
    sign(f); /* too late, and harmless */
}

static void no_certificate_no_tls(void **state)
{
    struct fixture *f = *state;
    conn_start_tls(f->c, f->tls, 0, 1000);
    turn(f);
    assert_string_equal(f->tls_why, "no certificate");
    assert_false(conn_is_tls(f->c));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(takes_and_gives),
        T(untaken_bytes_come_again),
        T(pause_holds),
        T(slow_reader_is_not_read),
        T(close_has_a_limit),
        T(linger_has_a_limit),
        T(the_end_of_all),
        T(peer_is_gone),
        T(starts_tls),
        T(pauses_under_tls),
        T(handshake_fails),
        T(handshake_takes_too_long),
        T(peer_leaves_during_signature),
        T(no_certificate_no_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
