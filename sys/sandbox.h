/* sandbox: what a role gives up before it hears a stranger. What each may keep stands in
 * sandbox.def.
 *
 * In this order, from inside to outside of what a role can notice:
 *   own user         started as root: the system user candor-NAME, and with it every capability
 *   empty root       started as root: a directory that is removed already
 *   no_new_privs     no program could give anything back
 *   Landlock         files: only the places that were allowed; no TCP where the kernel can forbid
 * it (ABI 4), no abstract sockets and no signals to others (ABI 6) system calls     syscalls.def
 * Landlock binds the thread that asks for it and those that it starts later: so helper threads
 * begin between sandbox_enter and sandbox_filter.
 *
 * A sanitized program (ASan) keeps /proc, traces itself at its end and may start a symbolizer: it
 * has the `wide` filter that master has too, which forbids only what is hostile whoever does it,
 * and no Landlock. */
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
    SANDBOX_WIDE = 32, /* the filter is the wide one */
};

/* The user that the role will be: candor-NAME when started as root and there is one, else (and with
 * MAY_SPAWN) who we are. Looked up before anything is opened, so that what must be the role's can
 * be made so. */
struct sandbox_user {
    uid_t uid;
    gid_t gid;
    bool is_own; /* differs from who we are */
};
void sandbox_user(enum role_id role, struct sandbox_user *ret);
/* Does the role stay who started it (MAY_SPAWN)? */
bool sandbox_keeps_user(enum role_id role);

/* Where files may be opened afterwards. */
struct sandbox_places {
    enum role_id role;
    int ruleset; /* ours; -1: this kernel cannot, or need not */
    int abi;
};
/* 0 also when this kernel knows no Landlock. */
int sandbox_places_init(struct sandbox_places *p, enum role_id role)
    __attribute__((warn_unused_result));
void sandbox_places_release(struct sandbox_places *p);
/* fd: a directory, and with it all below, or a file; O_PATH is enough. With what the role may do to
 * files. It stays the caller's. -EPERM: the role may not open files at all. */
int sandbox_allow(struct sandbox_places *p, int fd) __attribute__((warn_unused_result));

struct sandbox_options {
    enum role_id role;
    struct sandbox_user user;
    const struct sandbox_places *places;
};

/* Both are one way and add the bits that stand to *ret_bits. 0, or -errno when a right could not be
 * given up that this kernel and user can give up: then the role must not go on. */

/* Everything but the filter. */
int sandbox_enter(const struct sandbox_options *options, uint32_t *ret_bits)
    __attribute__((warn_unused_result));
/* All threads that run now. */
int sandbox_filter(enum role_id role, uint32_t *ret_bits) __attribute__((warn_unused_result));

/* "own-user chroot …", for people and programs; NULL: there is no such bit. */
const char *sandbox_bit_name(uint32_t bit);

#endif
