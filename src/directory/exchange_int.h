/* The exchanges' files among themselves: exchange.c has the table and the steps, exchange_ask.c the
 * questions and their late answers, exchange_end.c the ends. A function that says that x is gone
 * has answered and freed it. */
#ifndef CANDOR_SRC_DIRECTORY_EXCHANGE_INT_H
#define CANDOR_SRC_DIRECTORY_EXCHANGE_INT_H

#include <uthash.h>

#include "lib/auth/sasl.h"
#include "src/directory/exchange.h"
#include "sys/answers.h"

/* The hash function that uthash writes into us falls through its switch on purpose. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

enum { EXCHANGE_NONCE_RANDOM_BYTES = 18, EXCHANGE_KEPT_MAX_BYTES = 64 * 1024 };

enum waiting { WAITS_CLIENT, WAITS_DELAY, WAITS_HASH, WAITS_SEEMING, WAITS_BACKEND };

struct place {
    struct rpc *peer;
    uint64_t number;
};

struct exchange {
    UT_hash_handle by_place, by_id;
    struct place place;
    uint64_t id;
    struct exchanges *all;
    struct directory *directory;
    uint32_t call; /* to be answered, unless it waits for the client */
    enum waiting waiting;
    struct timer timer;
    uint64_t since_ms;

    struct sasl sasl;
    struct sasl_facts facts;
    char nonce[EXCHANGE_NONCE_RANDOM_BYTES / 3 * 4];
    struct arena kept; /* what stands in the facts, and: */
    slice session, client, account;
    bool is_unlimited;

    /* The attempt, once the name is known. */
    struct guess_who who;
    bool is_begun, is_trying; /* begun: not ended yet */
    bool is_repeat;
    uint32_t mark;
    struct guess_decision refused; /* verdict GUESS_REFUSE: why */
    bool is_account;               /* there is one of this name */
    bool wants_app_password;
    uint64_t revocations; /* revocations_last, when what the proof is held against was read */
    slice old_hash;       /* of an account whose forms are to be made anew */
};

/* ---- exchange.c ---- */
/* NULL: it is gone. */
struct exchange *exchange_find(struct exchanges *e, uint64_t id);
void exchange_free(struct exchange *x);
void exchange_end_attempt(struct exchange *x, enum guess_outcome outcome);
void exchange_reply(struct exchange *x, const struct ipc_auth_step *step);
/* From s->step on: asks, says the next challenge, or ends it. */
void exchange_go_on(struct exchange *x);

/* ---- exchange_ask.c ---- */
/* Answers the open question. False: it waits, or x is gone. */
bool exchange_ask(struct exchange *x);
void exchange_wait(struct exchange *x, enum waiting what);

/* ---- exchange_end.c: x is gone ---- */
void exchange_done(struct exchange *x);
void exchange_failed(struct exchange *x);
void exchange_refused(struct exchange *x, const struct guess_decision *d);

#endif
