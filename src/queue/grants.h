/* grants: is this message really from who it says has signed in? queue's side of lib/auth/grant.h:
 * the key, which grants were used, and which were revoked.
 *
 * Invariants
 * 1. A grant serves one message. What was used is remembered until it would have expired; there is
 *    a bound on it, at which further grants are refused rather than old ones forgotten.
 * 2. What this process cannot know it does not believe: a grant that was issued before it started
 *    may have been used or revoked then, and is refused. The client hears 451 and gets a fresh one.
 * 3. A revocation holds for all grants that were issued before its moment, also for those that come
 *    later than it.
 *
 * No system call is here: the time is a parameter, in milliseconds since 1970. */
#ifndef CANDOR_QUEUE_GRANTS_H
#define CANDOR_QUEUE_GRANTS_H

#include "lib/auth/grant.h"
#include "lib/smtp/envelope.h"

enum {
    GRANTS_USED_MAX = 1 << 22, /* at 8 to 16 bytes each */
    GRANTS_REVOKED_MAX = 4096,
    GRANTS_HOURS = 32, /* no grant lives longer than one less */
};

enum grants_err {
    GRANTS_OK = 0,
    GRANTS_NO_KEY, /* directory has not come yet: nobody can say */
    GRANTS_BAD,    /* see ret_why: malformed, forged, expired, of another message */
    GRANTS_BEFORE_START,
    GRANTS_TOO_LONG, /* it expires too late to be remembered until then */
    GRANTS_USED,
    GRANTS_REVOKED,
    GRANTS_FULL,
};

/* What expires in one hour. */
struct grants_hour {
    uint64_t hour;
    uint64_t *at; /* open addressing, 0: free */
    size_t room, n;
};

struct grants_revoked {
    char *account;
    size_t account_n;
    uint64_t credential; /* 0: all of the account */
    uint64_t before_ms;
};

struct grants {
    unsigned char key[GRANT_KEY_BYTES];
    bool has_key;
    uint64_t since_ms; /* what was issued before is refused */
    struct grants_hour hours[GRANTS_HOURS];
    size_t used;
    struct grants_revoked *revoked;
    size_t revoked_n;
};

void grants_init(struct grants *g, uint64_t now_ms);
void grants_release(struct grants *g);
/* grant_key: stays until another comes. False: not GRANT_KEY_BYTES. */
bool grants_key(struct grants *g, slice key) __attribute__((warn_unused_result));
void grants_revoke(struct grants *g, slice account, uint64_t credential, uint64_t before_ms);
/* Forgets what has expired; from time to time. */
void grants_tick(struct grants *g, uint64_t now_ms);
/* The wall clock jumped. */
void grants_shift(struct grants *g, int64_t by_ms);

/* Does e's grant cover e? Then it is used up and *ret is what it says, pointing into e. *ret_why is
 * a word for the log, whatever comes of it. */
enum grants_err grants_take(struct grants *g, const struct envelope *e, uint64_t now_ms,
                            struct grant *ret, const char **ret_why)
    __attribute__((warn_unused_result));

/* e as it is kept: with the account's name in place of the grant. Appended to out. */
void grants_seal(struct buf *out, const struct envelope *e, slice account);

#endif
