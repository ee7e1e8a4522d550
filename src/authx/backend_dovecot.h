/* backend_dovecot: accounts that a Dovecot knows: passwords by its auth-client socket, names by its
 * auth-userdb socket. One connection to each carries all that is asked at a time; what was asked
 * when it broke is asked again once. */
#ifndef CANDOR_AUTHX_BACKEND_DOVECOT_H
#define CANDOR_AUTHX_BACKEND_DOVECOT_H

#include "src/authx/link.h"
#include "src/authx/request.h"

/* NULL: no memory. conf must outlive it. */
struct backend *dovecot_new(struct role *role, struct requests *requests,
                            const struct conf_dovecot *conf);
void dovecot_free(struct backend *b);
/* Master's answer: true when it was for a link of ours. */
bool dovecot_unix_opened(struct backend *b, uint64_t token, int error, int fd);

#endif
