#include "sys/roles.h"

#include <assert.h>

static const struct {
    const char *name, *executable;
    bool exposed;
} roles[] = {
#define ROLE(NAME, name, executable, exposed) [ROLE_##NAME] = {name, executable, exposed},
#include "sys/role.def"
};

const char *role_name(uint32_t id)
{
    return id < ROLE_COUNT ? roles[id].name : "?";
}

const char *role_state_name(uint32_t state)
{
    static const char *const names[] = {"down", "starting", "ready", "draining"};
    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

const char *role_executable(enum role_id id)
{
    assert(id < ROLE_COUNT);
    return roles[id].executable;
}

bool role_is_exposed(enum role_id id)
{
    assert(id < ROLE_COUNT);
    return roles[id].exposed;
}

bool role_by_name(slice name, enum role_id *ret)
{
    for (uint32_t i = 0; i < ROLE_COUNT; i++)
        if (slice_is(name, roles[i].name)) {
            *ret = (enum role_id)i;
            return true;
        }
    return false;
}
