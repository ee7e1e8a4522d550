/* lookup: what a peer asked, from the call to the reply, in as many questions as it takes.
 *
 * Invariants:
 *  1. Each call is replied to exactly once, within the time limit, unless its peer is gone.
 *  2. dns_ptr gives a name only when an address of that name is the one that was asked for, and
 *     only one that could be a host's: what else stands in a PTR record, control characters and
 *     all, goes nowhere.
 *  3. One lookup asks at most 1 + LOOKUP_NAMES_MAX questions, one after another. */
#ifndef CANDOR_SRC_RESOLVER_LOOKUP_H
#define CANDOR_SRC_RESOLVER_LOOKUP_H

#include "src/resolver/engine.h"
#include "sys/loop.h"

enum { LOOKUP_NAMES_MAX = 4, LOOKUP_OPEN_MAX = 8192 };

struct rpc;
struct ipc_message;
struct lookup;

struct lookups {
    struct loop *loop;
    struct engine *engine; /* whom the next question goes to */
    uint32_t timeout_ms;
    struct lookup *first;
    size_t open;
    uint64_t found, none, unconfirmed, failed, refused; /* replies since the start */
};

/* m is a DNS_PTR or a DNS_QUERY of peer. */
void lookup_begin(struct lookups *all, struct rpc *peer, const struct ipc_message *m);
/* peer must not be used any more. */
void lookup_forget_peer(struct lookups *all, const struct rpc *peer);
/* Forgets all. Their questions must be forgotten already (engine_free). */
void lookup_end_all(struct lookups *all);

#endif
