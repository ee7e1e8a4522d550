/* Landlock, by its system calls: the C library has no names for them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/sandbox_int.h"

/* The kernel's interface, as much as we use: headers are older than kernels. */
struct ruleset_attr {
    uint64_t fs, net, scoped;
};
struct path_beneath_attr {
    uint64_t fs;
    int32_t fd;
} __attribute__((packed));
enum { RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };
enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL_DEV = 5, ABI_SCOPED = 6 };

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ALL_OF_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define FS_OF_A_FILE (FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)
#define NET_TCP UINT64_C(3)    /* bind, connect */
#define SCOPED_ALL UINT64_C(3) /* abstract sockets, signals */

static uint64_t all_of(int abi)
{
    return FS_ALL_OF_ABI_1 | (abi >= ABI_REFER ? FS_REFER : 0) |
           (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) | (abi >= ABI_IOCTL_DEV ? FS_IOCTL_DEV : 0);
}

static uint64_t access_of(enum role_id role)
{
    uint32_t rights = sandbox_rights(role);
    return ((rights & MAY_READ) != 0 ? FS_READ_FILE | FS_READ_DIR : 0) |
           ((rights & MAY_WRITE) != 0 ? FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_DIR |
                                            FS_REMOVE_FILE | FS_REMOVE_DIR | FS_REFER
                                      : 0);
}

int sandbox_places_init(struct sandbox_places *p, enum role_id role)
{
    *p = (struct sandbox_places){.role = role, .ruleset = -1};
    uint32_t rights = sandbox_rights(role);
    if (SANDBOX_IS_SANITIZED || (rights & MAY_SPAWN) != 0)
        return 0;
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, RULESET_VERSION);
    /* The first Landlock forbids every move from one directory to another, which queue and deliver
     * live by. */
    if (abi < 1 || (abi < ABI_REFER && (rights & MAY_WRITE) != 0))
        return 0;
    struct ruleset_attr attr = {.fs = all_of(abi)};
    if (abi >= ABI_NET && (rights & MAY_CONNECT) == 0)
        attr.net = NET_TCP;
    if (abi >= ABI_SCOPED)
        attr.scoped = SCOPED_ALL;
    size_t size = abi >= ABI_SCOPED ? sizeof attr
                  : abi >= ABI_NET  ? offsetof(struct ruleset_attr, scoped)
                                    : offsetof(struct ruleset_attr, net);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        return -errno;
    p->ruleset = fd;
    p->abi = abi;
    return 0;
}

void sandbox_places_release(struct sandbox_places *p)
{
    if (p->ruleset >= 0)
        (void)close(p->ruleset); /* not a file */
    p->ruleset = -1;
}

int sandbox_allow(struct sandbox_places *p, int fd)
{
    struct stat st;
    uint64_t access = access_of(p->role);
    if (access == 0)
        return -EPERM;
    if (p->ruleset < 0)
        return 0;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        access &= FS_OF_A_FILE;
    const struct path_beneath_attr attr = {.fs = access & all_of(p->abi), .fd = fd};
    return syscall(SYS_landlock_add_rule, p->ruleset, RULE_PATH_BENEATH, &attr, 0) == 0 ? 0
                                                                                        : -errno;
}

int sandbox_restrict(const struct sandbox_places *p, uint32_t *ret_bits)
{
    if (p->ruleset < 0)
        return 0;
    if (syscall(SYS_landlock_restrict_self, p->ruleset, 0) != 0)
        /* Switched off at boot: asked for here, since creating a ruleset still works then. */
        return errno == EOPNOTSUPP ? 0 : -errno;
    *ret_bits |= SANDBOX_LANDLOCK;
    return 0;
}
