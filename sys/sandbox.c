#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/sandbox_int.h"

uint32_t sandbox_rights(enum role_id role)
{
    static const uint32_t rights[ROLE_COUNT] = {
#define ROLE_MAY(NAME, rights_) [ROLE_##NAME] = (rights_),
#include "sys/sandbox.def"
    };
    return rights[role];
}

const char *sandbox_bit_name(uint32_t bit)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{SANDBOX_UID, "own-user"},
                 {SANDBOX_CHROOT, "chroot"},
                 {SANDBOX_NO_NEW_PRIVS, "no-new-privs"},
                 {SANDBOX_LANDLOCK, "landlock"},
                 {SANDBOX_SECCOMP, "seccomp"},
                 {SANDBOX_WIDE, "wide-filter"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].bit == bit)
            return names[i].name;
    return NULL;
}

bool sandbox_keeps_user(enum role_id role)
{
    return (sandbox_rights(role) & MAY_SPAWN) != 0;
}

void sandbox_user(enum role_id role, struct sandbox_user *ret)
{
    *ret = (struct sandbox_user){.uid = geteuid(), .gid = getegid()};
    if (ret->uid != 0 || sandbox_keeps_user(role))
        return;
    char name[64];
    snprintf(name, sizeof name, "candor-%s", role_name(role));
    const struct passwd *pw = getpwnam(name);
    if (pw != NULL && pw->pw_uid != 0)
        *ret = (struct sandbox_user){.uid = pw->pw_uid, .gid = pw->pw_gid, .is_own = true};
}

/* A directory that is removed already: it is empty, and nothing can be made in it. */
static int open_nowhere(void)
{
    static const char *const places[] = {"/run/candor-XXXXXX", "/tmp/candor-XXXXXX"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[32];
        snprintf(path, sizeof path, "%s", places[i]);
        if (mkdtemp(path) == NULL)
            continue;
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int err = errno;
        if (rmdir(path) != 0 || fd < 0)
            return fd < 0 ? -err : fd;
        return fd;
    }
    return -errno;
}

static int enter_nowhere(uint32_t *bits)
{
    int fd = open_nowhere();
    if (fd < 0)
        return fd;
    int err = fchdir(fd) == 0 && chroot(".") == 0 ? 0 : -errno;
    close(fd);
    if (err == -EPERM) /* root in a container that may not */
        return 0;
    if (err == 0)
        *bits |= SANDBOX_CHROOT;
    return err;
}

static int become(const struct sandbox_user *user, uint32_t *bits)
{
    if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0)
        return -errno;
    if (setresuid(0, 0, 0) == 0) /* there must be no way back */
        return -EPERM;
    if (SANDBOX_IS_SANITIZED) /* the leak check traces its own threads, and reads /proc */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    *bits |= SANDBOX_UID;
    return 0;
}

int sandbox_enter(const struct sandbox_options *options, uint32_t *ret_bits)
{
    int err = 0;
    if (geteuid() == 0 && !sandbox_keeps_user(options->role) && !SANDBOX_IS_SANITIZED)
        err = enter_nowhere(ret_bits);
    if (err == 0 && options->user.is_own)
        err = become(&options->user, ret_bits);
    if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        err = -errno;
    if (err == 0)
        *ret_bits |= SANDBOX_NO_NEW_PRIVS;
    if (err == 0 && options->places != NULL)
        err = sandbox_restrict(options->places, ret_bits);
    return err;
}
