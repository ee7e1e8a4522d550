#include "src/directory/recipients.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "src/directory/hearsay.h"
#include "sys/clock.h"

/* The hash function that uthash writes into us falls through its switch on purpose. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

enum {
    USAGE_WAIT_MS = 3000,
    BACKEND_WAIT_MS = 8000,    /* smtpd waits for 10 s */
    ROOM_HOLDS_MS = 60 * 1000, /* so long "has room" is believed; deliver tells of its own mail */
    FULL_HOLDS_MS = 2 * 1000,  /* whoever has tidied up gets mail at once */
    THERE_HOLDS_MS = 60 * 1000,
    NOT_THERE_HOLDS_MS = 5 * 1000,
    HEARSAY_MAX = 4096,
    ROUNDS_MAX = DIRECTORY_TARGETS_MAX, /* names that one alias may have a backend asked for */
    NAME_MAX_BYTES = 4096,
};

enum want { WANTS_VERDICT, WANTS_TARGETS };
enum waiting { WAITS_BACKEND, WAITS_USAGE };

/* A question that waits for somebody else. */
struct pending {
    UT_hash_handle hh;
    uint64_t id;
    struct recipients *all;
    struct rpc *peer;
    uint32_t call;
    enum want want;
    enum waiting waiting;
    struct timer timer;
    uint64_t since_ms;
    unsigned rounds;
    uint64_t size_bytes; /* of the message, as MAIL said; 0: it did not */
    struct buf asked;    /* the name, the Maildir */
    uint64_t quota_bytes;
    struct buf canonical; /* of the answer, while usage is asked for */
    slice address;        /* behind it */
    char bytes[];
};

struct recipients {
    struct directory *directory;
    struct pending *pending;
    struct hearsay fills; /* by Maildir: bytes in it */
    struct hearsay names; /* by name: enum directory_known */
    struct buf wanted;
    uint64_t last_id;
};

struct recipients *recipients_new(struct directory *d)
{
    struct recipients *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->directory = d;
    r->fills.max = r->names.max = HEARSAY_MAX;
    buf_init(&r->wanted, NAME_MAX_BYTES);
    return r;
}

static void pending_free(struct pending *p)
{
    timer_stop(p->all->directory->loop, &p->timer);
    HASH_DEL(p->all->pending, p);
    buf_release(&p->asked);
    buf_release(&p->canonical);
    free(p);
}

void recipients_free(struct recipients *r)
{
    struct pending *p, *next;
    if (r == NULL)
        return;
    HASH_ITER (hh, r->pending, p, next)
        pending_free(p);
    hearsay_release(&r->fills);
    hearsay_release(&r->names);
    buf_release(&r->wanted);
    free(r);
}

void recipients_forget(struct recipients *r, struct rpc *peer)
{
    struct pending *p, *next;
    HASH_ITER (hh, r->pending, p, next)
        if (p->peer == peer)
            pending_free(p);
}

/* ---- looking up ---- */

/* One question, new or waiting already. */
struct question {
    struct recipients *all;
    struct pending *pending; /* NULL: it does not wait yet */
    struct rpc *peer;
    uint32_t call;
    enum want want;
    slice address;
    uint64_t size_bytes;
    uint64_t since_ms;
};

/* directory_answer.known */
static enum directory_known known_of(void *owner, slice name)
{
    const struct question *q = owner;
    struct directory *d = q->all->directory;
    uint64_t value, at_ms, now_ms = clock_mono_ms();
    if (hearsay_get(&q->all->names, name, &value, &at_ms)) {
        uint64_t holds_ms = value == DIRECTORY_IS_THERE  ? THERE_HOLDS_MS
                            : value == DIRECTORY_IS_AWAY ? 0
                                                         : NOT_THERE_HOLDS_MS;
        if (at_ms >= q->since_ms || now_ms - at_ms < holds_ms)
            return (enum directory_known)value;
    }
    return d->peer_of(d, ROLE_AUTHX) != NULL ? DIRECTORY_NOT_ASKED : DIRECTORY_IS_AWAY;
}

/* The targets are in d->out, the address found in d->canonical, the new one of somebody who has
 * moved in d->moved_to, the name that is to be asked for in wanted. */
static enum recipient_verdict look_up(struct question *q, struct directory_answer *answer,
                                      uint64_t *ret_generation)
{
    struct directory *d = q->all->directory;
    enum recipient_verdict verdict = RECIPIENT_IS_TEMPFAIL;
    *answer = (struct directory_answer){.targets = &d->out,
                                        .canonical = &d->canonical,
                                        .moved_to = &d->moved_to,
                                        .known = known_of,
                                        .owner = q,
                                        .wanted = &q->all->wanted};
    buf_clear(&d->out);
    buf_clear(&d->canonical);
    buf_clear(&d->moved_to);
    arena_reset(&d->scratch);
    if (directory_look_for_changes(d)) {
        *ret_generation = genpage_read(&d->page);
        verdict = directory_expand(d->db, &d->rules, &d->scratch, q->address, answer);
    }
    if (answer->error != 0 && answer->error != -EINPROGRESS) {
        struct log_line line;
        log_begin(&line, d->log, LOG_WARN, "directory.lookup");
        log_slice(&line, "address", q->address);
        log_error(&line, answer->error);
        log_end(&line);
    }
    return verdict;
}

/* ---- waiting ---- */

static void on_timer(struct timer *t);

static struct pending *wait(struct question *q, enum waiting waiting, uint64_t ms)
{
    struct recipients *r = q->all;
    struct pending *p = q->pending;
    if (p == NULL) {
        if ((p = calloc(1, sizeof *p + q->address.n)) == NULL)
            return NULL;
        p->id = ++r->last_id;
        p->all = r;
        p->peer = q->peer;
        p->call = q->call;
        p->want = q->want;
        p->since_ms = q->since_ms;
        p->size_bytes = q->size_bytes;
        buf_init(&p->asked, NAME_MAX_BYTES);
        buf_init(&p->canonical, NAME_MAX_BYTES);
        if (q->address.n > 0)
            memcpy(p->bytes, q->address.p, q->address.n);
        p->address = slice_of(p->bytes, q->address.n);
        HASH_ADD(hh, r->pending, id, sizeof p->id, p);
        q->pending = p;
    }
    if (!timer_is_set(&p->timer) || waiting != p->waiting)
        timer_set(r->directory->loop, &p->timer, ms, on_timer);
    p->waiting = waiting;
    return p;
}

static void done(struct question *q)
{
    if (q->pending != NULL)
        pending_free(q->pending);
}

/* ---- answers ---- */

static void reply_verdict(struct question *q, enum recipient_verdict verdict, uint64_t generation,
                          slice canonical, slice moved_to)
{
    struct directory *d = q->all->directory;
    const struct ipc_rcpt_verdict answer = {.verdict = (uint8_t)verdict,
                                            .generation = generation,
                                            .canonical = canonical,
                                            .moved_to = moved_to};
    directory_replied(d, rpc_reply_rcpt_verdict(q->peer, q->call, &answer));
    done(q);
}

static void reply_targets(struct question *q, enum recipient_verdict verdict, uint64_t generation)
{
    struct directory *d = q->all->directory;
    const struct ipc_expanded answer = {.result = (uint8_t)verdict,
                                        .generation = generation,
                                        .targets = buf_slice(&d->out)};
    directory_replied(d, rpc_reply_expanded(q->peer, q->call, &answer));
    done(q);
}

/* Is it one mailbox alone, and one with a quota? What goes to several is taken: the others get
 * theirs, and the full one's is tried again and bounced in time. */
static bool has_quota(slice targets, struct target *ret)
{
    return target_take(&targets, ret) && targets.n == 0 && ret->kind == TARGET_MAILBOX &&
           ret->quota_bytes > 0;
}

/* There is room as long as the quota is not reached: deliver puts in whole what fills it. Whoever
 * says how big the message is hears before he sends it that it does not fit. */
static enum recipient_verdict fill_verdict(const struct directory *d, uint64_t used_bytes,
                                           uint64_t quota_bytes, uint64_t size_bytes)
{
    if (used_bytes < quota_bytes && size_bytes <= quota_bytes - used_bytes)
        return RECIPIENT_IS_OK;
    return d->conf->server.full_mailbox == CONF_FULL_REFUSE ? RECIPIENT_IS_OVERFULL
                                                            : RECIPIENT_IS_FULL;
}

/* True: it is known how full the mailbox is, or deliver cannot be asked. */
static bool know_fill(struct question *q, const struct target *mailbox, enum recipient_verdict *ret)
{
    struct directory *d = q->all->directory;
    struct rpc *deliver = d->peer_of(d, ROLE_DELIVER);
    const struct ipc_usage fields = {.mailbox = mailbox->path};
    uint64_t bytes, at_ms;
    *ret = RECIPIENT_IS_OK;
    if (hearsay_get(&q->all->fills, mailbox->path, &bytes, &at_ms)) {
        *ret = fill_verdict(d, bytes, mailbox->quota_bytes, q->size_bytes);
        if (clock_mono_ms() - at_ms < (*ret == RECIPIENT_IS_OK ? ROOM_HOLDS_MS : FULL_HOLDS_MS))
            return true;
    }
    struct pending *p = deliver == NULL ? NULL : wait(q, WAITS_USAGE, USAGE_WAIT_MS);
    if (p == NULL || rpc_call_usage(deliver, p->id, &fields) != 0) {
        *ret = RECIPIENT_IS_OK;
        return true;
    }
    buf_clear(&p->asked);
    buf_add(&p->asked, mailbox->path);
    buf_clear(&p->canonical);
    buf_add(&p->canonical, buf_slice(&d->canonical));
    p->quota_bytes = mailbox->quota_bytes;
    return false;
}

/* True: authx has been asked for the name in wanted. */
static bool ask_backend(struct question *q)
{
    struct directory *d = q->all->directory;
    struct rpc *authx = d->peer_of(d, ROLE_AUTHX);
    const struct ipc_find_user fields = {.name = buf_slice(&q->all->wanted)};
    struct pending *p = authx == NULL ? NULL : wait(q, WAITS_BACKEND, BACKEND_WAIT_MS);
    if (p == NULL || p->rounds++ > ROUNDS_MAX || rpc_call_find_user(authx, p->id, &fields) != 0)
        return false;
    buf_clear(&p->asked);
    buf_add(&p->asked, fields.name);
    return true;
}

static void go_on(struct question *q)
{
    struct directory *d = q->all->directory;
    struct directory_answer answer;
    struct target mailbox;
    uint64_t generation = 0;
    enum recipient_verdict verdict = look_up(q, &answer, &generation);
    if (answer.error == -EINPROGRESS && ask_backend(q))
        return;
    if (answer.is_of_backend)
        generation = 0;
    if (q->want == WANTS_TARGETS) {
        reply_targets(q, verdict, generation);
        return;
    }
    if (verdict == RECIPIENT_IS_OK && has_quota(buf_slice(&d->out), &mailbox)) {
        generation = 0;
        if (!know_fill(q, &mailbox, &verdict))
            return;
    }
    reply_verdict(q, verdict, generation, buf_slice(&d->canonical), buf_slice(&d->moved_to));
}

static struct question question_of(struct pending *p)
{
    return (struct question){.all = p->all,
                             .pending = p,
                             .peer = p->peer,
                             .call = p->call,
                             .want = p->want,
                             .address = p->address,
                             .size_bytes = p->size_bytes,
                             .since_ms = p->since_ms};
}

/* deliver's silence makes room, a backend's makes mail wait. */
static void settle(struct pending *p, enum recipient_verdict verdict)
{
    struct question q = question_of(p);
    if (p->want == WANTS_TARGETS) {
        buf_clear(&p->all->directory->out);
        reply_targets(&q, verdict, 0);
    } else {
        reply_verdict(&q, verdict, 0, buf_slice(&p->canonical), (slice){0});
    }
}

static void on_timer(struct timer *t)
{
    struct pending *p = CONTAINER_OF(t, struct pending, timer);
    settle(p, p->waiting == WAITS_USAGE ? RECIPIENT_IS_OK : RECIPIENT_IS_TEMPFAIL);
}

static void usage_told(struct pending *p, const struct ipc_message *m)
{
    bool is_told = m != NULL && m->type == IPC_USAGE_TOLD && m->usage_told.result == 0;
    if (is_told)
        hearsay_put(&p->all->fills, buf_slice(&p->asked), m->usage_told.bytes, clock_mono_ms());
    settle(p, is_told ? fill_verdict(p->all->directory, m->usage_told.bytes, p->quota_bytes,
                                     p->size_bytes)
                      : RECIPIENT_IS_OK);
}

static enum directory_known known_by(uint8_t code)
{
    switch (code) {
    case SASL_ANSWER_YES:
        return DIRECTORY_IS_THERE;
    case SASL_ANSWER_DISABLED:
        return DIRECTORY_IS_DISABLED;
    case SASL_ANSWER_UNKNOWN:
    case SASL_ANSWER_NO: /* it cannot be asked for names */
        return DIRECTORY_IS_UNKNOWN;
    default:
        return DIRECTORY_IS_AWAY;
    }
}

static void user_found(struct pending *p, const struct ipc_message *m)
{
    struct question q = question_of(p);
    enum directory_known known =
        m != NULL && m->type == IPC_USER_FOUND ? known_by(m->user_found.code) : DIRECTORY_IS_AWAY;
    hearsay_put(&p->all->names, buf_slice(&p->asked), known, clock_mono_ms());
    go_on(&q);
}

void recipients_answered(struct recipients *r, uint64_t token, const struct ipc_message *m)
{
    struct pending *p = NULL;
    HASH_FIND(hh, r->pending, &token, sizeof token, p);
    if (p == NULL)
        return;
    if (p->waiting == WAITS_USAGE)
        usage_told(p, m);
    else
        user_found(p, m);
}

void recipients_used(struct recipients *r, const struct ipc_message *m)
{
    hearsay_put(&r->fills, m->mailbox_used.mailbox, m->mailbox_used.bytes, clock_mono_ms());
}

/* ---- questions ---- */

void recipients_check(struct recipients *r, struct rpc *smtpd, const struct ipc_message *m)
{
    struct question q = {.all = r,
                         .peer = smtpd,
                         .call = m->call,
                         .want = WANTS_VERDICT,
                         .address = m->rcpt_check.address,
                         .size_bytes = m->rcpt_check.size_bytes,
                         .since_ms = clock_mono_ms()};
    go_on(&q);
}

void recipients_expand(struct recipients *r, struct rpc *queue, const struct ipc_message *m)
{
    struct question q = {.all = r,
                         .peer = queue,
                         .call = m->call,
                         .want = WANTS_TARGETS,
                         .address = m->expand.address,
                         .since_ms = clock_mono_ms()};
    go_on(&q);
}
