#include "src/deliver/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/ascii.h"
#include "lib/base/buf.h"

#define FILE_NAME "maildirsize"
#define NEW_NAME "maildirsize.candor"
#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

/* ---- reading it ---- */

/* A decimal number, perhaps with a minus. */
static bool take_number(slice *in, int64_t *ret)
{
    slice s = *in;
    bool is_negative = s.n > 0 && s.p[0] == '-';
    uint64_t n;
    size_t digits = 0;
    s = slice_tail(s, is_negative);
    while (digits < s.n && ascii_is_digit(s.p[digits]))
        digits++;
    if (!slice_to_u64(slice_head(s, digits), INT64_MAX, &n))
        return false;
    *ret = is_negative ? -(int64_t)n : (int64_t)n;
    *in = slice_tail(s, digits);
    return true;
}

static bool take_line(slice line, int64_t *bytes, int64_t *messages)
{
    int64_t b, m;
    line = slice_trim(line);
    if (!take_number(&line, &b))
        return false;
    line = slice_trim(line);
    if (!take_number(&line, &m) || slice_trim(line).n > 0 ||
        __builtin_add_overflow(*bytes, b, bytes) || __builtin_add_overflow(*messages, m, messages))
        return false;
    return true;
}

/* "1048576S,1000C": 0 when it has no S. */
static uint64_t limit_of(slice line)
{
    slice part;
    uint64_t limit;
    while (slice_split(&line, ',', &part))
        if (slice_ends(part, SLICE_LIT("S")) &&
            slice_to_u64(slice_head(part, part.n - 1), UINT64_MAX, &limit))
            return limit;
    return 0;
}

/* A last line without its end is somebody's half-written one. */
static bool parse(slice text, uint64_t *ret_limit, struct maildirsize *ret)
{
    int64_t bytes = 0, messages = 0;
    slice line;
    if (!slice_ends(text, SLICE_LIT("\n")) || !slice_split(&text, '\n', &line))
        return false;
    *ret_limit = limit_of(slice_trim(line));
    while (slice_split(&text, '\n', &line))
        if (!take_line(line, &bytes, &messages))
            return false;
    ret->bytes = bytes > 0 ? (uint64_t)bytes : 0;
    ret->messages = messages > 0 ? (uint64_t)messages : 0;
    return true;
}

/* 0; -ENOENT: there is none, or none that can be used. */
static int read_file(struct vfs *v, int dir, uint64_t now_s, uint64_t *ret_limit,
                     struct maildirsize *ret)
{
    char text[MAILDIRSIZE_MAX_BYTES];
    struct stat st;
    uint64_t n;
    int fd = v->ops->open(v, dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd == -ELOOP)
        return -ENOENT;
    if (fd < 0)
        return fd;
    int err = fstat(fd, &st) < 0 ? -errno : 0;
    if (err == 0)
        err = v->ops->size(v, fd, &n);
    if (err == 0 && (!S_ISREG(st.st_mode) || n > sizeof text))
        err = -ENOENT;
    if (err == 0)
        err = vfs_read_all(v, fd, text, (size_t)n, 0);
    if (err == 0 && !parse(slice_of(text, (size_t)n), ret_limit, ret))
        err = -ENOENT;
    v->ops->close(v, fd); /* only read */
    if (err == 0)
        ret->is_old = (uint64_t)st.st_mtim.tv_sec + MAILDIRSIZE_OLD_S < now_s;
    /* It was cut while we read: counted anew, as if it were no such file. */
    return err == -ENODATA ? -ENOENT : err;
}

/* ---- counting ---- */

struct counting {
    struct vfs *v;
    int dir;
    struct maildirsize sum;
};

/* ",S=1234" in "name,S=1234,W=1300:2,S". */
static bool size_of_name(slice name, uint64_t *ret)
{
    size_t at = slice_find_slice(name, SLICE_LIT(",S="));
    slice digits = slice_tail(name, at + 3);
    size_t n = 0;
    while (n < digits.n && ascii_is_digit(digits.p[n]))
        n++;
    return at < name.n && slice_to_u64(slice_head(digits, n), INT64_MAX, ret);
}

static int count_file(void *owner, const char *name)
{
    struct counting *c = owner;
    struct stat st;
    uint64_t bytes;
    if (name[0] == '.')
        return 0;
    if (!size_of_name(slice_cstr(name), &bytes)) {
        if (fstatat(c->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT ? 0 : -errno; /* moved meanwhile */
        bytes = (uint64_t)st.st_size;
    }
    c->sum.bytes += bytes;
    c->sum.messages++;
    return 0;
}

static int count_part(struct counting *c, int folder, const char *name)
{
    int fd = c->v->ops->open(c->v, folder, name, DIRECTORY, 0);
    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
    c->dir = fd;
    int err = c->v->ops->list(c->v, fd, count_file, c);
    c->v->ops->close(c->v, fd);
    return err;
}

static int count_folder(struct counting *c, int folder)
{
    int err = count_part(c, folder, "new");
    return err == 0 ? count_part(c, folder, "cur") : err;
}

struct folders {
    struct counting *c;
    int dir;
};

static int count_if_folder(void *owner, const char *name)
{
    struct folders *f = owner;
    struct vfs *v = f->c->v;
    if (name[0] != '.')
        return 0;
    int fd = v->ops->open(v, f->dir, name, DIRECTORY, 0);
    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
    int err = count_folder(f->c, fd);
    v->ops->close(v, fd);
    return err;
}

static int count(struct vfs *v, int dir, struct maildirsize *ret)
{
    struct counting c = {.v = v};
    struct folders f = {.c = &c, .dir = dir};
    int err = count_folder(&c, dir);
    if (err == 0)
        err = v->ops->list(v, dir, count_if_folder, &f);
    if (err == 0)
        *ret = c.sum;
    return err;
}

/* ---- writing it ---- */

static int write_file(struct vfs *v, int dir, int tmp_dir, uint64_t limit_bytes,
                      const struct maildirsize *sum)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    char text[128];
    int n = snprintf(text, sizeof text, "%lluS\n%llu %llu\n", (unsigned long long)limit_bytes,
                     (unsigned long long)sum->bytes, (unsigned long long)sum->messages);
    int fd = v->ops->open(v, tmp_dir, NEW_NAME, flags, 0600);
    if (fd == -EEXIST) {
        int err = v->ops->unlink(v, tmp_dir, NEW_NAME);
        if (err != 0)
            return err;
        fd = v->ops->open(v, tmp_dir, NEW_NAME, flags, 0600);
    }
    if (fd < 0)
        return fd;
    int err = vfs_write_all(v, fd, text, (size_t)n, 0);
    int closed = v->ops->close(v, fd);
    if (err == 0)
        err = closed;
    if (err == 0)
        err = v->ops->rename(v, tmp_dir, NEW_NAME, dir, FILE_NAME);
    if (err != 0)
        v->ops->unlink(v, tmp_dir, NEW_NAME);
    return err;
}

int maildirsize_renew(struct vfs *v, int dir, int tmp_dir, uint64_t limit_bytes,
                      struct maildirsize *ret)
{
    struct maildirsize sum;
    int err = count(v, dir, &sum);
    if (err == 0)
        err = write_file(v, dir, tmp_dir, limit_bytes, &sum);
    if (err == 0)
        *ret = sum;
    return err;
}

int maildirsize_load(struct vfs *v, int dir, int tmp_dir, uint64_t limit_bytes, uint64_t now_s,
                     struct maildirsize *ret)
{
    struct maildirsize sum = {0};
    uint64_t limit = 0;
    int err = read_file(v, dir, now_s, &limit, &sum);
    /* Another limit in it: somebody else's, or ours of before. Not at once, or two who do not agree
     * would count for ever. */
    if (err == -ENOENT || (err == 0 && limit != limit_bytes && sum.is_old))
        return maildirsize_renew(v, dir, tmp_dir, limit_bytes, ret);
    if (err == 0)
        *ret = sum;
    return err;
}

void maildirsize_add(struct vfs *v, int dir, uint64_t bytes, uint64_t messages)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)bytes,
                     (unsigned long long)messages);
    int fd = v->ops->open(v, dir, FILE_NAME, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd == -ENOENT)
        return;
    /* With O_APPEND the offset says nothing (pwrite(2)). */
    int err = fd < 0 ? fd : vfs_write_all(v, fd, text, (size_t)n, 0);
    if (fd >= 0 && v->ops->close(v, fd) != 0)
        err = -EIO;
    if (err != 0)
        v->ops->unlink(v, dir, FILE_NAME);
}

int maildirsize_look(struct vfs *v, int dir, struct maildirsize *ret)
{
    struct maildirsize sum = {0};
    uint64_t limit;
    int err = read_file(v, dir, 0, &limit, &sum);
    if (err == -ENOENT)
        return count(v, dir, ret);
    if (err == 0)
        *ret = sum;
    return err;
}
