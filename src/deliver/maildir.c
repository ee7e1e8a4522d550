#include "src/deliver/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/ascii.h"
#include "src/deliver/line_ends.h"

#define NAME_MAX_BYTES 200
#define PIECE_BYTES ((size_t)256 * 1024)
#define DIRECTORY (O_RDONLY | O_DIRECTORY)
/* To pass through a directory it need not be readable. */
#define PASSAGE (O_PATH | O_DIRECTORY)

/* ---- names ---- */

bool maildir_is_name(slice name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        /* A colon would be read as the beginning of flags. */
        if (!ascii_is_graphic(name.p[i]) || name.p[i] == '/' || name.p[i] == ':')
            return false;
    }
    return true;
}

bool maildir_is_path(slice path)
{
    slice part;

    if (path.n < 2 || path.n >= PATH_MAX || path.p[0] != '/' || path.p[path.n - 1] == '/' ||
        slice_find(path, '\0') < path.n)
        return false;
    path = slice_tail(path, 1);
    while (slice_split(&path, '/', &part)) {
        if (part.n == 0 || slice_is(part, ".") || slice_is(part, ".."))
            return false;
    }
    return true;
}

/* ---- mailboxes ---- */

/* dir may be a passage, which cannot be synced itself. */
static int sync_directory(struct vfs *v, int dir)
{
    int err, fd = v->ops->open(v, dir, ".", DIRECTORY, 0);

    if (fd < 0)
        return fd;
    err = v->ops->fsync(v, fd);
    v->ops->close(v, fd);
    return err;
}

/* Opens name in dir, making it when it is not there; then dir is synced, so that what is made in it
 * later cannot be lost with it. Where parents stand may be anybody's doing: links are followed. */
static int open_or_make(struct vfs *v, int dir, const char *name, bool is_parent, int *ret)
{
    int flags = is_parent ? PASSAGE : DIRECTORY | O_NOFOLLOW;
    int fd = v->ops->open(v, dir, name, flags, 0);
    int err;

    if (fd == -ENOENT) {
        err = v->ops->mkdir(v, dir, name, 0700);
        if (err != 0 && err != -EEXIST)
            return err;
        if ((err = sync_directory(v, dir)) != 0)
            return err;
        /* What we made just now is no link, or somebody is playing with us. */
        fd = v->ops->open(v, dir, name, flags | O_NOFOLLOW, 0);
    }
    if (fd < 0)
        return fd;
    *ret = fd;
    return 0;
}

/* Where a mailbox is, seen from a directory that is open. */
static int find_place(const struct maildir_system *system, const char *path, int *ret_dir,
                      const char **ret_rest)
{
    *ret_dir = AT_FDCWD;
    *ret_rest = path;
    return system->roots == NULL || roots_find(system->roots, path, ret_dir, ret_rest) ? 0 : -EXDEV;
}

/* Step by step, for a mailbox that is not there yet. */
static int open_steps(struct vfs *v, int dir, const char *path, int *ret)
{
    bool is_absolute = path[0] == '/';
    slice rest = slice_tail(slice_cstr(path), is_absolute), part;
    int err = 0, fd = v->ops->open(v, dir, is_absolute ? "/" : ".", PASSAGE, 0);

    if (fd < 0)
        return fd;
    while (err == 0 && slice_split(&rest, '/', &part)) {
        char name[NAME_MAX + 1];
        int next = -1;

        if (part.n > NAME_MAX) {
            err = -ENAMETOOLONG;
            break;
        }
        memcpy(name, part.p, part.n);
        name[part.n] = '\0';
        err = open_or_make(v, fd, name, rest.n > 0, &next);
        v->ops->close(v, fd);
        fd = next;
    }
    if (err != 0) {
        if (fd >= 0)
            v->ops->close(v, fd);
        return err;
    }
    *ret = fd;
    return 0;
}

static int open_parts(struct vfs *v, struct maildir *m)
{
    int cur = -1;
    int err;

    if ((err = open_or_make(v, m->dir, "tmp", false, &m->tmp_dir)) == 0 &&
        (err = open_or_make(v, m->dir, "new", false, &m->new_dir)) == 0 &&
        (err = open_or_make(v, m->dir, "cur", false, &cur)) == 0)
        v->ops->close(v, cur);
    return err;
}

static int maildir_open(const struct maildir_system *system, struct maildir *m)
{
    struct vfs *v = system->vfs;
    const char *rest;
    struct stat st;
    int from, err;

    m->dir = m->tmp_dir = m->new_dir = -1;
    if ((err = find_place(system, m->path, &from, &rest)) != 0)
        return err;
    m->dir = v->ops->open(v, from, rest, DIRECTORY | O_NOFOLLOW, 0);
    err = m->dir == -ENOENT ? open_steps(v, from, rest, &m->dir) : m->dir < 0 ? m->dir : 0;
    if (err == 0)
        err = open_parts(v, m);
    if (err == 0 && fstat(m->dir, &st) < 0)
        err = -errno;
    m->is_open = true;
    if (err != 0) {
        maildir_close(system, m);
        return err;
    }
    m->device = st.st_dev;
    m->inode = st.st_ino;
    return 0;
}

void maildir_close(const struct maildir_system *system, struct maildir *m)
{
    struct vfs *v = system->vfs;

    if (!m->is_open)
        return;
    if (m->new_dir >= 0)
        v->ops->close(v, m->new_dir);
    if (m->tmp_dir >= 0)
        v->ops->close(v, m->tmp_dir);
    if (m->dir >= 0)
        v->ops->close(v, m->dir);
    m->is_open = false;
}

/* Is what we hold open still what the path names? Somebody may have moved or removed it. */
static bool is_current(const struct maildir_system *system, const struct maildir *m)
{
    const char *rest;
    struct stat st;
    int from;

    return m->is_open && find_place(system, m->path, &from, &rest) == 0 &&
           fstatat(from, rest, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == m->device &&
           st.st_ino == m->inode;
}

static void prepare_mailbox(const struct maildir_system *system, struct maildir *m)
{
    m->err = 0;
    m->is_dirty = m->is_counted = m->is_renewed = false;
    m->shown = m->under_way = (struct maildirsize){0};
    if (is_current(system, m))
        return;
    maildir_close(system, m);
    m->err = maildir_open(system, m);
    m->at = "open";
}

int maildir_usage(const struct maildir_system *system, const char *path, struct maildirsize *ret)
{
    struct vfs *v = system->vfs;
    const char *rest;
    int from, dir, err = find_place(system, path, &from, &rest);

    if (err != 0)
        return err;
    if ((dir = v->ops->open(v, from, rest, DIRECTORY | O_NOFOLLOW, 0)) == -ENOENT) {
        *ret = (struct maildirsize){0};
        return 0;
    }
    if (dir < 0)
        return dir;
    err = maildirsize_look(v, dir, ret);
    v->ops->close(v, dir);
    return err;
}

/* ---- quota ---- */

static void add_one(struct maildirsize *sum, uint64_t bytes)
{
    sum->bytes += bytes;
    sum->messages++;
}

/* The letter that fills the mailbox goes in whole: RCPT was answered with 250 while there was room,
 * and from now on it is answered with 452 or 552. Were it kept back, there would be room for ever,
 * and all that is too big for it would be taken and never arrive. */
static bool has_room(const struct maildir *m, const struct letter *l)
{
    return m->used.bytes < l->quota_bytes;
}

/* It says "full" and is old: perhaps mail was removed and nobody wrote it down. */
static int look_again(const struct maildir_system *system, struct letter *l)
{
    struct maildir *m = l->to;
    int err = maildirsize_renew(system->vfs, m->dir, m->tmp_dir, l->quota_bytes, &m->used);

    m->is_renewed = true;
    /* Those of this batch are in tmp/ still. */
    m->used.bytes += m->under_way.bytes;
    m->used.messages += m->under_way.messages;
    return err;
}

/* 0 when the letter, which is written by now, may go in; -EDQUOT when the mailbox is full. */
static int take_room(const struct maildir_system *system, struct letter *l)
{
    struct maildir *m = l->to;
    int err = 0;

    if (l->quota_bytes == 0)
        return 0;
    if (!m->is_counted)
        err = maildirsize_load(system->vfs, m->dir, m->tmp_dir, l->quota_bytes, system->now_s,
                               &m->used);
    m->is_counted = m->is_counted || err == 0;
    if (err == 0 && !has_room(m, l) && m->used.is_old && !m->is_renewed)
        err = look_again(system, l);
    if (err != 0)
        return err;
    if (!has_room(m, l))
        return -EDQUOT;
    add_one(&m->used, l->size_bytes);
    add_one(&m->under_way, l->size_bytes);
    return 0;
}

/* ---- one letter ---- */

static void letter_failed(struct letter *l, int err, const char *at)
{
    if (l->err == 0) {
        l->err = err;
        l->at = at;
    }
}

static int make_file(struct vfs *v, struct letter *l)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    int fd = v->ops->open(v, l->to->tmp_dir, l->name, flags, 0600);

    if (fd == -EEXIST) {
        /* Our own, of an attempt that a crash ended. Removed, not reused: somebody else may have a
         * second name for it. */
        int err = v->ops->unlink(v, l->to->tmp_dir, l->name);
        if (err != 0)
            return err;
        fd = v->ops->open(v, l->to->tmp_dir, l->name, flags, 0600);
    }
    return fd;
}

struct writer {
    struct vfs *vfs;
    struct line_ends ends;
    struct buf *room;
    int file;
    bool is_binary;
    uint64_t at;
};

static int flush(struct writer *w)
{
    int err = w->room->err == BUF_OK ? 0 : -ENOMEM;

    if (err == 0 && w->room->n > 0)
        err = vfs_write_all(w->vfs, w->file, w->room->p, w->room->n, w->at);
    w->at += w->room->n;
    buf_clear(w->room);
    return err;
}

static int put(struct writer *w, slice piece)
{
    int err = 0;

    while (err == 0 && piece.n > 0) {
        if (w->is_binary)
            buf_add(w->room, slice_head(piece, PIECE_BYTES));
        else
            line_ends_add(&w->ends, w->room, slice_head(piece, PIECE_BYTES));
        piece = slice_tail(piece, PIECE_BYTES);
        if (w->room->n >= PIECE_BYTES)
            err = flush(w);
    }
    return err;
}

static int put_descriptor(struct writer *w, int fd, uint64_t bytes)
{
    char *piece = malloc(PIECE_BYTES);
    int err = piece == NULL ? -ENOMEM : 0;

    for (uint64_t at = 0; err == 0 && at < bytes;) {
        size_t n = bytes - at < PIECE_BYTES ? (size_t)(bytes - at) : PIECE_BYTES;

        err = vfs_read_all(w->vfs, fd, piece, n, at);
        if (err == 0)
            err = put(w, slice_of(piece, n));
        at += n;
    }
    free(piece);
    return err;
}

static int write_letter(struct vfs *v, struct letter *l, struct buf *room)
{
    struct writer w = {.vfs = v, .room = room, .file = l->file, .is_binary = l->is_binary};
    int err;

    buf_clear(room);
    err = put(&w, l->head);
    if (err == 0)
        err = l->fd < 0 ? put(&w, l->body) : put_descriptor(&w, l->fd, l->body_bytes);
    if (err == 0) {
        line_ends_end(&w.ends, room);
        err = flush(&w);
    }
    l->size_bytes = w.at;
    return err;
}

static void close_file(struct vfs *v, struct letter *l)
{
    int err = l->file < 0 ? 0 : v->ops->close(v, l->file);

    l->file = -1;
    if (err != 0)
        letter_failed(l, err, "close");
}

/* Writes it to tmp/; the file stays open when it is to be synced by itself. */
static void begin_letter(const struct maildir_system *system, struct letter *l, bool keep_open,
                         struct buf *room)
{
    int err;

    l->err = 0;
    l->at = "";
    l->file = -1;
    if (l->to->err != 0) {
        letter_failed(l, l->to->err, l->to->at);
        return;
    }
    if ((l->file = make_file(system->vfs, l)) < 0) {
        letter_failed(l, l->file, "create");
        return;
    }
    if ((err = write_letter(system->vfs, l, room)) != 0)
        letter_failed(l, err, "write");
    else if ((err = take_room(system, l)) != 0)
        letter_failed(l, err, "quota");
    if (err != 0 || !keep_open)
        close_file(system->vfs, l);
}

/* ---- the batch ---- */

/* Every mailbox once: the first letter to it stands for it. (Batches are small.) */
static bool is_first_to(const struct letter *letters, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (letters[j].to == letters[i].to)
            return false;
    }
    return true;
}

static void fail_device(struct letter *letters, size_t n, uint64_t device, int err, const char *at)
{
    for (size_t i = 0; i < n; i++) {
        if (letters[i].to->is_open && letters[i].to->device == device)
            letter_failed(&letters[i], err, at);
    }
}

/* One syncfs a file system. */
static void sync_devices(const struct maildir_system *system, struct letter *letters, size_t n,
                         const char *at)
{
    uint64_t done[16];
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const struct maildir *m = letters[i].to;
        size_t seen = 0;
        int err;

        if (letters[i].err != 0)
            continue;
        while (seen < count && done[seen] != m->device)
            seen++;
        if (seen < count)
            continue;
        if ((err = system->syncfs(m->dir)) != 0)
            fail_device(letters, n, m->device, err, at);
        /* More file systems than that in one batch: those behind are synced more than once. */
        if (count < sizeof done / sizeof done[0])
            done[count++] = m->device;
    }
}

static void sync_files(const struct maildir_system *system, struct letter *letters, size_t n)
{
    struct vfs *v = system->vfs;

    for (size_t i = 0; i < n; i++) {
        int err;

        if (letters[i].err != 0)
            continue;
        if ((err = v->ops->fsync(v, letters[i].file)) != 0)
            letter_failed(&letters[i], err, "sync");
        close_file(v, &letters[i]);
    }
}

/* Is this a repetition? Only who counts wants to know. */
static bool is_there(struct vfs *v, const struct letter *l, const char *name)
{
    int fd = l->quota_bytes == 0 ? -ENOENT
                                 : v->ops->open(v, l->to->new_dir, name, O_PATH | O_NOFOLLOW, 0);

    if (fd >= 0)
        v->ops->close(v, fd);
    return fd >= 0;
}

static int show_letter(struct vfs *v, struct letter *l)
{
    char name[NAME_MAX + 1];
    bool was_there;
    int err;

    snprintf(name, sizeof name, "%s,S=%llu", l->name, (unsigned long long)l->size_bytes);
    was_there = is_there(v, l, name);
    if ((err = v->ops->rename(v, l->to->tmp_dir, l->name, l->to->new_dir, name)) != 0)
        return err;
    l->to->is_dirty = true;
    if (!was_there)
        add_one(&l->to->shown, l->size_bytes);
    return 0;
}

static void show_letters(struct vfs *v, struct letter *letters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct letter *l = &letters[i];
        int err;

        if (l->err == 0) {
            if ((err = show_letter(v, l)) != 0)
                letter_failed(l, err, "rename");
        }
        /* Also when its file was written and could not be synced. */
        if (l->err != 0 && l->to->err == 0)
            v->ops->unlink(v, l->to->tmp_dir, l->name);
    }
}

static void count_shown(struct vfs *v, struct letter *letters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct maildir *m = letters[i].to;

        if (m->shown.messages > 0)
            maildirsize_add(v, m->dir, m->shown.bytes, m->shown.messages);
        m->shown = (struct maildirsize){0};
    }
}

static void sync_names(struct vfs *v, struct letter *letters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct maildir *m = letters[i].to;
        int err;

        if (!m->is_dirty)
            continue;
        m->is_dirty = false;
        if ((err = v->ops->fsync(v, m->new_dir)) == 0)
            continue;
        for (size_t j = 0; j < n; j++) {
            if (letters[j].to == m)
                letter_failed(&letters[j], err, "sync-directory");
        }
    }
}

void maildir_deliver(const struct maildir_system *system, struct letter *letters, size_t n,
                     struct buf *room)
{
    bool use_syncfs = system->syncfs != NULL && n >= MAILDIR_SYNCFS_FROM;

    for (size_t i = 0; i < n; i++) {
        if (is_first_to(letters, i))
            prepare_mailbox(system, letters[i].to);
    }
    for (size_t i = 0; i < n; i++)
        begin_letter(system, &letters[i], !use_syncfs, room);
    if (use_syncfs)
        sync_devices(system, letters, n, "sync");
    else
        sync_files(system, letters, n);
    show_letters(system->vfs, letters, n);
    count_shown(system->vfs, letters, n);
    if (use_syncfs)
        sync_devices(system, letters, n, "sync-directory");
    else
        sync_names(system->vfs, letters, n);
    /* tmp/ or new/ may be others by now: the next attempt opens them anew. */
    for (size_t i = 0; i < n; i++) {
        if (letters[i].err != 0)
            maildir_close(system, letters[i].to);
    }
}
