/* Roles as numbers: role.def as an enum, names, and sets. */
#ifndef CANDOR_SYS_ROLES_H
#define CANDOR_SYS_ROLES_H

#include "lib/base/slice.h"

enum role_id {
#define ROLE(NAME, name, executable, exposed) ROLE_##NAME,
#include "sys/role.def"
    ROLE_COUNT
};

/* As master sees a process of it. */
enum role_state { ROLE_DOWN, ROLE_STARTING, ROLE_READY, ROLE_DRAINING };

/* A set of roles. */
typedef uint32_t role_set;
#define ROLE_BIT(id) ((role_set)1 << (id))
#define ROLES_SMTPD (ROLE_BIT(ROLE_MX) | ROLE_BIT(ROLE_SUBMIT))
#define ROLES_ANY ((ROLE_BIT(ROLE_COUNT) - 1) & ~ROLE_BIT(ROLE_MASTER))

/* "mx"; "?" for what is no role. */
const char *role_name(uint32_t id);
const char *role_state_name(uint32_t state);
/* The file below libexec/candor. id must be a role. */
const char *role_executable(enum role_id id);
bool role_is_exposed(enum role_id id);
/* False when no role has this name. */
bool role_by_name(slice name, enum role_id *ret) __attribute__((warn_unused_result));

#endif
