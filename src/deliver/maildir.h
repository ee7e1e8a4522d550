/* maildir: letters into mailboxes, durably. Every call here blocks: for a helper thread.
 *
 * Invariants:
 * 1. A letter is done only when its bytes, and then its name in new/, have been synced without an
 *    error. (Its mailbox's own name too, when that was made.)
 * 2. Nothing is seen in new/ before its bytes are synced: a reader never meets half a letter.
 * 3. A letter's name is its own for ever: a repetition replaces the file of the time before. In
 * new/ it has its size behind it (NAME,S=1234), so that who counts a mailbox need not look.
 * 4. A letter that failed leaves nothing in tmp/ (as far as the file system lets), and what it may
 *    have left in new/ is whole.
 * 5. Neither a mailbox nor its tmp/ and new/ is ever reached through a symbolic link, and no file
 * is written that was there before.
 * 6. A mailbox that has reached its quota takes no letter; it says how much is in it
 * (maildirsize.h). Where somebody else keeps that count, it is kept right too.
 *
 *   write tmp/NAME ... (all letters) -> sync files -> rename to new/NAME ... -> sync directories
 *
 * "Sync" is an fsync a file and a directory, or, from MAILDIR_SYNCFS_FROM letters on, one syncfs
 * for all of them: two flushes of the disk for a batch instead of two a letter
 * (docs/performance.md). */
#ifndef CANDOR_DELIVER_MAILDIR_H
#define CANDOR_DELIVER_MAILDIR_H

#include "lib/base/buf.h"
#include "src/deliver/maildirsize.h"
#include "src/deliver/roots.h"
#include "sys/vfs.h"

#define MAILDIR_SYNCFS_FROM 4
#define MAILDIR_LETTERS_MAX 512

/* A mailbox, its directories open while it is in use. Set path and nothing else before the first
 * use; maildir_close in the end. */
struct maildir {
    const char *path; /* absolute; the owner's */
    bool is_open;
    int dir, tmp_dir, new_dir; /* ours while is_open */
    uint64_t device, inode;
    int err;        /* of this batch: 0, or why no letter can go in */
    bool is_dirty;  /* of this batch: new/ has names that are not synced */
    const char *at; /* which step err is of: a literal */
    /* Of this batch, where a letter has a quota: how much is in it, with what is under way. */
    struct maildirsize used, under_way;
    bool is_counted, is_renewed;
    struct maildirsize shown; /* of this batch, in new/ and not yet in the file maildirsize */
};

struct letter {
    struct maildir *to;
    const char *name; /* of the file: maildir_is_name */
    bool is_binary;   /* no lines (RFC 3030 3): stored octet by octet, its head too */
    slice head;       /* with CRLF, as all of it */
    slice body;       /* when fd is -1 */
    int fd;           /* else body_bytes of it, from its start; the owner's */
    uint64_t body_bytes;
    uint64_t quota_bytes; /* of the mailbox; 0: none */
    uint64_t size_bytes;  /* as it was written */
    int err;              /* result: 0 done, else -errno */
    const char *at;       /* which step err is of: a literal */
    int file;             /* while it is under way */
};

struct maildir_system {
    struct vfs *vfs;
    const struct roots *roots; /* mailboxes elsewhere are -EXDEV; NULL: anywhere */
    int (*syncfs)(
        int fd);    /* as syncfs(2), but 0 or -errno; NULL: there is none that tells errors */
    uint64_t now_s; /* since the epoch */
};

/* Delivers n <= MAILDIR_LETTERS_MAX letters, all to mailboxes that nobody else uses meanwhile.
 * room is scratch that the caller keeps between batches. */
void maildir_deliver(const struct maildir_system *system, struct letter *letters, size_t n,
                     struct buf *room);
void maildir_close(const struct maildir_system *system, struct maildir *m);
/* How much is in the mailbox; nothing, when there is none. 0 or -errno. */
int maildir_usage(const struct maildir_system *system, const char *path, struct maildirsize *ret)
    __attribute__((warn_unused_result));
/* A name that can be a letter's: no slash, no dot first, no colon, printable ASCII, at most 200. */
bool maildir_is_name(slice name);
/* Absolute, with no empty, "." or ".." component and no NUL. */
bool maildir_is_path(slice path);

#endif
