/* revocations: whose sign-ins are over. Told to every smtpd, which ends the sessions, and to queue,
 * which takes no more mail under their grants; and remembered here, for passes.
 *
 * Invariants
 * 1. A revocation reaches every smtpd and queue that there are: a channel that is full gets it
 *    later. Who comes later is told of those that may still matter.
 * 2. What is older than the longest pass and grant is forgotten. */
#ifndef CANDOR_SRC_DIRECTORY_REVOCATIONS_H
#define CANDOR_SRC_DIRECTORY_REVOCATIONS_H

#include "src/directory/directory.h"

struct revocations *revocations_new(struct directory *d);
/* NULL is ignored. */
void revocations_free(struct revocations *r);

/* credential 0: with any. Of now and before. */
void revocations_add(struct revocations *r, slice account, uint64_t credential);
/* A new smtpd or queue. */
void revocations_tell(struct revocations *r, struct rpc *peer);
/* Was it issued before it was revoked? */
bool revocations_hit(const struct revocations *r, slice account, uint64_t credential,
                     uint64_t issued_at_ms);

/* For what was read of a credential a moment ago: was one revoked since revocations_last was this?
 */
uint64_t revocations_last(const struct revocations *r);
bool revocations_hit_since(const struct revocations *r, slice account, uint64_t credential,
                           uint64_t last);

#endif
