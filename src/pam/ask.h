/* ask: one question to PAM, in a process of its own: a module may crash, hang, leak or start
 * programs, and only this answer is late for it. */
#ifndef CANDOR_PAM_ASK_H
#define CANDOR_PAM_ASK_H

#include "lib/auth/sasl.h"

struct ask {
    const char *service;
    const char *directory; /* of the service's file; NULL: PAM's own */
    const char *user;
    const char *secret;
    const char *address; /* the client's, for PAM_RHOST; may be NULL */
    unsigned seconds;    /* it ends itself after these */
};

/* Starts the process; *ret_fd says one byte, enum sasl_answer_code, or ends without. The process
 * id, or -errno. */
int ask_start(const struct ask *a, int *ret_fd) __attribute__((warn_unused_result));

#endif
