/* backend_pam: accounts of this machine, asked of the role pam. */
#ifndef CANDOR_AUTHX_BACKEND_PAM_H
#define CANDOR_AUTHX_BACKEND_PAM_H

#include "lib/conf/conf.h"
#include "src/authx/request.h"
#include "sys/role.h"

/* NULL: no memory. conf must outlive it. */
struct backend *pam_new(struct role *role, struct requests *requests, const struct conf_pam *conf);
void pam_free(struct backend *b);
/* The role pam has come, perhaps again: what was asked meanwhile is put to it. */
void pam_is_there(struct backend *b);
/* The answer to pam_check with the token of a request of ours; m is NULL when there is none. */
void pam_checked(struct backend *b, uint64_t token, const struct ipc_message *m);

#endif
