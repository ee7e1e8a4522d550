/* targets: where a recipient's mail goes after aliases are followed, as directory tells queue (the
 * BYTES of `expanded`).
 *
 * On the wire: one record a target, each {u8 kind, then u16 little-endian length and bytes of
 * local, domain, path; of a mailbox then u64 little-endian quota_bytes}. A reader that meets
 * anything else condemns the sender. Pure. */
#ifndef CANDOR_ROUTE_TARGETS_H
#define CANDOR_ROUTE_TARGETS_H

#include "lib/base/buf.h"

enum target_kind {
    TARGET_MAILBOX = 1, /* path is the Maildir; local@domain the account's address */
    TARGET_REMOTE = 2,  /* local@domain is at another server; path is empty */
    TARGET_LMTP = 3,    /* path is who takes it: "unix:/path" or "ADDRESS:PORT" */
};

struct target {
    enum target_kind kind;
    slice local;  /* unquoted */
    slice domain; /* A-labels */
    slice path;
    uint64_t quota_bytes; /* of a mailbox: what it may hold; 0 for whatever comes */
};

/* What directory says of a recipient: rcpt_verdict.verdict and expanded.result. */
enum recipient_verdict {
    RECIPIENT_IS_OK = 0,
    RECIPIENT_IS_UNKNOWN = 1,   /* 550 5.1.1: a local domain has no such mailbox */
    RECIPIENT_IS_DISABLED = 2,  /* 550 5.2.1 */
    RECIPIENT_IS_REMOTE = 3,    /* not a local domain: 550 5.7.1 unless the client may relay */
    RECIPIENT_IS_MALFORMED = 4, /* 553 5.1.3 */
    RECIPIENT_IS_TEMPFAIL =
        5, /* 451: the database cannot be asked now, or an alias goes in rings */
    RECIPIENT_IS_FORWARDED = 6, /* 251: moved to moved_to, and we send it on */
    RECIPIENT_IS_MOVED = 7,     /* 551 5.1.6: the sender shall write to moved_to */
    RECIPIENT_IS_FULL = 8,      /* 452 4.2.2 */
    RECIPIENT_IS_OVERFULL = 9,  /* 552 5.2.2: as FULL, where full-mailbox says refuse */
};
#define RECIPIENT_VERDICT_MAX 9

void target_add(struct buf *out, const struct target *t);
/* Takes one target off *in. False, with nothing changed, when *in does not begin with a whole one;
 * so an empty *in afterwards means that all was well. */
bool target_take(slice *in, struct target *ret) __attribute__((warn_unused_result));

#endif
