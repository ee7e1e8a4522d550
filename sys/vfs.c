#include "sys/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int result(int rc)
{
    return rc < 0 ? -errno : rc;
}

static int kernel_open(struct vfs *v, int dir, const char *name, int flags, unsigned mode)
{
    (void)v;
    return result(openat(dir, name, flags | O_CLOEXEC, (mode_t)mode));
}

static int kernel_close(struct vfs *v, int fd)
{
    (void)v;
    return result(close(fd));
}

static ssize_t kernel_read(struct vfs *v, int fd, void *to, size_t n, uint64_t offset)
{
    (void)v;
    ssize_t got = pread(fd, to, n, (off_t)offset);
    return got < 0 ? -errno : got;
}

static ssize_t kernel_write(struct vfs *v, int fd, const void *from, size_t n, uint64_t offset)
{
    (void)v;
    ssize_t got = pwrite(fd, from, n, (off_t)offset);
    return got < 0 ? -errno : got;
}

static int kernel_fdatasync(struct vfs *v, int fd)
{
    (void)v;
    return result(fdatasync(fd));
}

static int kernel_fsync(struct vfs *v, int fd)
{
    (void)v;
    return result(fsync(fd));
}

static int kernel_size(struct vfs *v, int fd, uint64_t *ret_bytes)
{
    (void)v;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_bytes = (uint64_t)st.st_size;
    return 0;
}

static int kernel_mkdir(struct vfs *v, int dir, const char *name, unsigned mode)
{
    (void)v;
    return result(mkdirat(dir, name, (mode_t)mode));
}

static int kernel_rename(struct vfs *v, int from_dir, const char *from, int to_dir, const char *to)
{
    (void)v;
    return result(renameat(from_dir, from, to_dir, to));
}

static int kernel_unlink(struct vfs *v, int dir, const char *name)
{
    (void)v;
    return result(unlinkat(dir, name, 0));
}

static int kernel_list(struct vfs *v, int dir, vfs_name_fn *each, void *owner)
{
    (void)v;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int err = -errno;
        close(fd);
        return err;
    }
    int rc = 0;
    while (rc == 0) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            rc = -errno;
            break;
        }
        slice name = slice_cstr(entry->d_name);
        if (!slice_is(name, ".") && !slice_is(name, ".."))
            rc = each(owner, entry->d_name);
    }
    if (closedir(stream) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

static int kernel_space(struct vfs *v, int fd, struct vfs_space *ret)
{
    (void)v;
    struct statvfs st;
    if (fstatvfs(fd, &st) < 0)
        return -errno;
    ret->free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    ret->free_inodes = st.f_files == 0 ? UINT64_MAX : (uint64_t)st.f_favail;
    return 0;
}

static int kernel_lock(struct vfs *v, int fd)
{
    (void)v;
    return result(flock(fd, LOCK_EX | LOCK_NB));
}

static int kernel_is_unwritten(struct vfs *v, int fd)
{
    (void)v;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return -errno;
    return result(fcntl(fd, F_SETLEASE, F_UNLCK));
}

static const struct vfs_ops kernel_ops = {
    .open = kernel_open,
    .close = kernel_close,
    .read = kernel_read,
    .write = kernel_write,
    .fdatasync = kernel_fdatasync,
    .fsync = kernel_fsync,
    .size = kernel_size,
    .mkdir = kernel_mkdir,
    .rename = kernel_rename,
    .unlink = kernel_unlink,
    .list = kernel_list,
    .space = kernel_space,
    .lock = kernel_lock,
    .is_unwritten = kernel_is_unwritten,
};

struct vfs vfs_kernel = {&kernel_ops};

int vfs_read_all(struct vfs *v, int fd, void *to, size_t n, uint64_t offset)
{
    char *p = to;
    while (n > 0) {
        ssize_t got = v->ops->read(v, fd, p, n, offset);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? (int)got : -ENODATA;
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int vfs_write_all(struct vfs *v, int fd, const void *from, size_t n, uint64_t offset)
{
    const char *p = from;
    while (n > 0) {
        ssize_t got = v->ops->write(v, fd, p, n, offset);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}
