/* exchange: the SASL exchanges that smtpd carries here, each a row of a table.
 *
 *              auth START
 *                  │
 *                  ▼            question
 *      ┌──▶ exchange_go_on ──────────────▶ waits: a delay, a hash, authx, fetch ──┐
 *      │       │    │   └── 334: waits for the next auth                          │
 *      │       │    └────── 235, 5xx, 4xx: over                                   │
 *      └───────┴──────────────────────────────────────────────────────────────────┘
 *
 * 1. A row is known by its peer and the peer's number for it, and to hash workers, backends and
 *    timers by a number of ours that is never used again: a late result finds nothing.
 * 2. Each auth is answered exactly once, unless its peer is gone.
 * 3. Whether an attempt may be made is decided when the name is known and before anything is looked
 *    up or hashed (lib/auth/guess.h); what began as an attempt ends as right, wrong or neither.
 * 4. Who goes away while a hash is being computed has guessed wrong: else hashes were free.
 * 5. Rows of a peer are bounded; what rests for long is forgotten.
 * 6. Secrets live in the exchange's arenas, in the hash worker's copy and in what is sent to a
 *    backend; each is overwritten. None is logged. */
#ifndef CANDOR_SRC_DIRECTORY_EXCHANGE_H
#define CANDOR_SRC_DIRECTORY_EXCHANGE_H

#include "src/directory/directory.h"

struct exchanges *exchanges_new(struct directory *d);
/* NULL is ignored. */
void exchanges_free(struct exchanges *e);

void exchanges_step(struct exchanges *e, struct rpc *smtpd, const struct ipc_message *m);
void exchanges_drop(struct exchanges *e, struct rpc *smtpd, uint32_t number);
/* This smtpd is gone. */
void exchanges_forget(struct exchanges *e, struct rpc *smtpd);
/* What authx or fetch said; m is NULL when nothing came. */
void exchanges_answered(struct exchanges *e, uint64_t token, const struct ipc_message *m);
/* hashing_ops.verified. */
void exchanges_verified(struct exchanges *e, uint64_t id, enum hash_result result);
size_t exchanges_count(const struct exchanges *e);

#endif
