/* sandbox: what a role gives up before it hears a stranger. */
#ifndef CANDOR_SYS_SANDBOX_H
#define CANDOR_SYS_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "sys/roles.h"

/* What really stands; `candor status` shows it. */
enum sandbox_bit {
    SANDBOX_NO_NEW_PRIVS = 1,
    SANDBOX_UID = 2, /* own system user; only when started as root */
    SANDBOX_CHROOT = 4,
    SANDBOX_LANDLOCK = 8,
    SANDBOX_SECCOMP = 16,
};

/* The user that the role will be: candor-NAME when started as root and there is one, else who we
 * are. Looked up before anything is opened, so that what must be the role's can be made so. */
struct sandbox_user {
    uid_t uid;
    gid_t gid;
    bool is_own; /* differs from who we are */
};
void sandbox_user(enum role_id role, struct sandbox_user *ret);

struct sandbox_options {
    enum role_id role;
    struct sandbox_user user;
    bool keeps_paths; /* opens paths after this: no chroot */
};

/* One way. Adds the bits that stand to *ret_bits. 0, or -errno when a right could not be given up
 * that this kernel and user can give up: then the role must not go on. */
int sandbox_enter(const struct sandbox_options *options, uint32_t *ret_bits)
    __attribute__((warn_unused_result));

#endif
