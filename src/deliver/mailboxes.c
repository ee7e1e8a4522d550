#include "src/deliver/mailboxes.h"

#include <stdlib.h>
#include <uthash.h>

/* The hash function that uthash writes into us falls through its switch on purpose. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

struct mailbox {
    UT_hash_handle hh;
    struct maildir maildir;
    struct job *first, **last;     /* that wait */
    struct mailbox *next;          /* in the list of those that are ready, or of a batch */
    struct mailbox *older, *newer; /* among those that are neither ready nor in a batch */
    char path[];
};

struct mailboxes {
    const struct maildir_system *system;
    struct mailbox *by_path;
    struct mailbox *ready, **ready_end;
    struct mailbox *oldest, *newest; /* idle */
    size_t idle;
};

struct mailboxes *mailboxes_new(const struct maildir_system *system)
{
    struct mailboxes *m = calloc(1, sizeof *m);

    if (m != NULL) {
        m->system = system;
        m->ready_end = &m->ready;
    }
    return m;
}

static void forget(struct mailboxes *m, struct mailbox *box)
{
    maildir_close(m->system, &box->maildir);
    HASH_DELETE(hh, m->by_path, box);
    free(box);
}

void mailboxes_free(struct mailboxes *m)
{
    if (m == NULL)
        return;
    for (struct mailbox *box = m->by_path, *next; box != NULL; box = next) {
        next = box->hh.next;
        forget(m, box);
    }
    free(m);
}

static void idle_remove(struct mailboxes *m, struct mailbox *box)
{
    *(box->older != NULL ? &box->older->newer : &m->oldest) = box->newer;
    *(box->newer != NULL ? &box->newer->older : &m->newest) = box->older;
    box->older = box->newer = NULL;
    m->idle--;
}

static void idle_add(struct mailboxes *m, struct mailbox *box)
{
    box->older = m->newest;
    *(m->newest != NULL ? &m->newest->newer : &m->oldest) = box;
    m->newest = box;
    m->idle++;
    while (m->idle > MAILBOXES_OPEN_MAX) {
        struct mailbox *oldest = m->oldest;

        idle_remove(m, oldest);
        forget(m, oldest);
    }
}

static void ready_add(struct mailboxes *m, struct mailbox *box)
{
    box->next = NULL;
    *m->ready_end = box;
    m->ready_end = &box->next;
}

static struct mailbox *find_or_make(struct mailboxes *m, slice path)
{
    struct mailbox *box;

    HASH_FIND(hh, m->by_path, path.p, path.n, box);
    if (box != NULL || (box = calloc(1, sizeof *box + path.n + 1)) == NULL)
        return box;
    memcpy(box->path, path.p, path.n);
    box->maildir.path = box->path;
    box->last = &box->first;
    HASH_ADD_KEYPTR(hh, m->by_path, box->path, path.n, box);
    idle_add(m, box);
    return box;
}

/* A mailbox waits in exactly one place: idle (nothing waits for it), ready, or in a batch. */
static bool is_idle(const struct mailboxes *m, const struct mailbox *box)
{
    return box->older != NULL || m->oldest == box;
}

bool mailboxes_wait(struct mailboxes *m, slice path, struct job *job)
{
    struct mailbox *box = find_or_make(m, path);

    if (box == NULL)
        return false;
    job->letter.to = &box->maildir;
    job->next = NULL;
    *box->last = job;
    box->last = &job->next;
    if (is_idle(m, box)) {
        idle_remove(m, box);
        ready_add(m, box);
    }
    return true;
}

static bool may_join(const struct mailbox *box, bool has_device, uint64_t device)
{
    return !box->maildir.is_open || !has_device || box->maildir.device == device;
}

/* As many of the mailbox's letters as the batch has room for. */
static void take_jobs(struct batch *b, struct mailbox *box, uint64_t *bytes)
{
    while (box->first != NULL && b->n < BATCH_LETTERS_MAX &&
           (b->n == 0 || *bytes + box->first->size_bytes <= BATCH_BYTES_MAX)) {
        struct job *job = box->first;

        box->first = job->next;
        if (box->first == NULL)
            box->last = &box->first;
        job->next = NULL;
        *bytes += job->size_bytes;
        b->letters[b->n] = job->letter;
        b->jobs[b->n++] = job;
    }
}

bool batch_take(struct mailboxes *m, struct batch *b)
{
    struct mailbox **at = &m->ready;
    uint64_t device = 0, bytes = 0;
    bool has_device = false;

    b->n = 0;
    b->mailboxes = NULL;
    while (*at != NULL && b->n < BATCH_LETTERS_MAX && (b->n == 0 || bytes < BATCH_BYTES_MAX)) {
        struct mailbox *box = *at;
        size_t before = b->n;

        if (!may_join(box, has_device, device)) {
            at = &box->next;
            continue;
        }
        take_jobs(b, box, &bytes);
        if (b->n == before)
            break; /* its next letter is too large for what is left: it is first next time */
        *at = box->next;
        if (m->ready_end == &box->next)
            m->ready_end = at;
        box->next = b->mailboxes;
        b->mailboxes = box;
        if (box->maildir.is_open) {
            has_device = true;
            device = box->maildir.device;
        }
    }
    return b->n > 0;
}

void batch_done(struct mailboxes *m, struct batch *b)
{
    while (b->mailboxes != NULL) {
        struct mailbox *box = b->mailboxes;

        b->mailboxes = box->next;
        if (box->first != NULL)
            ready_add(m, box);
        else
            idle_add(m, box);
    }
}

size_t mailboxes_idle(const struct mailboxes *m)
{
    return m->idle;
}
