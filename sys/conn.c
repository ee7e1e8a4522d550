#include "sys/conn.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "sys/loop.h"
#include "sys/tls_int.h"

enum { TLS_RECORD_BYTES = 16384 };
/* How long a refused handshake may take to fetch its alert. */
enum { ALERT_TIMEOUT_MS = 2000 };
/* How much of what a peer still sends is read away so that it sees our end, not a reset. */
enum { LINGER_MAX_BYTES = 1024 * 1024 };
/* Many handshakes at a time leave holes between the sessions that stay: 38 KB of memory a session
 * instead of 21 when 1000 come at once. Given back when it is calm again. */
enum { TRIM_HANDSHAKES = 128, TRIM_DELAY_MS = 3000 };

enum state {
    OPEN,
    HANDSHAKE,
    CLOSING,   /* what waits is sent, then our side is shut */
    LINGERING, /* until the peer ends, too */
    GONE,      /* the end of this turn frees it */
};

struct conn_set {
    struct loop *loop;
    struct timer trim;
    uint32_t handshakes; /* since the last trim */
    struct conn *first;
    char plain[CONN_READ_BYTES];  /* what on_data is given */
    char sealed[CONN_READ_BYTES]; /* what comes from the socket under TLS */
};

struct conn {
    struct conn_set *set;
    struct conn *next, **link; /* in the set */
    const struct conn_ops *ops;
    void *user;
    struct watch watch;
    struct turn_hook hook;
    struct timer timer; /* for a handshake, then for the end */
    struct tls_session *tls;
    struct buf out;  /* to be sent; under TLS not encrypted yet */
    struct buf wire; /* to be sent before out, as it is */
    /* Came, and was not taken: kept in the clear, sealed under TLS. Both are empty unless paused
     * or waiting for a signature. */
    struct buf kept;
    struct buf sealed;
    const char *detail;
    enum conn_end end;
    uint8_t state;
    uint32_t discarded;
    bool paused;
    bool is_secure; /* under TLS, handshake done */
    bool is_bulk;
    bool woken; /* the handshake may go on */
    bool ended; /* the peer sends no more */
    bool told_eof;
    bool told_close;   /* close_notify is in wire */
    bool is_tls_first; /* in a handshake of which nothing has come yet: conn_tls_comes_first */
    bool congested;    /* CONN_OUT_HIGH_BYTES was reached, on_drain is owed */
};

static void on_turn(struct turn_hook *h);

static void touch(struct conn *c)
{
    turn_hook_queue(c->set->loop, &c->hook, on_turn);
}

static void gone(struct conn *c, enum conn_end end, const char *detail)
{
    if (c->state == GONE)
        return;
    /* What went wrong first is what is told. */
    if (c->end != CONN_END_TLS || end == CONN_END_ABORTED) {
        c->end = end;
        c->detail = detail;
    }
    c->state = GONE;
    touch(c);
}

/* The reason that a system call's failure stands for. */
static void gone_error(struct conn *c, int error)
{
    if (c->state == LINGERING)
        gone(c, c->end, c->detail); /* it has got all that we had */
    else if (error == ECONNRESET || error == EPIPE || error == ENOTCONN || error == ETIMEDOUT ||
             error == EHOSTUNREACH || error == ENETUNREACH || error == ECONNABORTED)
        gone(c, CONN_END_PEER, strerrorname_np(error));
    else
        gone(c, CONN_END_LOCAL, strerrorname_np(error));
}

size_t conn_unsent(const struct conn *c)
{
    return c->wire.n + c->out.n;
}

static void on_timeout(struct timer *t);

/* Flush, shut, wait; the connection then ends as `end` says. */
static void closing(struct conn *c, enum conn_end end, const char *detail, uint32_t timeout_ms)
{
    c->state = CLOSING;
    c->end = end;
    c->detail = detail;
    secret_release(&c->kept);
    buf_release(&c->sealed);
    if (end == CONN_END_TLS || (c->tls != NULL && !c->is_secure)) {
        buf_release(&c->out); /* there is no way to send it */
        c->told_close = true;
    }
    timer_set(c->set->loop, &c->timer, timeout_ms, on_timeout);
    touch(c);
}

static void handshake_failed(struct conn *c, const char *why)
{
    closing(c, CONN_END_TLS, why, ALERT_TIMEOUT_MS);
    c->ops->on_tls(c->user, c, NULL, slice_cstr(why));
}

/* The handshake is given up for plain words. */
static void plain(struct conn *c)
{
    timer_stop(c->set->loop, &c->timer);
    tls_session_free(c->tls);
    c->tls = NULL;
    c->is_tls_first = false;
    c->state = OPEN;
    buf_release(&c->sealed);
    c->ops->on_plain(c->user, c);
    touch(c);
}

static void on_timeout(struct timer *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, timer);
    if (c->state == HANDSHAKE && c->is_tls_first)
        plain(c);
    else if (c->state == HANDSHAKE)
        handshake_failed(c, "time-out");
    else if (c->state == CLOSING || c->state == LINGERING)
        gone(c, c->end == CONN_END_DONE && conn_unsent(c) > 0 ? CONN_END_TIMEOUT : c->end,
             c->detail);
}

/* ---- input ---- */

/* Keeps what was not taken for later. */
static void keep(struct conn *c, struct buf *b, slice rest)
{
    if (rest.n == 0 || (c->state != OPEN && c->state != HANDSHAKE))
        return;
    buf_add(b, rest);
    if (b->err != BUF_OK)
        gone(c, CONN_END_LOCAL, "no memory");
}

static void deliver(struct conn *c, slice in)
{
    size_t used = c->ops->on_data(c->user, c, in);
    if (c->state == HANDSHAKE && c->is_tls_first && used < in.n) {
        keep(c, &c->sealed, slice_tail(in, used));
        c->woken = true;
        touch(c);
        return;
    }
    if (used >= in.n || c->state != OPEN)
        return; /* also when there was a conn_start_tls: the rest is forgotten */
    c->paused = true;
    keep(c, &c->kept, slice_tail(in, used));
}

static bool may_deliver(const struct conn *c)
{
    return c->state == OPEN && !c->paused && conn_unsent(c) < CONN_OUT_HIGH_BYTES;
}

static void on_trim(struct timer *t)
{
    CONTAINER_OF(t, struct conn_set, trim)->handshakes = 0;
    (void)malloc_trim(0); /* says whether there was anything */
}

static void count_handshake(struct conn_set *set)
{
    if (++set->handshakes >= TRIM_HANDSHAKES)
        timer_set(set->loop, &set->trim, TRIM_DELAY_MS, on_trim);
}

/* One step of the handshake; *in is what there is of the peer's bytes. */
static void shake(struct conn *c, slice *in)
{
    struct tls_facts facts;
    switch (tls_session_handshake(c->tls, in, &c->wire)) {
    case TLS_STEP_DONE:
        timer_stop(c->set->loop, &c->timer);
        c->state = OPEN;
        c->is_secure = true;
        count_handshake(c->set);
        tls_session_facts(c->tls, &facts);
        c->ops->on_tls(c->user, c, &facts, (slice){0});
        break;
    case TLS_STEP_MORE:
        if (c->ended)
            handshake_failed(c, "connection ended");
        break;
    case TLS_STEP_WAIT:
        break;
    case TLS_STEP_END:
    case TLS_STEP_FAILED:
        handshake_failed(c, tls_session_why(c->tls).p);
        break;
    }
    touch(c);
}

/* Decrypts up to a buffer full of records; false when there is no more for now. */
static bool unseal(struct conn *c, slice *in)
{
    char *plain = c->set->plain;
    size_t n = 0, got;
    enum tls_step step = TLS_STEP_DONE;
    while (step == TLS_STEP_DONE && CONN_READ_BYTES - n >= TLS_RECORD_BYTES) {
        step = tls_session_read(c->tls, in, &c->wire, plain + n, CONN_READ_BYTES - n, &got);
        if (step == TLS_STEP_DONE)
            n += got;
    }
    if (n > 0)
        deliver(c, slice_of(plain, n));
    /* There may be a password in it, and who comes next may be a stranger. */
    if (!c->is_bulk)
        secret_wipe(plain, n);
    if (c->wire.n > 0)
        touch(c); /* an answer of TLS's own */
    switch (step) {
    case TLS_STEP_DONE:
        return true;
    case TLS_STEP_MORE:
        return false;
    case TLS_STEP_END:
        c->ended = true;
        return false;
    case TLS_STEP_WAIT:
    case TLS_STEP_FAILED:
        if (c->state == OPEN)
            closing(c, CONN_END_TLS, tls_session_why(c->tls).p, ALERT_TIMEOUT_MS);
        return false;
    }
    return false;
}

static void take_sealed(struct conn *c, slice in)
{
    enum { HANDSHAKE_RECORD = 0x16 }; /* RFC 8446 5.1 */
    if (c->state == HANDSHAKE && c->is_tls_first && in.n > 0) {
        if (in.p[0] != HANDSHAKE_RECORD) {
            plain(c);
            return;
        }
        c->is_tls_first = false;
    }
    if (c->state == HANDSHAKE)
        shake(c, &in);
    while (may_deliver(c) && unseal(c, &in))
        ;
    keep(c, &c->sealed, in);
}

/* What was kept comes first; then the end, if there is one. */
static void take_kept(struct conn *c)
{
    if (c->kept.n > 0 && may_deliver(c)) {
        struct buf b = c->kept;
        buf_init(&c->kept, b.max);
        deliver(c, buf_slice(&b));
        secret_release(&b);
    }
    if (c->state == HANDSHAKE && c->tls == NULL)
        handshake_failed(c, "no certificate");
    if ((c->state == HANDSHAKE && c->woken) ||
        (c->sealed.n > 0 && c->kept.n == 0 && may_deliver(c))) {
        struct buf b = c->sealed;
        buf_init(&c->sealed, b.max);
        c->woken = false;
        take_sealed(c, buf_slice(&b));
        buf_release(&b);
    }
    if (c->ended && !c->told_eof && may_deliver(c) && c->kept.n + c->sealed.n == 0) {
        c->told_eof = true;
        c->ops->on_eof(c->user, c);
    }
}

static void on_readable(struct conn *c)
{
    char *p = c->tls != NULL ? c->set->sealed : c->set->plain;
    ssize_t n = recv(c->watch.fd, p, CONN_READ_BYTES, MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            gone_error(c, errno);
        return;
    }
    if (c->state == LINGERING) {
        c->ended = n == 0;
        c->discarded += (uint32_t)n;
        if (c->discarded > LINGER_MAX_BYTES)
            gone(c, c->end, c->detail);
    } else if (n == 0) {
        c->ended = true;
        if (c->state == HANDSHAKE)
            handshake_failed(c, "connection ended");
    } else if (c->tls != NULL) {
        take_sealed(c, slice_of(p, (size_t)n));
    } else {
        deliver(c, slice_of(p, (size_t)n));
    }
    touch(c);
}

/* ---- output ---- */

/* Sends what of b the kernel takes. */
static void send_buf(struct conn *c, struct buf *b)
{
    while (b->n > 0 && c->state != GONE) {
        ssize_t n = send(c->watch.fd, b->p, b->n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            buf_drop(b, (size_t)n);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            gone_error(c, errno);
            return;
        }
    }
    buf_release(b);
}

static void encrypt(struct conn *c)
{
    if (c->out.n > 0) {
        if (tls_session_write(c->tls, buf_slice(&c->out), &c->wire) != TLS_STEP_DONE)
            gone(c, CONN_END_LOCAL, tls_session_why(c->tls).p);
        buf_release(&c->out);
    }
    if (c->state == CLOSING && !c->told_close) {
        c->told_close = true;
        tls_session_close(c->tls, &c->wire);
    }
}

static void flush(struct conn *c)
{
    if (c->out.err != BUF_OK || c->wire.err != BUF_OK) {
        gone(c, CONN_END_LOCAL, "too much output");
        return;
    }
    if (conn_unsent(c) >= CONN_OUT_HIGH_BYTES)
        c->congested = true;
    if (c->is_secure)
        encrypt(c);
    send_buf(c, &c->wire);
    if (c->state != HANDSHAKE && c->wire.n == 0)
        send_buf(c, &c->out);
    if (c->congested && conn_unsent(c) == 0 && c->state == OPEN) {
        c->congested = false;
        if (c->ops->on_drain != NULL)
            c->ops->on_drain(c->user, c);
        touch(c); /* input that waited for it */
    }
}

static void shut(struct conn *c)
{
    if (c->state == CLOSING && conn_unsent(c) == 0) {
        c->state = LINGERING;
        if (!c->ended && shutdown(c->watch.fd, SHUT_WR) != 0)
            gone_error(c, errno);
    }
    if (c->state == LINGERING && c->ended)
        gone(c, c->end, c->detail);
}

/* ---- the turn ---- */

static bool wants_input(const struct conn *c)
{
    if (c->ended)
        return false;
    switch ((enum state)c->state) {
    case OPEN:
        return may_deliver(c) && c->kept.n + c->sealed.n == 0;
    case HANDSHAKE:
        /* Not while a signature is awaited: what came was not taken. */
        return c->sealed.n == 0;
    case CLOSING:
        /* Only to see the end; who still sends does not get to make us work. */
        return false;
    case LINGERING:
        return true;
    case GONE:
        return false;
    }
    return false;
}

static void finish(struct conn *c)
{
    struct conn_set *set = c->set;
    watch_close(set->loop, &c->watch);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    timer_stop(set->loop, &c->timer);
    turn_hook_cancel(set->loop, &c->hook);
    c->ops->on_closed(c->user, c, c->end, slice_cstr(c->detail));
    tls_session_free(c->tls);
    buf_release(&c->out);
    buf_release(&c->wire);
    secret_release(&c->kept);
    buf_release(&c->sealed);
    free(c);
}

static void on_turn(struct turn_hook *h)
{
    struct conn *c = CONTAINER_OF(h, struct conn, hook);
    take_kept(c);
    if (c->state != GONE)
        flush(c);
    shut(c);
    if (c->state == GONE) {
        finish(c);
        return;
    }
    /* During a handshake out waits for its end. */
    bool wants_output = c->wire.n > 0 || (c->out.n > 0 && c->state != HANDSHAKE);
    watch_change(c->set->loop, &c->watch,
                 (wants_input(c) ? WATCH_READ : 0u) | (wants_output ? WATCH_WRITE : 0u));
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct conn *c = CONTAINER_OF(w, struct conn, watch);
    if ((events & WATCH_READ) != 0 && wants_input(c))
        on_readable(c);
    if ((events & WATCH_WRITE) != 0)
        touch(c);
}

/* ---- for the caller ---- */

struct conn_set *conn_set_new(struct loop *loop)
{
    struct conn_set *set = calloc(1, sizeof *set);
    if (set != NULL)
        set->loop = loop;
    return set;
}

void conn_set_free(struct conn_set *set)
{
    if (set == NULL)
        return;
    assert(set->first == NULL);
    timer_stop(set->loop, &set->trim);
    free(set);
}

void conn_set_end(struct conn_set *set)
{
    while (set->first != NULL) {
        conn_abort(set->first);
        finish(set->first);
    }
}

struct conn *conn_new(struct conn_set *set, int fd, const struct conn_ops *ops, void *user)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->set = set;
        c->ops = ops;
        c->user = user;
        c->detail = "";
        buf_init(&c->out, CONN_OUT_MAX_BYTES);
        /* Records are a little longer than what they carry. */
        buf_init(&c->wire, CONN_OUT_MAX_BYTES + CONN_OUT_MAX_BYTES / 8);
        buf_init(&c->kept, CONN_READ_BYTES);
        buf_init(&c->sealed, 2 * CONN_READ_BYTES);
    }
    if (c == NULL || watch_start(set->loop, &c->watch, fd, WATCH_READ, on_ready) != 0) {
        free(c);
        (void)close(fd);
        return NULL;
    }
    c->next = set->first;
    c->link = &set->first;
    if (c->next != NULL)
        c->next->link = &c->next;
    set->first = c;
    return c;
}

void conn_write(struct conn *c, slice bytes)
{
    if (c->state != OPEN && c->state != HANDSHAKE)
        return;
    buf_add(&c->out, bytes);
    touch(c);
}

void conn_pause(struct conn *c)
{
    if (!c->paused)
        touch(c);
    c->paused = true;
}

void conn_resume(struct conn *c)
{
    if (c->paused)
        touch(c);
    c->paused = false;
}

static void on_wake(void *owner)
{
    struct conn *c = owner;
    c->woken = true;
    touch(c);
}

void conn_start_tls(struct conn *c, struct tls *tls, uint32_t group, uint32_t timeout_ms)
{
    if (c->state != OPEN || c->tls != NULL)
        return;
    c->state = HANDSHAKE;
    c->paused = false;
    secret_release(&c->kept);
    buf_add(&c->wire, buf_slice(&c->out)); /* in the clear still */
    buf_release(&c->out);
    c->tls = tls_session_new(tls, group, on_wake, c);
    timer_set(c->set->loop, &c->timer, timeout_ms, on_timeout);
    touch(c);
}

void conn_tls_comes_first(struct conn *c)
{
    c->is_tls_first = c->state == HANDSHAKE && c->ops->on_plain != NULL;
}

bool conn_is_tls(const struct conn *c)
{
    return c->is_secure;
}

void conn_set_bulk(struct conn *c, bool is_bulk)
{
    if (c->is_bulk == is_bulk)
        return;
    c->is_bulk = is_bulk;
    if (c->is_secure)
        tls_session_set_bulk(c->tls, is_bulk);
}

const struct tls_session *conn_tls(const struct conn *c)
{
    return c->is_secure ? c->tls : NULL;
}

void conn_close(struct conn *c, uint32_t timeout_ms)
{
    if (c->state == OPEN || c->state == HANDSHAKE)
        closing(c, CONN_END_DONE, "", timeout_ms);
}

void conn_abort(struct conn *c)
{
    gone(c, CONN_END_ABORTED, "");
}
