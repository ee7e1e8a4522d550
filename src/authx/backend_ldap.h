/* backend_ldap: accounts that an LDAP server knows. Several questions at a time, each on a helper
 * thread with a connection of its own that stays for the next one (ldap_job.h).
 *
 *   request ──▶ a free slot ──▶ has a connection ─────────────────────▶ helper thread ──▶ answer
 *                   ▲       └──▶ next server: its addresses (resolver), ──▲      │
 *                   │            or its socket (master)                    └──────┤ lost: the next
 *                   └──────────────── all servers were tried: FAILED ────────────┘ server
 *
 * When no server can be reached all are refused at once until a pause is over, which doubles. */
#ifndef CANDOR_AUTHX_BACKEND_LDAP_H
#define CANDOR_AUTHX_BACKEND_LDAP_H

#include "lib/conf/conf.h"
#include "src/authx/request.h"
#include "sys/role.h"

enum { LDAP_SLOTS = 8 }; /* helper threads */

/* Before the sandbox: files are read here. 0 or -errno, logged. conf must outlive it. */
int ldap_backend_new(struct role *role, struct requests *requests, const struct conf_ldap *conf,
                     struct backend **ret) __attribute__((warn_unused_result));
/* False: a thread still works with it and with the configuration; the end of the process is theirs.
 */
bool ldap_backend_free(struct backend *b);
/* Master's answer to unix_open. True when it was for us. */
bool ldap_backend_unix_opened(struct backend *b, uint64_t token, int error, int fd);
/* The resolver's answer; m is NULL when there is none. */
void ldap_backend_resolved(struct backend *b, uint64_t token, const struct ipc_message *m);

#endif
