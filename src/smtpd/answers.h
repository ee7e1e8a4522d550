/* answers: what the other roles answer, in the session's words. */
#ifndef CANDOR_SMTPD_ANSWERS_H
#define CANDOR_SMTPD_ANSWERS_H

#include "src/smtpd/server.h"

/* The answer of role_spec: to the client whose question it was, or to tls. */
void answers_take(struct role *r, struct rpc *peer, enum ipc_type call, uint64_t token,
                  enum rpc_result result, struct ipc_message *m);

#endif
