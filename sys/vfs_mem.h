/* vfs_mem: a file system in memory, for tests, that can fail and that remembers what was synced.
 *
 * - fail_at: the Nth call (of those in fail_calls) fails with fail_err. A failed write leaves half
 *   of its bytes; after a failed sync what it should have written is never synced any more, though
 *   it can still be read, as the kernel does it.
 * - crash_at: the Nth changing call is cut short (a write in its middle) and every call from then
 *   on fails with -EIO. vfs_mem_crash then makes a new start of what a disk would hold.
 * - Names are safe when their directory was synced, bytes when their file was. A rename is done
 *   whole or not at all. */
#ifndef CANDOR_SYS_VFS_MEM_H
#define CANDOR_SYS_VFS_MEM_H

#include "sys/vfs.h"

enum vfs_mem_call {
    VFS_MEM_OPEN = 1,
    VFS_MEM_READ = 2,
    VFS_MEM_WRITE = 4,
    VFS_MEM_SYNC = 8,   /* fdatasync, fsync */
    VFS_MEM_NAME = 16,  /* mkdir, rename, unlink */
    VFS_MEM_OTHER = 32, /* size, space, list, close */
    VFS_MEM_ALL = 63,
};

enum vfs_mem_crash {
    VFS_MEM_KILL, /* kill -9: the kernel still has it all, but nothing became safer by it */
    VFS_MEM_LOSE, /* nothing that was not synced */
    VFS_MEM_SOME, /* of what was not synced any sectors, any names, by the seed; torn sectors too */
};

struct vfs_mem;

struct vfs_mem *vfs_mem_new(void);
void vfs_mem_free(struct vfs_mem *m);
struct vfs *vfs_mem_vfs(struct vfs_mem *m);
/* The root directory: a descriptor that is good until the next crash. */
int vfs_mem_root(struct vfs_mem *m);

/* 0 switches it off. The count begins anew. */
void vfs_mem_fail(struct vfs_mem *m, unsigned calls, uint64_t at, int err);
void vfs_mem_crash_at(struct vfs_mem *m, uint64_t at);
/* Has the planned failure (crash) happened? */
bool vfs_mem_has_failed(const struct vfs_mem *m);
bool vfs_mem_has_crashed(const struct vfs_mem *m);
/* Changing calls since vfs_mem_crash_at. */
uint64_t vfs_mem_changes(const struct vfs_mem *m);
/* All descriptors and locks are gone; nothing fails any more. */
void vfs_mem_crash(struct vfs_mem *m, enum vfs_mem_crash how, uint64_t seed);
/* Writes that make files longer than this in sum are -ENOSPC. */
void vfs_mem_limit(struct vfs_mem *m, uint64_t bytes);
/* Descriptors that are open, the root's included: leaks are seen here. */
size_t vfs_mem_open_count(const struct vfs_mem *m);

#endif
