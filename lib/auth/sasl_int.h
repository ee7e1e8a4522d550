/* What the mechanisms share: a turn returns what one of these returns. */
#ifndef CANDOR_AUTH_SASL_INT_H
#define CANDOR_AUTH_SASL_INT_H

#include "lib/auth/sasl.h"

/* First turns, one a row of mechanisms.def. */
sasl_turn sasl_plain, sasl_login_name, sasl_scram_first, sasl_external, sasl_oauthbearer,
    sasl_xoauth2;

enum sasl_step sasl_fail(struct sasl *s, enum sasl_cause cause);
/* The challenge must live in the arena or be static. */
enum sasl_step sasl_say(struct sasl *s, slice challenge, sasl_turn *next);
/* The answer to a question of this kind; NULL when it is not there: then s->step is NEED, or FAIL
 * when it could not be had, and the turn returns it. */
const struct sasl_answer *sasl_ask(struct sasl *s, const struct sasl_question *q);
/* The last step of each mechanism: the account that was proven wants to act as identity (as it
 * came; may be empty). login: a name by which it was proven, which needs no further leave; empty
 * where the client's word is all there is. OK, or NEED, or FAIL. */
enum sasl_step sasl_settle(struct sasl *s, const struct sasl_result *proven, slice login,
                           slice identity);
/* SASLprep for comparing. False: s->step is FAIL. */
bool sasl_prep(struct sasl *s, slice in, slice *ret);
/* A buf of that many bytes in the arena; its p is NULL when there is no room, and then s->step is
 * FAIL. It never grows. */
struct buf sasl_buf(struct sasl *s, size_t n);

#endif
