#include "src/directory/recipients.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "sys/clock.h"

/* The hash function that uthash writes into us falls through its switch on purpose. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

enum {
    WAIT_MS = 3000,
    ROOM_HOLDS_MS = 60 * 1000, /* so long "has room" is believed; deliver tells of its own mail */
    FULL_HOLDS_MS = 2 * 1000,  /* whoever has tidied up gets mail at once */
    FILLS_MAX = 4096,
};

/* A question that waits for deliver. */
struct pending {
    UT_hash_handle hh;
    uint64_t id;
    struct recipients *all;
    struct rpc *peer;
    uint32_t call;
    struct timer timer;
    uint64_t quota_bytes;
    struct ipc_rcpt_verdict answer; /* its slices lie behind */
    size_t path_n;
    char bytes[]; /* the path, then the canonical address */
};

/* How full a mailbox is, as it was said last. */
struct fill {
    UT_hash_handle hh;
    uint64_t bytes, at_ms;
    size_t path_n;
    char path[];
};

struct recipients {
    struct directory *directory;
    struct pending *pending;
    struct fill *fills; /* in the order of their age */
    uint64_t last_id;
};

struct recipients *recipients_new(struct directory *d)
{
    struct recipients *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->directory = d;
    return r;
}

static void pending_free(struct pending *p)
{
    timer_stop(p->all->directory->loop, &p->timer);
    HASH_DEL(p->all->pending, p);
    free(p);
}

void recipients_free(struct recipients *r)
{
    struct pending *p, *next;
    struct fill *f, *other;
    if (r == NULL)
        return;
    HASH_ITER (hh, r->pending, p, next)
        pending_free(p);
    HASH_ITER (hh, r->fills, f, other) {
        HASH_DEL(r->fills, f);
        free(f);
    }
    free(r);
}

void recipients_forget(struct recipients *r, struct rpc *peer)
{
    struct pending *p, *next;
    HASH_ITER (hh, r->pending, p, next)
        if (p->peer == peer)
            pending_free(p);
}

/* ---- how full a mailbox is ---- */

static struct fill *find_fill(struct recipients *r, slice path)
{
    struct fill *f = NULL;
    HASH_FIND(hh, r->fills, path.p, path.n, f);
    return f;
}

static void remember(struct recipients *r, slice path, uint64_t bytes)
{
    struct fill *f = find_fill(r, path);
    if (f != NULL || HASH_COUNT(r->fills) >= FILLS_MAX) {
        /* Anew, as the youngest; or in place of the oldest. */
        struct fill *old = f != NULL ? f : r->fills;
        HASH_DEL(r->fills, old);
        free(old);
    }
    if ((f = malloc(sizeof *f + path.n)) == NULL)
        return;
    *f = (struct fill){.bytes = bytes, .at_ms = clock_mono_ms(), .path_n = path.n};
    memcpy(f->path, path.p, path.n);
    HASH_ADD(hh, r->fills, path[0], f->path_n, f);
}

static bool is_fresh(const struct fill *f, uint64_t quota_bytes)
{
    uint64_t holds_ms = f->bytes >= quota_bytes ? FULL_HOLDS_MS : ROOM_HOLDS_MS;
    return clock_mono_ms() - f->at_ms < holds_ms;
}

void recipients_used(struct recipients *r, const struct ipc_message *m)
{
    if (m->mailbox_used.mailbox.n > 0)
        remember(r, m->mailbox_used.mailbox, m->mailbox_used.bytes);
}

/* ---- looking up ---- */

/* Looks address up; the targets are in d->out, the address found in d->canonical, the new one of
 * somebody who has moved in d->moved_to. */
static enum recipient_verdict look_up(struct directory *d, slice address, uint64_t *ret_generation)
{
    enum recipient_verdict verdict = RECIPIENT_IS_TEMPFAIL;
    struct directory_answer answer = {&d->out, &d->canonical, &d->moved_to, 0};

    buf_clear(&d->out);
    buf_clear(&d->canonical);
    buf_clear(&d->moved_to);
    arena_reset(&d->scratch);
    if (directory_look_for_changes(d)) {
        *ret_generation = genpage_read(&d->page);
        verdict = directory_expand(d->db, &d->rules, &d->scratch, address, &answer);
    }
    if (answer.error != 0) {
        struct log_line line;

        log_begin(&line, d->log, LOG_WARN, "directory.lookup");
        log_slice(&line, "address", address);
        log_error(&line, answer.error);
        log_end(&line);
    }
    return verdict;
}

/* Is it one mailbox alone, and one with a quota? What goes to several is taken: the others get
 * theirs, and the full one's is tried again and bounced in time. */
static bool has_quota(slice targets, struct target *ret)
{
    return target_take(&targets, ret) && targets.n == 0 && ret->kind == TARGET_MAILBOX &&
           ret->quota_bytes > 0;
}

static void reply(struct directory *d, struct rpc *peer, uint32_t call,
                  const struct ipc_rcpt_verdict *answer)
{
    directory_replied(d, rpc_reply_rcpt_verdict(peer, call, answer));
}

/* ---- late answers ---- */

static void settle(struct pending *p, bool is_full)
{
    if (is_full)
        p->answer.verdict = RECIPIENT_IS_FULL;
    reply(p->all->directory, p->peer, p->call, &p->answer);
    pending_free(p);
}

static void on_timer(struct timer *t)
{
    settle(CONTAINER_OF(t, struct pending, timer), false);
}

void recipients_answered(struct recipients *r, uint64_t token, const struct ipc_message *m)
{
    struct pending *p = NULL;
    bool is_told = m != NULL && m->type == IPC_USAGE_TOLD && m->usage_told.result == 0;
    HASH_FIND(hh, r->pending, &token, sizeof token, p);
    if (p == NULL)
        return;
    if (is_told)
        remember(r, slice_of(p->bytes, p->path_n), m->usage_told.bytes);
    settle(p, is_told && m->usage_told.bytes >= p->quota_bytes);
}

/* False: deliver cannot be asked. */
static bool ask_deliver(struct recipients *r, struct rpc *peer, uint32_t call,
                        const struct target *mailbox, const struct ipc_rcpt_verdict *answer)
{
    struct rpc *deliver = r->directory->peer_of(r->directory, ROLE_DELIVER);
    struct pending *p = calloc(1, sizeof *p + mailbox->path.n + answer->canonical.n);
    const struct ipc_usage fields = {.mailbox = mailbox->path};
    if (p == NULL || deliver == NULL || rpc_call_usage(deliver, r->last_id + 1, &fields) != 0) {
        free(p);
        return false;
    }
    p->id = ++r->last_id;
    p->all = r;
    p->peer = peer;
    p->call = call;
    p->quota_bytes = mailbox->quota_bytes;
    p->answer = *answer;
    p->path_n = mailbox->path.n;
    memcpy(p->bytes, mailbox->path.p, mailbox->path.n);
    if (answer->canonical.n > 0)
        memcpy(p->bytes + p->path_n, answer->canonical.p, answer->canonical.n);
    p->answer.canonical = slice_of(p->bytes + p->path_n, answer->canonical.n);
    p->answer.moved_to = (slice){0};
    HASH_ADD(hh, r->pending, id, sizeof p->id, p);
    timer_set(r->directory->loop, &p->timer, WAIT_MS, on_timer);
    return true;
}

/* ---- questions ---- */

void recipients_check(struct recipients *r, struct rpc *smtpd, const struct ipc_message *m)
{
    struct directory *d = r->directory;
    struct ipc_rcpt_verdict answer = {0};
    struct target mailbox;
    enum recipient_verdict verdict = look_up(d, m->rcpt_check.address, &answer.generation);
    answer.canonical = buf_slice(&d->canonical);
    answer.moved_to = buf_slice(&d->moved_to);
    if (verdict == RECIPIENT_IS_OK && has_quota(buf_slice(&d->out), &mailbox)) {
        const struct fill *f = find_fill(r, mailbox.path);
        answer.generation = 0;
        if (f != NULL && is_fresh(f, mailbox.quota_bytes))
            verdict = f->bytes >= mailbox.quota_bytes ? RECIPIENT_IS_FULL : RECIPIENT_IS_OK;
        else if (ask_deliver(r, smtpd, m->call, &mailbox, &answer))
            return;
    }
    answer.verdict = (uint8_t)verdict;
    reply(d, smtpd, m->call, &answer);
}

void recipients_expand(struct recipients *r, struct rpc *queue, const struct ipc_message *m)
{
    struct directory *d = r->directory;
    struct ipc_expanded answer = {0};
    answer.result = (uint8_t)look_up(d, m->expand.address, &answer.generation);
    answer.targets = buf_slice(&d->out);
    directory_replied(d, rpc_reply_expanded(queue, m->call, &answer));
}
