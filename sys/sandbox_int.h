/* What the parts of sandbox share. */
#ifndef CANDOR_SYS_SANDBOX_INT_H
#define CANDOR_SYS_SANDBOX_INT_H

#include "sys/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_IS_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_IS_SANITIZED
#define SANDBOX_IS_SANITIZED 0
#endif

/* sandbox.def */
enum sandbox_right {
    MAY_NOTHING = 0,
    MAY_ACCEPT = 1,
    MAY_CONNECT = 2,
    MAY_SYNC = 4,
    MAY_READ = 8,
    MAY_WRITE = 16,
    MAY_SPAWN = 32,
};
uint32_t sandbox_rights(enum role_id role);

/* Landlock, for this thread and those that it starts. */
int sandbox_restrict(const struct sandbox_places *p, uint32_t *ret_bits)
    __attribute__((warn_unused_result));

#endif
