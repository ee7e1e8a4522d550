/* recipients: who gets mail here, and where it goes. An answer may be late: of an account with a
 * quota deliver is asked how full its mailbox is, and of a domain that has a backend authx is asked
 * who there is.
 *
 * Invariants
 * 1. Each question is answered exactly once, unless its peer is gone.
 * 2. Whoever does not say in time how full a mailbox is makes it one with room: no mail is refused
 *    for want of an answer.
 * 3. A yes for a mailbox with a quota is never remembered by smtpd: the next message may fill it.
 */
#ifndef CANDOR_SRC_DIRECTORY_RECIPIENTS_H
#define CANDOR_SRC_DIRECTORY_RECIPIENTS_H

#include "src/directory/directory.h"

struct recipients *recipients_new(struct directory *d);
/* NULL is ignored. */
void recipients_free(struct recipients *r);

void recipients_check(struct recipients *r, struct rpc *smtpd, const struct ipc_message *m);
void recipients_expand(struct recipients *r, struct rpc *queue, const struct ipc_message *m);
/* This smtpd is gone. */
void recipients_forget(struct recipients *r, struct rpc *peer);
/* What deliver or authx said; m is NULL when nothing came. */
void recipients_answered(struct recipients *r, uint64_t token, const struct ipc_message *m);
/* deliver has put something into a mailbox. */
void recipients_used(struct recipients *r, const struct ipc_message *m);

#endif
