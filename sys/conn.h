/* conn: a client's connection, in the clear or under TLS.
 *
 * Invariants:
 *  1. An idle connection holds no buffer: bytes are read into one buffer that all connections of
 *     the loop share, and handed to on_data from there.
 *  2. What conn_write takes is gathered and written once a turn of the loop.
 *  3. No callback runs inside a call of the caller's, but for conn_set_end: all come from the loop.
 *  4. on_closed is the last callback, comes exactly once for each conn_new that succeeded, and the
 *     connection is gone when it returns.
 *  5. While the peer does not take our output (CONN_OUT_HIGH_BYTES wait), its input is not read.
 *  6. conn_start_tls forgets every byte that came in the clear and was not consumed (RFC 3207 4.2).
 *
 *            conn_start_tls           handshake done: on_tls
 *   open ───────────────▶ handshake ───────────────▶ open (TLS)
 *     │ conn_close            │ failed: on_tls(error), then
 *     ▼                       ▼
 *   closing: output flushed, our side shut, the peer's end awaited a little ──▶ gone: on_closed */
#ifndef CANDOR_SYS_CONN_H
#define CANDOR_SYS_CONN_H

#include "lib/base/slice.h"

struct conn;
struct conn_set; /* the connections of one loop and what they share */
struct loop;
struct tls;
struct tls_facts;
struct tls_session;

enum { CONN_READ_BYTES = 65536 };          /* the most that on_data is given at once */
enum { CONN_OUT_HIGH_BYTES = 65536 };      /* above it, the peer's input waits */
enum { CONN_OUT_MAX_BYTES = 1024 * 1024 }; /* above it, the connection is broken off */

enum conn_end {
    CONN_END_DONE,    /* conn_close: all output was taken by the kernel, the peer ended or the wait
                         for that was over */
    CONN_END_PEER,    /* the peer broke it off (reset, or gone while we wrote) */
    CONN_END_TLS,     /* the handshake or a record failed; detail has OpenSSL's reason */
    CONN_END_TIMEOUT, /* conn_close could not get rid of its output in time */
    CONN_END_ABORTED, /* conn_abort */
    CONN_END_LOCAL,   /* out of memory, CONN_OUT_MAX_BYTES, a system call failed: see detail */
};

struct conn_ops {
    /* Bytes from the peer, never empty. Returns how many were consumed; if fewer than came, the
     * rest is kept and the connection is paused: nothing comes until conn_resume, then the rest
     * comes first. The slice is valid for the call only. */
    size_t (*on_data)(void *user, struct conn *c, slice in);
    /* The peer sends no more (it may still read). Comes after all data was consumed, once. Answer
     * what is owed, then conn_close. */
    void (*on_eof)(void *user, struct conn *c);
    /* The end of a handshake. facts == NULL: it failed, why has the reason (for the log), and
     * on_closed follows. */
    void (*on_tls)(void *user, struct conn *c, const struct tls_facts *facts, slice why);
    /* After conn_tls_comes_first: the peer speaks in the clear, or says nothing. There is no TLS
     * any more: write last words, then conn_close. */
    void (*on_plain)(void *user, struct conn *c);
    /* All output of this connection was taken by the kernel after more than CONN_OUT_HIGH_BYTES
     * had waited. May be NULL. */
    void (*on_drain)(void *user, struct conn *c);
    void (*on_closed)(void *user, struct conn *c, enum conn_end end, slice detail);
};

struct conn_set *conn_set_new(struct loop *loop) __attribute__((warn_unused_result));
/* The loop turns no more: ends all connections as conn_abort does, on_closed comes at once. */
void conn_set_end(struct conn_set *set);
/* Every connection is gone by then. NULL is ignored. */
void conn_set_free(struct conn_set *set);

/* Owns fd from now on, also when it fails: a connected, non-blocking stream socket; TCP_NODELAY is
 * best set on the listening one, from which accepted ones have it. NULL when there is no memory or
 * fd is not usable. Reading begins at once, unless paused in the same turn. ops must outlive the
 * connection. */
struct conn *conn_new(struct conn_set *set, int fd, const struct conn_ops *ops, void *user)
    __attribute__((warn_unused_result));

/* Takes a copy of bytes to send; written at the end of this turn. Never fails here: when it cannot
 * be kept, the connection ends with CONN_END_LOCAL. Ignored after conn_close. */
void conn_write(struct conn *c, slice bytes);
/* What the kernel has not taken yet. */
size_t conn_unsent(const struct conn *c);

/* No more on_data or on_eof until conn_resume. Both may be called twice. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/* Sends what was written before in the clear, then takes part in a handshake as the server. group:
 * whose certificates the client may show (tls_authorities).
 * What conn_pause said before is forgotten. A handshake that is not through after timeout_ms
 * fails. Under TLS already, or closing: ignored. */
void conn_start_tls(struct conn *c, struct tls *tls, uint32_t group, uint32_t timeout_ms);
/* Right after conn_start_tls, where TLS comes before everything else: what on_data leaves (behind
 * a load balancer's header) is the handshake's beginning, and instead of failing for a peer that
 * does not begin one, on_plain is called. */
void conn_tls_comes_first(struct conn *c);
bool conn_is_tls(const struct conn *c);
/* What comes now is the text of a long message and no password: it is not overwritten behind
 * on_data, which is a tenth of the work. At first it is. */
void conn_set_bulk(struct conn *c, bool is_bulk);
/* For tls_exporter and its like; NULL in the clear. It lives as long as the connection. */
const struct tls_session *conn_tls(const struct conn *c);

/* Flushes, sends TLS's close_notify, shuts our side and waits for the peer's end so that no reset
 * overtakes our last reply; all within timeout_ms. No callback but on_closed comes any more. */
void conn_close(struct conn *c, uint32_t timeout_ms);
/* The same without flushing or waiting. */
void conn_abort(struct conn *c);

#endif
