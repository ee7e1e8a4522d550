/* guess: who may try a password now. Decides before anything is hashed, from the failures that an
 * account, an address and its network have behind them.
 *
 * Each of the three has a number of failures that cost nothing, then a delay that doubles with each
 * further one, then attempts are refused without being looked at until time has forgiven some. The
 * longest delay and the hardest verdict of the three hold.
 *
 * 1. An attempt that is under way counts as a failure until it is known: many at a time gain
 *    nothing, and no more than a few can be kept waiting. After its delay it is judged once more,
 *    without the others.
 * 2. Who signed in to this account from this network before is known: his attempts are judged by
 *    what went wrong between these two alone, and hashed before those of strangers. Guesses from
 *    elsewhere neither slow him nor lock him out, and he has no part in what his neighbours do.
 * 3. A success forgives an account, address or network nothing: else whoever has an account here
 *    could have his failures forgiven with it.
 * 4. An account that is not there is judged like one that is; the name is all that counts.
 * 5. The same wrong password again is no new guess (a telephone that does not know of the new
 *    password): guess_is_repeat() says so, it needs no hash and does not count.
 * 6. Fixed memory; what has no failures is forgotten first, then what was not heard of for the
 *    longest time. The known are kept apart: only who signs in can push one of them out.
 *
 * Pure: now_ms is any clock that does not go back. */
#ifndef CANDOR_AUTH_GUESS_H
#define CANDOR_AUTH_GUESS_H

#include "lib/auth/recent.h"
#include "lib/base/ip.h"

enum guess_level {
    GUESS_ACCOUNT, /* from wherever */
    GUESS_ADDRESS, /* IPv4 address, IPv6 /64 */
    GUESS_NETWORK, /* IPv4 /24, IPv6 /48 */
    GUESS_PAIR,    /* a known account and network */
    GUESS_LEVELS
};
/* For the log. */
const char *guess_level_word(enum guess_level level);

struct guess_rule {
    uint32_t free;       /* failures without a delay */
    uint32_t refuse;     /* with so many, attempts are refused; above free */
    uint32_t forgive_ms; /* how long until one is forgiven */
};

struct guess_limits {
    struct guess_rule rules[GUESS_LEVELS];
    uint32_t delay_ms; /* the first; each further one is twice as long */
    uint32_t delay_max_ms;
    uint32_t strangers_per_s; /* names that are no accounts: how many are hashed like others */
};

struct guess {
    struct guess_limits limits;
    struct recent counters, known;
    unsigned char secret[32];
    uint64_t strangers_at_ms, strangers_milli; /* what is left of their budget */
};

/* counters, known: how many to remember, about 64 bytes each. secret: 32 random bytes. False: no
 * memory. */
bool guess_init(struct guess *g, const struct guess_limits *limits, uint32_t counters,
                uint32_t known, slice secret) __attribute__((warn_unused_result));
void guess_release(struct guess *g);

/* account: comparable form; empty when it is not known who it will be (a token): then address and
 * network count alone. */
struct guess_who {
    slice account;
    struct ip ip;  /* unmapped */
    bool is_known; /* set by guess_begin; holds until guess_end */
};

enum guess_verdict { GUESS_GO, GUESS_WAIT, GUESS_REFUSE };

struct guess_decision {
    enum guess_verdict verdict;
    uint32_t delay_ms;      /* GUESS_WAIT: then guess_again */
    enum guess_level level; /* of WAIT and REFUSE: whose failures they are */
    uint32_t failures;      /* there */
};

/* An attempt begins; but for GUESS_REFUSE it ends with exactly one guess_end. Who is known shall be
 * hashed before strangers. */
struct guess_decision guess_begin(struct guess *g, struct guess_who *who, uint64_t now_ms);
/* Its delay is over: GO or REFUSE; with REFUSE it has ended. */
struct guess_decision guess_again(struct guess *g, const struct guess_who *who, uint64_t now_ms);

enum guess_outcome {
    GUESS_RIGHT, /* from now on this network is known to this account */
    GUESS_WRONG,
    GUESS_NEITHER, /* given up, nobody to ask, or a repeat */
};

/* mark: of the secret that was wrong (guess_mark), 0 for none. */
void guess_end(struct guess *g, const struct guess_who *who, enum guess_outcome outcome,
               uint32_t mark, uint64_t now_ms);

/* What tells one wrong secret of an account from another: of the secret and of a number that
 * changes whenever the right one may have (a generation). Never 0. The secret cannot be had back
 * from it. */
uint32_t guess_mark(const struct guess *g, slice account, slice secret, uint64_t generation);
/* Of an attempt that has begun: is it one of the last four that were wrong there? */
bool guess_is_repeat(const struct guess *g, const struct guess_who *who, uint32_t mark);

/* May a name that is no account be hashed like one? Else answer it after the time that a hash
 * takes. */
bool guess_may_hash_stranger(struct guess *g, uint64_t now_ms);

/* The failures that a level has now: for the administrator. */
uint32_t guess_failures(const struct guess *g, const struct guess_who *who, enum guess_level level,
                        uint64_t now_ms);
bool guess_is_known(const struct guess *g, const struct guess_who *who);

/* From before a restart. What comes last is forgotten first. */
void guess_remember(struct guess *g, const struct guess_who *who);

#endif
