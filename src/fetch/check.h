/* check: one token, from directory's question to the answer.
 *
 * Whose is it? A JWT says so in iss, and only an issuer of that name is believed or asked; what
 * says nothing goes to the one issuer that has introspection. So no token is ever shown to anybody
 * but its own issuer, as far as that can be known.
 *
 * Invariants:
 *  1. Each token_check is answered exactly once, unless its peer is gone.
 *  2. YES comes only from token_judge, after the issuer's signature or its own word.
 *  3. A token is wiped with the check that held it, and never logged. */
#ifndef CANDOR_SRC_FETCH_CHECK_H
#define CANDOR_SRC_FETCH_CHECK_H

#include "src/fetch/issuer.h"
#include "src/fetch/verdicts.h"

/* What is no yes is believed so long. */
enum { CHECK_NO_MS = 5000, CHECK_ANSWER_MAX = 64 * 1024 };

struct check;

struct checks {
    struct role *role;
    struct http *http;
    struct issuer *issuer;
    size_t issuers;
    struct verdicts verdicts;
    struct check *first;
    size_t open;
    uint64_t good, refused, failed; /* answers since the start */
};

void check_begin(struct checks *all, struct rpc *peer, const struct ipc_message *m);
/* issuer_changed: those that wait for its keys look again. owner is a struct checks. */
void check_again(void *owner, struct issuer *issuer);
/* peer must not be used any more. */
void check_forget_peer(struct checks *all, const struct rpc *peer);
/* Forgets all. */
void check_end_all(struct checks *all);

#endif
