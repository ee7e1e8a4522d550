/* vfs: every system call that the spool makes, behind one table, so that tests can make the Nth one
 * fail, tear a write, or forget what was not synced (sys/vfs_mem.h), and nothing else in the spool
 * has to know.
 *
 * All calls return 0 (or a count, or a descriptor) or -errno. Names are C strings relative to an
 * open directory. A vfs may be used from several threads at once; a descriptor belongs to whoever
 * opened it. */
#ifndef CANDOR_SYS_VFS_H
#define CANDOR_SYS_VFS_H

#include <sys/types.h>

#include "lib/base/slice.h"

struct vfs;

struct vfs_space {
    uint64_t free_bytes;  /* for an ordinary user */
    uint64_t free_inodes; /* UINT64_MAX where the file system does not count them */
};

/* Called for every name but "." and ".."; not 0 ends the listing and is its result. */
typedef int vfs_name_fn(void *owner, const char *name);

struct vfs_ops {
    /* flags and mode of openat(2); O_CLOEXEC is added. */
    int (*open)(struct vfs *v, int dir, const char *name, int flags, unsigned mode);
    int (*close)(struct vfs *v, int fd);
    /* May be short: vfs_read_all, vfs_write_all. */
    ssize_t (*read)(struct vfs *v, int fd, void *to, size_t n, uint64_t offset);
    ssize_t (*write)(struct vfs *v, int fd, const void *from, size_t n, uint64_t offset);
    int (*fdatasync)(struct vfs *v, int fd);
    int (*fsync)(struct vfs *v, int fd); /* of a directory: its names */
    int (*size)(struct vfs *v, int fd, uint64_t *ret_bytes);
    int (*mkdir)(struct vfs *v, int dir, const char *name, unsigned mode);
    int (*rename)(struct vfs *v, int from_dir, const char *from, int to_dir, const char *to);
    int (*unlink)(struct vfs *v, int dir, const char *name);
    int (*list)(struct vfs *v, int dir, vfs_name_fn *each, void *owner);
    int (*space)(struct vfs *v, int fd, struct vfs_space *ret);
    /* An exclusive lock on an open file, without waiting; -EWOULDBLOCK when somebody has it. Ends
     * with the descriptor. */
    int (*lock)(struct vfs *v, int fd);
    /* fd is open for reading only. 0: nobody on this machine has the file open for writing at this
     * moment (a read lease can be had). -EAGAIN: somebody has. */
    int (*is_unwritten)(struct vfs *v, int fd);
};

struct vfs {
    const struct vfs_ops *ops;
};

/* The kernel. Has no state. */
extern struct vfs vfs_kernel;

/* All n bytes or an error; a file that ends early is -ENODATA. */
int vfs_read_all(struct vfs *v, int fd, void *to, size_t n, uint64_t offset)
    __attribute__((warn_unused_result));
/* All n bytes or an error; a write of nothing is -EIO. */
int vfs_write_all(struct vfs *v, int fd, const void *from, size_t n, uint64_t offset)
    __attribute__((warn_unused_result));

#endif
