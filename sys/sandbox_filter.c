/* The filter of system calls, made of syscalls.def. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "sys/sandbox_int.h"

enum kind { IS_CALL, IS_CALL_IF, IS_REFUSED, IS_HOSTILE, IS_ALWAYS_HOSTILE };

struct row {
    enum kind kind;
    uint32_t right;
    int call; /* negative: not on this machine */
    unsigned argument;
    uint64_t mask, value;
};

/* Not static: one value is our own process id. */
static size_t rows(struct row *ret)
{
    const struct row all[] = {
#define CALL(right_, call_) {IS_CALL, (right_), SCMP_SYS(call_), 0, 0, 0},
#define CALL_IF(right_, call_, argument_, mask_, value_)                                           \
    {IS_CALL_IF, (right_), SCMP_SYS(call_), (argument_), (mask_), (value_)},
#define REFUSED(call_) {IS_REFUSED, 0, SCMP_SYS(call_), 0, 0, 0},
#define HOSTILE(call_) {IS_HOSTILE, 0, SCMP_SYS(call_), 0, 0, 0},
#define ALWAYS_HOSTILE(call_) {IS_ALWAYS_HOSTILE, 0, SCMP_SYS(call_), 0, 0, 0},
#include "sys/syscalls.def"
    };
    if (ret != NULL)
        memcpy(ret, all, sizeof all);
    return sizeof all / sizeof all[0];
}

static bool is_granted(const struct row *r, uint32_t rights)
{
    return (r->kind == IS_CALL || r->kind == IS_CALL_IF) && (r->right & rights) == r->right;
}

/* Has the role a row of this kind with the call? */
static bool has(const struct row *v, size_t n, int call, uint32_t rights, bool must_be_plain)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].call == call && is_granted(&v[i], rights) &&
            (!must_be_plain || v[i].kind == IS_CALL))
            return true;
    return false;
}

static int add(scmp_filter_ctx filter, uint32_t action, const struct row *r)
{
    const struct scmp_arg_cmp when = SCMP_CMP64(r->argument, SCMP_CMP_MASKED_EQ, r->mask, r->value);
    int err = r->kind == IS_CALL_IF ? seccomp_rule_add_array(filter, action, r->call, 1, &when)
                                    : seccomp_rule_add(filter, action, r->call, 0);
    return err;
}

static int add_narrow(scmp_filter_ctx filter, const struct row *v, size_t n, uint32_t rights)
{
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++) {
        const struct row *r = &v[i];
        bool is_had = has(v, n, r->call, rights, false);
        if (r->call < 0)
            continue;
        if (is_granted(r, rights)) {
            if (r->kind == IS_CALL || !has(v, n, r->call, rights, true))
                err = add(filter, SCMP_ACT_ALLOW, r);
        } else if (!is_had && r->kind == IS_REFUSED) {
            err = add(filter, SCMP_ACT_ERRNO(EACCES), r);
        } else if (!is_had && (r->kind == IS_HOSTILE || r->kind == IS_ALWAYS_HOSTILE)) {
            err = add(filter, SCMP_ACT_KILL_PROCESS, r);
        }
    }
    return err;
}

static int add_wide(scmp_filter_ctx filter, const struct row *v, size_t n)
{
    int err = 0;
    for (size_t i = 0; i < n && err == 0; i++)
        if (v[i].kind == IS_ALWAYS_HOSTILE && v[i].call >= 0)
            err = add(filter, SCMP_ACT_KILL_PROCESS, &v[i]);
    return err;
}

static int set_attributes(scmp_filter_ctx filter, bool is_wide)
{
    int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* has been done */
    if (err == 0)
        err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (err == 0) /* a call by another machine's table (i386, x32) is nobody's mistake */
        err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
                               is_wide ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_KILL_PROCESS);
    if (err == 0)
        err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return err;
}

int sandbox_filter(enum role_id role, uint32_t *ret_bits)
{
    struct row v[512];
    size_t n = rows(NULL);
    uint32_t rights = sandbox_rights(role);
    bool is_wide = SANDBOX_IS_SANITIZED || (rights & MAY_SPAWN) != 0;
    if (n > sizeof v / sizeof v[0])
        return -E2BIG;
    (void)rows(v);
    scmp_filter_ctx filter = seccomp_init(is_wide ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return -ENOMEM;
    int err = set_attributes(filter, is_wide);
    if (err == 0)
        err = is_wide ? add_wide(filter, v, n) : add_narrow(filter, v, n, rights);
    if (err == 0)
        err = seccomp_load(filter);
    seccomp_release(filter);
    if (err == 0)
        *ret_bits |= SANDBOX_SECCOMP | (is_wide ? SANDBOX_WIDE : 0U);
    return err;
}
