/* mailboxes: who waits for which mailbox, and which mailboxes are open.
 *
 *   mailboxes_wait(job) ──▶ waiting in its mailbox ──▶ batch_take ──▶ (helper thread) ──▶
 * batch_done
 *
 * Invariants:
 * 1. A mailbox is in at most one batch at a time; letters for it gather meanwhile, in their order.
 * 2. All mailboxes of a batch that were open before are on one file system, so that a slow one
 * holds up none but its own.
 * 3. At most MAILBOXES_OPEN_MAX are kept open beyond those in use; who was used longest ago goes.
 * No system call is made here but the closing of directories. One thread. */
#ifndef CANDOR_DELIVER_MAILBOXES_H
#define CANDOR_DELIVER_MAILBOXES_H

#include "src/deliver/maildir.h"

#define MAILBOXES_OPEN_MAX 200
#define BATCH_LETTERS_MAX MAILDIR_LETTERS_MAX
#define BATCH_BYTES_MAX ((uint64_t)64 << 20)

struct mailboxes;
struct mailbox;

/* A letter that waits; the caller's memory, which must stand until its batch is done. */
struct job {
    struct letter letter; /* to is set here */
    struct job *next;
    uint64_t size_bytes;
};

struct batch {
    struct letter letters[BATCH_LETTERS_MAX];
    struct job *jobs[BATCH_LETTERS_MAX];
    size_t n;
    struct mailbox *mailboxes; /* in it, linked */
};

struct mailboxes *mailboxes_new(const struct maildir_system *system);
/* No batch may be under way. What waits is the caller's to know. */
void mailboxes_free(struct mailboxes *m);
/* path: maildir_is_path. False: no memory, the job is the caller's still. */
bool mailboxes_wait(struct mailboxes *m, slice path, struct job *job)
    __attribute__((warn_unused_result));
/* The next batch into *b; false when nothing can go now. */
bool batch_take(struct mailboxes *m, struct batch *b);
/* The mailboxes are free again, and some may be closed and forgotten. The letters' results stand in
 * b->letters, what was to->path does not hold any more. */
void batch_done(struct mailboxes *m, struct batch *b);
/* Those that are kept although nothing waits for them. */
size_t mailboxes_idle(const struct mailboxes *m);

#endif
