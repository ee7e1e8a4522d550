/* grant: what directory signs for others to show. A pass says who has signed in; smtpd, who cannot
 * make one, shows it whenever it asks something for that user. A grant says that one message may go
 * out under one sender address; queue takes it as submitted mail for nothing less.
 *
 *   AUTH ──▶ directory: pass ──▶ smtpd ── MAIL: pass, address ──▶ directory: grant
 *                                smtpd ── commit: envelope with the grant ──▶ queue: grant_read
 *
 * Both are bytes with an HMAC-SHA256 behind them. They have keys of their own, made from one
 * secret, so that queue, which checks grants, can make no pass; and their first byte differs, so
 * that the one is never taken for the other. The caller keeps the serials that it has seen and the
 * revocations. */
#ifndef CANDOR_AUTH_GRANT_H
#define CANDOR_AUTH_GRANT_H

#include "lib/base/buf.h"

enum {
    GRANT_KEY_BYTES = 32,
    GRANT_SERIAL_BYTES = 16,
    GRANT_SESSION_MAX_BYTES = 32,
    GRANT_NAME_MAX_BYTES = 1024, /* an account, an address */
    PASS_MAX_BYTES = 2048,
    GRANT_MAX_BYTES = 4096,
};

/* All derived from one secret; whoever has one of them knows none of the others. Wipe it. */
struct grant_keys {
    unsigned char pass[GRANT_KEY_BYTES];
    unsigned char grant[GRANT_KEY_BYTES]; /* queue gets this one alone */
    unsigned char fake[GRANT_KEY_BYTES];  /* sasl_facts.fake_secret */
    unsigned char
        names[GRANT_KEY_BYTES]; /* of what is stored under a hash of its name (recent.h) */
};

/* secret: 32 random bytes that survive a restart. False: libcrypto failed. */
bool grant_keys_derive(slice secret, struct grant_keys *ret) __attribute__((warn_unused_result));

/* Times are milliseconds since 1970. Slices of what is read point into the text. */
struct pass {
    slice account; /* local@domain in comparable form, 1 to GRANT_NAME_MAX_BYTES */
    slice session; /* 1 to GRANT_SESSION_MAX_BYTES */
    uint64_t credential;
    bool is_unlimited; /* the client is in `limits unlimited` */
    uint64_t issued_at_ms;
    uint64_t expires_at_ms;
};

struct grant {
    slice account;
    slice session;
    slice sender; /* the reverse-path as the client wrote it; empty: the null reverse-path */
    uint64_t credential;
    uint32_t recipients;                      /* at most so many */
    unsigned char serial[GRANT_SERIAL_BYTES]; /* random: one message, once */
    uint64_t issued_at_ms;
    uint64_t expires_at_ms;
};

enum grant_err {
    GRANT_OK = 0,
    GRANT_MALFORMED, /* no bytes that we ever made */
    GRANT_FORGED,    /* the MAC is not of this key */
    GRANT_EXPIRED,
    GRANT_OTHER_SESSION,
    GRANT_OTHER_SENDER,
    GRANT_TOO_MANY_RECIPIENTS,
    GRANT_FAILED, /* libcrypto */
};

/* For the log. */
const char *grant_err_word(enum grant_err e);

/* Appended to out. False: a field is out of its bounds, out is full, or libcrypto failed; what out
 * then holds is to be thrown away. key: GRANT_KEY_BYTES. */
bool pass_print(struct buf *out, const struct pass *p, slice key)
    __attribute__((warn_unused_result));
bool grant_print(struct buf *out, const struct grant *g, slice key)
    __attribute__((warn_unused_result));

/* The MAC is compared in constant time, and nothing is looked at before it is right. *ret is
 * untouched but for GRANT_OK. A clock that was set back makes nothing expire. */
enum grant_err pass_read(slice text, slice key, uint64_t now_ms, struct pass *ret)
    __attribute__((warn_unused_result));
enum grant_err grant_read(slice text, slice key, uint64_t now_ms, struct grant *ret)
    __attribute__((warn_unused_result));

/* Does it cover this message? reverse_path: byte by byte what was granted; recipients: how many the
 * message has. */
enum grant_err grant_covers(const struct grant *g, slice session, slice reverse_path,
                            uint64_t recipients) __attribute__((warn_unused_result));

#endif
