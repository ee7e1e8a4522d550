/* client: one connection with its session: carries out what the session wants, and brings it the
 * answers.
 *
 *   accept -> client_new -> (implicit TLS: on_tls) -> session_new -> on_data ... -> on_closed
 *
 * Invariants
 * 1. Every call of the session is followed by carry_out() before anything else happens.
 * 2. A question that found its channel full is kept in c->waiting and put again when there is room;
 *    the session waits meanwhile and reads nothing.
 * 3. A client lives until conn's on_closed; answers that come later find its number taken by nobody
 *    or by another tenant, and are dropped. */
#ifndef CANDOR_SMTPD_CLIENT_H
#define CANDOR_SMTPD_CLIENT_H

#include "src/smtpd/server.h"

/* fd is taken. */
void client_new(struct server *s, uint32_t listener, int fd, const struct ip *ip, uint16_t port);

/* An answer for the question with this token. */
void client_answer(struct server *s, uint64_t token, const struct answer *answer);
/* counters' answer, before it goes to client_answer. */
void client_admitted(struct server *s, uint64_t token, bool is_counted);
/* counters died, and all that it had counted with it. */
void client_forget_counts(struct server *s);
/* directory died, and every exchange with it; who has signed in stays so. */
void client_forget_exchanges(struct server *s);
/* 421 to all who have signed in with that. */
void client_revoke(struct server *s, const struct ipc_revoke *r);
/* directory's yes for the recipient with this token goes to the cache. */
void client_remember_recipient(struct server *s, uint64_t token,
                               const struct ipc_rcpt_verdict *verdict);
/* file_opened: the file for the body of that client's message; fd is taken, -1: none. */
void client_file(struct server *s, uint64_t token, uint64_t file, int fd, int err);
/* A channel has room again. */
void client_put_again(struct server *s);
/* 421 to whoever is idle, and to the others when they are (force: at once). */
void client_drain_all(struct server *s, bool force);

#endif
