#include "sys/vfs_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define SECTOR ((size_t)512)
#define NAME_MAX_BYTES 64
#define FD_BASE 1000000

struct inode {
    bool is_dir;
    bool is_locked;
    char *now, *safe; /* both have room for `room` bytes */
    size_t room;
    size_t now_bytes, safe_bytes;
    unsigned char *dirty; /* a byte a sector */
};

struct name {
    size_t dir, inode;
    char text[NAME_MAX_BYTES];
};

struct names {
    struct name *p;
    size_t n, room;
};

/* A change of names that no sync has made safe yet. from.text empty: creation; to.text empty:
 * removal. */
struct change {
    struct name from, to;
};

struct open_file {
    bool is_open, may_write, has_lock;
    size_t inode;
};

struct vfs_mem {
    struct vfs vfs;
    struct inode *inodes;
    size_t inode_count;
    struct names now, safe;
    struct change *changes;
    size_t change_count, change_room;
    struct open_file *files;
    size_t file_count;
    unsigned fail_calls;
    uint64_t fail_at, fail_seen, crash_at, change_seen;
    int fail_err;
    bool has_failed, has_crashed;
    uint64_t limit_bytes;
    int root_fd;
};

static void *must(void *p)
{
    if (p == NULL)
        abort(); /* a test without memory is no test */
    return p;
}

static struct vfs_mem *mem(struct vfs *v)
{
    return (struct vfs_mem *)v;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* ---- names ---- */

static void names_put(struct names *list, const struct name *name)
{
    if (list->n == list->room) {
        list->room = list->room == 0 ? 32 : list->room * 2;
        list->p = must(realloc(list->p, list->room * sizeof *list->p));
    }
    list->p[list->n++] = *name;
}

static struct name *names_find(const struct names *list, size_t dir, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->p[i].dir == dir && slice_is(slice_cstr(list->p[i].text), text))
            return &list->p[i];
    return NULL;
}

static void names_remove(struct names *list, size_t dir, const char *text)
{
    struct name *name = names_find(list, dir, text);
    if (name != NULL)
        *name = list->p[--list->n];
}

static void names_apply(struct names *list, const struct change *c)
{
    if (c->from.text[0] != '\0')
        names_remove(list, c->from.dir, c->from.text);
    if (c->to.text[0] != '\0') {
        names_remove(list, c->to.dir, c->to.text);
        names_put(list, &c->to);
    }
}

static struct name name_of(size_t dir, const char *text, size_t inode)
{
    struct name name = {.dir = dir, .inode = inode};
    slice s = slice_cstr(text);
    if (s.n >= sizeof name.text)
        abort();
    memcpy(name.text, s.p, s.n);
    return name;
}

static void change_names(struct vfs_mem *m, struct change c)
{
    if (m->change_count == m->change_room) {
        m->change_room = m->change_room == 0 ? 32 : m->change_room * 2;
        m->changes = must(realloc(m->changes, m->change_room * sizeof *m->changes));
    }
    m->changes[m->change_count++] = c;
    names_apply(&m->now, &c);
}

static bool touches(const struct change *c, size_t dir)
{
    return (c->from.text[0] != '\0' && c->from.dir == dir) ||
           (c->to.text[0] != '\0' && c->to.dir == dir);
}

/* ---- plans ---- */

/* 0, or what the call is to return. */
static int plan(struct vfs_mem *m, unsigned call)
{
    if (m->has_crashed)
        return -EIO;
    if ((m->fail_calls & call) && ++m->fail_seen == m->fail_at) {
        m->has_failed = true;
        return m->fail_err;
    }
    return 0;
}

/* Is this changing call the one in which the power goes? */
static bool ends_here(struct vfs_mem *m)
{
    m->has_crashed = ++m->change_seen == m->crash_at;
    return m->has_crashed;
}

/* ---- files ---- */

static struct open_file *file_at(struct vfs_mem *m, int fd)
{
    size_t i = (size_t)(fd - FD_BASE);
    return fd >= FD_BASE && i < m->file_count && m->files[i].is_open ? &m->files[i] : NULL;
}

static int file_new(struct vfs_mem *m, size_t inode, bool may_write)
{
    size_t i = 0;
    while (i < m->file_count && m->files[i].is_open)
        i++;
    if (i == m->file_count)
        m->files = must(realloc(m->files, ++m->file_count * sizeof *m->files));
    m->files[i] = (struct open_file){.is_open = true, .may_write = may_write, .inode = inode};
    return FD_BASE + (int)i;
}

static size_t inode_new(struct vfs_mem *m, bool is_dir)
{
    m->inodes = must(realloc(m->inodes, (m->inode_count + 1) * sizeof *m->inodes));
    m->inodes[m->inode_count] = (struct inode){.is_dir = is_dir};
    return m->inode_count++;
}

static void inode_room(struct inode *node, size_t bytes)
{
    if (bytes <= node->room)
        return;
    size_t room = (bytes + 65535) / 65536 * 65536;
    node->now = must(realloc(node->now, room));
    node->safe = must(realloc(node->safe, room));
    node->dirty = must(realloc(node->dirty, room / SECTOR));
    memset(node->now + node->room, 0, room - node->room);
    memset(node->safe + node->room, 0, room - node->room);
    memset(node->dirty + node->room / SECTOR, 0, (room - node->room) / SECTOR);
    node->room = room;
}

static uint64_t used_bytes(const struct vfs_mem *m)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < m->now.n; i++)
        sum += m->inodes[m->now.p[i].inode].now_bytes;
    return sum;
}

static int mem_open(struct vfs *v, int dir, const char *text, int flags, unsigned mode)
{
    struct vfs_mem *m = mem(v);
    (void)mode;
    int rc = plan(m, VFS_MEM_OPEN);
    const struct open_file *at = file_at(m, dir);
    if (rc < 0 || at == NULL)
        return rc < 0 ? rc : -EBADF;
    size_t dir_inode = at->inode;
    const struct name *name = names_find(&m->now, dir_inode, text);
    bool may_write = (flags & O_ACCMODE) != O_RDONLY;
    if (name != NULL && (flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (name != NULL) {
        struct inode *node = &m->inodes[name->inode];
        if (((flags & O_DIRECTORY) != 0) != node->is_dir)
            return -ENOTDIR;
        if ((flags & O_TRUNC) && node->now_bytes > 0) {
            if (ends_here(m))
                return -EIO;
            if (node->now_bytes > 0) {
                memset(node->now, 0, node->now_bytes);
                memset(node->dirty, 1, (node->now_bytes + SECTOR - 1) / SECTOR);
            }
            node->now_bytes = 0;
        }
        return file_new(m, name->inode, may_write);
    }
    if (!(flags & O_CREAT))
        return -ENOENT;
    if (ends_here(m))
        return -EIO;
    size_t inode = inode_new(m, false);
    change_names(m, (struct change){.to = name_of(dir_inode, text, inode)});
    return file_new(m, inode, may_write);
}

static int mem_close(struct vfs *v, int fd)
{
    struct vfs_mem *m = mem(v);
    struct open_file *f = file_at(m, fd);
    if (f == NULL)
        return m->has_crashed ? -EIO : -EBADF;
    /* Closes in any case, as Linux does. */
    f->is_open = false;
    if (f->has_lock)
        m->inodes[f->inode].is_locked = false;
    return plan(m, VFS_MEM_OTHER);
}

static ssize_t mem_read(struct vfs *v, int fd, void *to, size_t n, uint64_t offset)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_READ);
    const struct open_file *f = file_at(m, fd);
    if (rc < 0 || f == NULL)
        return rc < 0 ? rc : -EBADF;
    const struct inode *node = &m->inodes[f->inode];
    if (offset >= node->now_bytes)
        return 0;
    if (n > node->now_bytes - offset)
        n = node->now_bytes - (size_t)offset;
    memcpy(to, node->now + offset, n);
    return (ssize_t)n;
}

static void put_bytes(struct inode *node, const char *from, size_t n, size_t offset)
{
    if (n == 0)
        return;
    inode_room(node, offset + n);
    memcpy(node->now + offset, from, n);
    for (size_t sector = offset / SECTOR; sector <= (offset + n - 1) / SECTOR; sector++)
        node->dirty[sector] = 1;
    if (node->now_bytes < offset + n)
        node->now_bytes = offset + n;
}

static ssize_t mem_write(struct vfs *v, int fd, const void *from, size_t n, uint64_t offset)
{
    struct vfs_mem *m = mem(v);
    const struct open_file *f = file_at(m, fd);
    bool was_crashed = m->has_crashed;
    int rc = plan(m, VFS_MEM_WRITE);
    if (was_crashed || f == NULL || !f->may_write)
        return was_crashed ? -EIO : -EBADF;
    struct inode *node = &m->inodes[f->inode];
    uint64_t more = offset + n > node->now_bytes ? offset + n - node->now_bytes : 0;
    if (rc == 0 && more > 0 && used_bytes(m) + more > m->limit_bytes)
        return -ENOSPC;
    if (ends_here(m))
        rc = -EIO;
    put_bytes(node, from, rc < 0 ? n / 2 : n, (size_t)offset);
    return rc < 0 ? rc : (ssize_t)n;
}

static void inode_sync(struct inode *node)
{
    for (size_t sector = 0; sector < node->room / SECTOR; sector++)
        if (node->dirty[sector]) {
            memcpy(node->safe + sector * SECTOR, node->now + sector * SECTOR, SECTOR);
            node->dirty[sector] = 0;
        }
    node->safe_bytes = node->now_bytes;
}

static int mem_sync(struct vfs *v, int fd)
{
    struct vfs_mem *m = mem(v);
    bool was_crashed = m->has_crashed;
    int rc = plan(m, VFS_MEM_SYNC);
    const struct open_file *f = file_at(m, fd);
    if (was_crashed || f == NULL)
        return was_crashed ? -EIO : -EBADF;
    struct inode *node = &m->inodes[f->inode];
    if (rc < 0) {
        /* The kernel forgets what it could not write, and says so once. */
        if (node->room > 0)
            memset(node->dirty, 0, node->room / SECTOR);
        return rc;
    }
    if (ends_here(m))
        return -EIO;
    if (!node->is_dir) {
        inode_sync(node);
        return 0;
    }
    size_t kept = 0;
    for (size_t i = 0; i < m->change_count; i++)
        if (touches(&m->changes[i], f->inode))
            names_apply(&m->safe, &m->changes[i]);
        else
            m->changes[kept++] = m->changes[i];
    m->change_count = kept;
    return 0;
}

static int mem_size(struct vfs *v, int fd, uint64_t *ret_bytes)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_OTHER);
    const struct open_file *f = file_at(m, fd);
    if (rc < 0 || f == NULL)
        return rc < 0 ? rc : -EBADF;
    *ret_bytes = m->inodes[f->inode].now_bytes;
    return 0;
}

static int mem_mkdir(struct vfs *v, int dir, const char *text, unsigned mode)
{
    struct vfs_mem *m = mem(v);
    (void)mode;
    int rc = plan(m, VFS_MEM_NAME);
    const struct open_file *at = file_at(m, dir);
    if (rc < 0 || at == NULL)
        return rc < 0 ? rc : -EBADF;
    size_t dir_inode = at->inode;
    if (names_find(&m->now, dir_inode, text) != NULL)
        return -EEXIST;
    if (ends_here(m))
        return -EIO;
    change_names(m, (struct change){.to = name_of(dir_inode, text, inode_new(m, true))});
    return 0;
}

static int mem_rename(struct vfs *v, int from_dir, const char *from, int to_dir, const char *to)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_NAME);
    const struct open_file *a = file_at(m, from_dir), *b = file_at(m, to_dir);
    if (rc < 0 || a == NULL || b == NULL)
        return rc < 0 ? rc : -EBADF;
    const struct name *name = names_find(&m->now, a->inode, from);
    if (name == NULL)
        return -ENOENT;
    if (ends_here(m))
        return -EIO;
    size_t inode = name->inode;
    change_names(m, (struct change){.from = name_of(a->inode, from, inode),
                                    .to = name_of(b->inode, to, inode)});
    return 0;
}

static int mem_unlink(struct vfs *v, int dir, const char *text)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_NAME);
    const struct open_file *at = file_at(m, dir);
    if (rc < 0 || at == NULL)
        return rc < 0 ? rc : -EBADF;
    const struct name *name = names_find(&m->now, at->inode, text);
    if (name == NULL)
        return -ENOENT;
    if (ends_here(m))
        return -EIO;
    change_names(m, (struct change){.from = name_of(at->inode, text, name->inode)});
    return 0;
}

static int mem_list(struct vfs *v, int dir, vfs_name_fn *each, void *owner)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_OTHER);
    const struct open_file *at = file_at(m, dir);
    if (rc < 0 || at == NULL)
        return rc < 0 ? rc : -EBADF;
    /* What is listed may be removed meanwhile: from a copy, as readdir does. */
    size_t inode = at->inode, n = m->now.n;
    struct name *copy = must(malloc((n + 1) * sizeof *copy));
    memcpy(copy, m->now.p, n * sizeof *copy);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (copy[i].dir == inode)
            rc = each(owner, copy[i].text);
    free(copy);
    return rc;
}

static int mem_space(struct vfs *v, int fd, struct vfs_space *ret)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_OTHER);
    if (rc < 0 || file_at(m, fd) == NULL)
        return rc < 0 ? rc : -EBADF;
    uint64_t used = used_bytes(m);
    ret->free_bytes = used < m->limit_bytes ? m->limit_bytes - used : 0;
    ret->free_inodes = UINT64_MAX;
    return 0;
}

static int mem_lock(struct vfs *v, int fd)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_OTHER);
    struct open_file *f = file_at(m, fd);
    if (rc < 0 || f == NULL)
        return rc < 0 ? rc : -EBADF;
    if (m->inodes[f->inode].is_locked)
        return -EWOULDBLOCK;
    f->has_lock = m->inodes[f->inode].is_locked = true;
    return 0;
}

static int mem_is_unwritten(struct vfs *v, int fd)
{
    struct vfs_mem *m = mem(v);
    int rc = plan(m, VFS_MEM_OTHER);
    const struct open_file *f = file_at(m, fd);
    if (rc < 0 || f == NULL)
        return rc < 0 ? rc : -EBADF;
    for (size_t i = 0; i < m->file_count; i++)
        if (m->files[i].is_open && m->files[i].may_write && m->files[i].inode == f->inode)
            return -EAGAIN;
    return 0;
}

static const struct vfs_ops mem_ops = {
    .open = mem_open,
    .close = mem_close,
    .read = mem_read,
    .write = mem_write,
    .fdatasync = mem_sync,
    .fsync = mem_sync,
    .size = mem_size,
    .mkdir = mem_mkdir,
    .rename = mem_rename,
    .unlink = mem_unlink,
    .list = mem_list,
    .space = mem_space,
    .lock = mem_lock,
    .is_unwritten = mem_is_unwritten,
};

/* ---- the test's side ---- */

struct vfs_mem *vfs_mem_new(void)
{
    struct vfs_mem *m = must(calloc(1, sizeof *m));
    m->vfs.ops = &mem_ops;
    m->limit_bytes = UINT64_MAX;
    m->root_fd = file_new(m, inode_new(m, true), false);
    return m;
}

void vfs_mem_free(struct vfs_mem *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->inode_count; i++) {
        free(m->inodes[i].now);
        free(m->inodes[i].safe);
        free(m->inodes[i].dirty);
    }
    free(m->inodes);
    free(m->now.p);
    free(m->safe.p);
    free(m->changes);
    free(m->files);
    free(m);
}

struct vfs *vfs_mem_vfs(struct vfs_mem *m)
{
    return &m->vfs;
}

int vfs_mem_root(struct vfs_mem *m)
{
    return m->root_fd;
}

void vfs_mem_fail(struct vfs_mem *m, unsigned calls, uint64_t at, int err)
{
    m->fail_calls = at == 0 ? 0 : calls;
    m->fail_at = at;
    m->fail_err = err;
    m->fail_seen = 0;
    m->has_failed = false;
}

void vfs_mem_crash_at(struct vfs_mem *m, uint64_t at)
{
    m->crash_at = at;
    m->change_seen = 0;
    m->has_crashed = false;
}

bool vfs_mem_has_failed(const struct vfs_mem *m)
{
    return m->has_failed;
}

bool vfs_mem_has_crashed(const struct vfs_mem *m)
{
    return m->has_crashed;
}

uint64_t vfs_mem_changes(const struct vfs_mem *m)
{
    return m->change_seen;
}

static void crash_sector(struct inode *node, size_t sector, uint64_t *seed)
{
    size_t at = sector * SECTOR, n = SECTOR;
    uint64_t choice = next_random(seed) % 8;
    if (choice < 4)
        return;
    if (choice == 4)
        n = next_random(seed) % SECTOR;
    memcpy(node->safe + at, node->now + at, n);
}

static void crash_inode(struct inode *node, enum vfs_mem_crash how, uint64_t *seed)
{
    if (how == VFS_MEM_SOME) {
        if (next_random(seed) % 2)
            node->safe_bytes = node->now_bytes;
        for (size_t sector = 0; sector < node->room / SECTOR; sector++)
            if (node->dirty[sector])
                crash_sector(node, sector, seed);
    }
    /* What lies behind the end is nothing. */
    if (node->room > node->safe_bytes)
        memset(node->safe + node->safe_bytes, 0, node->room - node->safe_bytes);
    if (node->room > 0) {
        memcpy(node->now, node->safe, node->room);
        memset(node->dirty, 0, node->room / SECTOR);
    }
    node->now_bytes = node->safe_bytes;
}

static void power_cut(struct vfs_mem *m, enum vfs_mem_crash how, uint64_t seed)
{
    next_random(&seed);
    for (size_t i = 0; i < m->change_count; i++)
        if (how == VFS_MEM_SOME && next_random(&seed) % 2)
            names_apply(&m->safe, &m->changes[i]);
    m->change_count = 0;
    m->now.n = 0;
    for (size_t i = 0; i < m->safe.n; i++)
        names_put(&m->now, &m->safe.p[i]);
    for (size_t i = 0; i < m->inode_count; i++)
        crash_inode(&m->inodes[i], how, &seed);
}

void vfs_mem_crash(struct vfs_mem *m, enum vfs_mem_crash how, uint64_t seed)
{
    if (how != VFS_MEM_KILL)
        power_cut(m, how, seed);
    for (size_t i = 0; i < m->inode_count; i++)
        m->inodes[i].is_locked = false;
    for (size_t i = 0; i < m->file_count; i++)
        m->files[i].is_open = false;
    m->root_fd = file_new(m, 0, false);
    vfs_mem_fail(m, 0, 0, 0);
    vfs_mem_crash_at(m, 0);
}

void vfs_mem_limit(struct vfs_mem *m, uint64_t bytes)
{
    m->limit_bytes = bytes;
}

size_t vfs_mem_open_count(const struct vfs_mem *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->file_count; i++)
        n += m->files[i].is_open;
    return n;
}
