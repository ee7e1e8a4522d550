#include "src/queue/dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/route/recipient.h"
#include "lib/route/retry.h"
#include "lib/route/targets.h"
#include "lib/smtp/envelope.h"
#include "lib/smtp/queueid.h"
#include "src/queue/outcomes.h"
#include "sys/answers.h"
#include "sys/clock.h"

/* Attempts begun in one turn of the loop: commits come in between. */
#define STARTS_A_TURN 64
/* Head and body together in the datagram; more goes as a memfd. */
#define INLINE_BYTES ((size_t)64 << 10)
#define ARENA_BYTES ((size_t)16 << 20)
#define AFTER_INTERRUPTION_MS 1000
#define AFTER_FAILED_LOAD_MS 60000
/* At start nothing waits longer than the longest wait there is, whatever the clock says. */
#define WAIT_MAX_MS ((uint64_t)2 * 3600 * 1000)
#define FD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

enum item_state {
    ITEM_TO_SEND,
    ITEM_SENT,
    ITEM_DONE,
    ITEM_LATER,
    ITEM_REFUSED,
    ITEM_INTERRUPTED,
    ITEM_SAME, /* as another item of this message: one copy is enough */
};

/* A mailbox that one recipient leads to. */
struct item {
    enum item_state state;
    uint32_t rcpt;
    uint32_t same_as;
    uint64_t hash;
    uint64_t quota_bytes;
    slice path, local, domain, detail;
};

struct reached {
    struct reached *next;
    uint32_t rcpt;
    slice path;
};

struct rcpt_try {
    enum outcome_status status;
    bool is_tried; /* in this attempt */
    slice path;
    slice detail;
};

struct attempt {
    uint64_t id;
    uint32_t serial; /* 0: free */
    uint32_t slot;
    uint32_t open_expansions, open_deliveries;
    uint32_t rcpt_count, rcpt_room, next_rcpt;
    uint32_t item_count, item_room, next_item;
    struct rcpt_try *rcpts;
    struct item *items;
    struct reached *reached;
    struct arena arena;
    struct attempt *next_stalled;
    bool is_stalled;
    bool is_interrupted; /* a peer went away, or we had no memory */
    bool is_gone;        /* the message is damaged and out of the queue */
    bool is_submitted;   /* by somebody who may write to other servers */
    uint64_t started_us;
};

/* ---- slots and tokens ---- */

/* Serial, slot, and which recipient or item. */
static uint64_t token_of(const struct attempt *a, uint32_t which)
{
    return (uint64_t)a->serial << 32 | (uint64_t)a->slot << 20 | which;
}

#define WHICH_MAX (((uint32_t)1 << 20) - 1)

static struct attempt *attempt_of(struct dispatch *d, uint64_t token, uint32_t *ret_which)
{
    uint32_t slot = (uint32_t)(token >> 20) & 0xfff;
    struct attempt *a = slot < DISPATCH_ATTEMPTS ? d->attempts[slot] : NULL;
    *ret_which = (uint32_t)token & WHICH_MAX;
    return a != NULL && a->serial == (uint32_t)(token >> 32) ? a : NULL;
}

static struct attempt *attempt_take(struct dispatch *d)
{
    if (d->free_count == 0)
        return NULL;
    uint16_t slot = d->free[d->free_count - 1];
    struct attempt *a = d->attempts[slot];
    if (a == NULL) {
        a = d->attempts[slot] = calloc(1, sizeof *a);
        if (a == NULL)
            return NULL;
        a->slot = slot;
        arena_init(&a->arena, ARENA_BYTES);
    }
    d->free_count--;
    if (++d->serial == 0)
        d->serial = 1;
    a->serial = d->serial;
    a->open_expansions = a->open_deliveries = 0;
    a->rcpt_count = a->next_rcpt = a->item_count = a->next_item = 0;
    a->reached = NULL;
    a->is_stalled = a->is_interrupted = a->is_gone = a->is_submitted = false;
    return a;
}

static void attempt_drop(struct dispatch *d, struct attempt *a)
{
    a->serial = 0;
    arena_reset(&a->arena);
    d->free[d->free_count++] = (uint16_t)a->slot;
}

size_t dispatch_active(const struct dispatch *d)
{
    return DISPATCH_ATTEMPTS - d->free_count;
}

static uint32_t next_random(struct dispatch *d)
{
    d->random = d->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(d->random >> 33);
}

/* ---- waiting ---- */

static void log_id(struct log_line *line, uint64_t id)
{
    char text[QUEUEID_CHARS];
    log_slice(line, "id", queueid_print(id, text));
}

static void wait_until(struct dispatch *d, struct entry *e, uint64_t when_ms)
{
    e->next_try_ms = when_ms;
    /* Without memory for four bytes the role is of no use: from the disk it starts anew. */
    if (!heap_add(&d->heap, e))
        role_fail(d->role, "queue.memory", -ENOMEM);
}

void dispatch_add(struct dispatch *d, uint64_t id)
{
    struct entry *e = spool_find(d->spool, id);
    if (e != NULL)
        wait_until(d, e, e->next_try_ms);
}

struct starting {
    struct dispatch *d;
    uint64_t now_ms;
    bool is_full;
};

static int add_waiting(void *owner, struct entry *e)
{
    struct starting *s = owner;
    /* Written under a clock that was ahead, or held by the sender (then it waits again). */
    if (e->attempts > 0 && e->next_try_ms > s->now_ms + WAIT_MAX_MS)
        e->next_try_ms = s->now_ms + WAIT_MAX_MS;
    s->is_full = !heap_add(&s->d->heap, e);
    return s->is_full;
}

bool dispatch_start(struct dispatch *d, struct spool *spool, uint64_t now_ms)
{
    d->spool = spool;
    heap_init(&d->heap, spool_table(spool));
    struct starting s = {.d = d, .now_ms = now_ms};
    (void)spool_each(spool, add_waiting, &s);
    return !s.is_full;
}

uint64_t dispatch_next_ms(const struct dispatch *d)
{
    const struct entry *e =
        d->is_held || d->is_stopped || d->free_count == 0 ? NULL : heap_first(&d->heap);
    return e == NULL ? UINT64_MAX : e->next_try_ms;
}

void dispatch_shift(struct dispatch *d, int64_t by_ms)
{
    /* All by the same: their order stays. */
    for (size_t i = 0; i < d->heap.n; i++) {
        struct entry *e = table_at(d->heap.table, d->heap.at[i]);
        if (by_ms > 0)
            e->next_try_ms += (uint64_t)by_ms;
        else
            e->next_try_ms -= e->next_try_ms < (uint64_t)-by_ms ? e->next_try_ms : (uint64_t)-by_ms;
    }
}

/* ---- the end of an attempt ---- */

static void settle_rcpt(struct attempt *a, uint32_t which)
{
    struct rcpt_try *r = &a->rcpts[which];
    uint32_t done = 0, later = 0, refused = 0;
    for (uint32_t i = 0; i < a->item_count; i++) {
        const struct item *item = &a->items[i];
        if (item->rcpt != which)
            continue;
        const struct item *real = item->state == ITEM_SAME ? &a->items[item->same_as] : item;
        done += real->state == ITEM_DONE;
        refused += real->state == ITEM_REFUSED;
        later += real->state != ITEM_DONE && real->state != ITEM_REFUSED;
        if (real->state != ITEM_DONE && real->detail.n > 0)
            r->detail = real->detail;
    }
    if (later > 0)
        r->status = OUTCOME_WAITING;
    else if (refused > 0)
        r->status = OUTCOME_FAILED;
    else if (done > 0)
        r->status = OUTCOME_DONE;
    /* None: what expand said stands. */
}

struct sums {
    uint32_t done, waiting, failed;
};

static struct sums settle(struct attempt *a)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < a->rcpt_count; i++) {
        struct rcpt_try *r = &a->rcpts[i];
        if (r->is_tried)
            settle_rcpt(a, i);
        sums.done += r->status == OUTCOME_DONE;
        sums.waiting += r->status == OUTCOME_WAITING;
        sums.failed += r->status == OUTCOME_FAILED || r->status == OUTCOME_NO_ROUTE;
    }
    return sums;
}

static void write_outcomes(struct dispatch *d, const struct attempt *a)
{
    buf_clear(&d->state);
    outcomes_begin(&d->state);
    for (uint32_t i = 0; i < a->rcpt_count; i++) {
        const struct rcpt_try *r = &a->rcpts[i];
        if (r->status != OUTCOME_WAITING || r->detail.n > 0)
            outcomes_add(&d->state, &(struct outcome){r->status, (uint16_t)i, r->detail});
    }
    for (const struct reached *h = a->reached; h != NULL; h = h->next)
        if (a->rcpts[h->rcpt].status != OUTCOME_DONE)
            outcomes_add(&d->state, &(struct outcome){OUTCOME_REACHED, (uint16_t)h->rcpt, h->path});
    for (uint32_t i = 0; i < a->item_count; i++)
        if (a->items[i].state == ITEM_DONE && a->rcpts[a->items[i].rcpt].status != OUTCOME_DONE)
            outcomes_add(&d->state, &(struct outcome){OUTCOME_REACHED, (uint16_t)a->items[i].rcpt,
                                                      a->items[i].path});
}

static bool anything_new(const struct attempt *a)
{
    for (uint32_t i = 0; i < a->item_count; i++)
        if (a->items[i].state == ITEM_DONE || a->items[i].state == ITEM_LATER ||
            a->items[i].state == ITEM_REFUSED)
            return true;
    for (uint32_t i = 0; i < a->rcpt_count; i++)
        if (a->rcpts[i].is_tried && a->rcpts[i].detail.n > 0)
            return true;
    return false;
}

static void log_attempt(struct dispatch *d, const struct attempt *a, const struct sums *sums,
                        uint64_t next_try_ms, uint64_t now_ms)
{
    struct log_line line;
    bool is_done = sums->waiting + sums->failed == 0;
    log_begin(&line, d->role->log, is_done ? LOG_INFO : LOG_WARN,
              is_done ? "message.delivered" : "message.waits");
    log_id(&line, a->id);
    log_u64(&line, "recipients", a->rcpt_count);
    log_u64(&line, "ms", (clock_mono_us() - a->started_us) / 1000);
    if (!is_done) {
        log_u64(&line, "delivered", sums->done);
        log_u64(&line, "failed", sums->failed);
        log_u64(&line, "next_s", next_try_ms > now_ms ? (next_try_ms - now_ms) / 1000 : 0);
        for (uint32_t i = 0; i < a->rcpt_count; i++)
            if (a->rcpts[i].status != OUTCOME_DONE && a->rcpts[i].detail.n > 0) {
                log_slice(&line, "to", a->rcpts[i].path);
                log_slice(&line, "why", a->rcpts[i].detail);
                break;
            }
    }
    log_end(&line);
}

static void finish(struct dispatch *d, struct attempt *a)
{
    struct entry *e = a->is_gone ? NULL : spool_find(d->spool, a->id);
    if (e == NULL) {
        attempt_drop(d, a);
        return;
    }
    uint64_t now_ms = clock_wall_ms(), next_ms = now_ms + AFTER_INTERRUPTION_MS;
    struct sums sums = settle(a);
    if (sums.waiting + sums.failed == 0) {
        log_attempt(d, a, &sums, 0, now_ms);
        if (spool_done(d->spool, e) != 0)
            wait_until(d, e, next_ms);
    } else if (a->is_interrupted && !anything_new(a)) {
        wait_until(d, e, next_ms);
    } else {
        uint16_t attempts = (uint16_t)(e->attempts + (e->attempts < UINT16_MAX));
        if (!a->is_interrupted)
            next_ms =
                now_ms + retry_wait_ms(sums.waiting > 0 ? &retry_local
                                                        : &(struct retry_plan){3600000, 3600000},
                                       attempts, next_random(d));
        log_attempt(d, a, &sums, next_ms, now_ms);
        write_outcomes(d, a);
        /* What cannot be written now (no memory, a text too long) may at worst be done again. */
        if (d->state.err != BUF_OK ||
            spool_state(d->spool, e, attempts, next_ms, buf_slice(&d->state)) != 0)
            e->attempts = attempts;
        wait_until(d, e, next_ms);
    }
    attempt_drop(d, a);
}

/* ---- expanding ---- */

static uint64_t hash_of(slice s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool has_reached(const struct attempt *a, uint32_t which, slice path)
{
    for (const struct reached *h = a->reached; h != NULL; h = h->next)
        if (h->rcpt == which && slice_eq(h->path, path))
            return true;
    return false;
}

static bool add_item(struct attempt *a, uint32_t which, const struct target *t)
{
    if (a->item_count == a->item_room) {
        uint32_t room = a->item_room == 0 ? 4 : a->item_room * 2;
        struct item *p = room > WHICH_MAX ? NULL : realloc(a->items, room * sizeof *p);
        if (p == NULL)
            return false;
        a->items = p;
        a->item_room = room;
    }
    struct item item = {.rcpt = which, .hash = hash_of(t->path), .quota_bytes = t->quota_bytes};
    if (!arena_copy(&a->arena, t->path, &item.path) ||
        !arena_copy(&a->arena, t->local, &item.local) ||
        !arena_copy(&a->arena, t->domain, &item.domain))
        return false;
    if (has_reached(a, which, t->path))
        item.state = ITEM_DONE;
    for (uint32_t i = 0; i < a->item_count && item.state == ITEM_TO_SEND; i++)
        if (a->items[i].hash == item.hash && a->items[i].state != ITEM_SAME &&
            slice_eq(a->items[i].path, item.path)) {
            item.state = ITEM_SAME;
            item.same_as = i;
        }
    a->items[a->item_count++] = item;
    return true;
}

static const slice no_route = {"at another server, to which there is no route yet", 49};

static void take_targets(struct attempt *a, uint32_t which, slice targets)
{
    struct rcpt_try *r = &a->rcpts[which];
    struct target t;
    while (target_take(&targets, &t)) {
        if (t.kind == TARGET_REMOTE) {
            r->status = OUTCOME_NO_ROUTE;
            r->detail = no_route;
        } else if (!add_item(a, which, &t)) {
            a->is_interrupted = true;
        }
    }
}

/* What directory said, when it was not yes. */
static void take_verdict(struct rcpt_try *r, uint8_t verdict, bool is_submitted)
{
    switch ((enum recipient_verdict)verdict) {
    case RECIPIENT_IS_OK:
    case RECIPIENT_IS_FORWARDED:
    case RECIPIENT_IS_FULL: /* deliver says so when it is still so */
    case RECIPIENT_IS_OVERFULL:
        break;
    case RECIPIENT_IS_MOVED:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("the recipient has moved");
        break;
    case RECIPIENT_IS_UNKNOWN:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("there is no mailbox of this name any more");
        break;
    case RECIPIENT_IS_DISABLED:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("the mailbox is disabled");
        break;
    case RECIPIENT_IS_REMOTE:
        /* Only an alias of ours, which is no verdict but a target, leads strangers' mail there. */
        r->status = is_submitted ? OUTCOME_NO_ROUTE : OUTCOME_FAILED;
        r->detail = is_submitted
                        ? no_route
                        : SLICE_LIT("at another server, and nobody who may write there sent it");
        break;
    case RECIPIENT_IS_MALFORMED:
        r->status = OUTCOME_FAILED;
        r->detail = SLICE_LIT("the address is malformed");
        break;
    case RECIPIENT_IS_TEMPFAIL:
        r->status = OUTCOME_WAITING;
        r->detail = SLICE_LIT("the directory could not be asked");
        break;
    }
}

static void stall(struct dispatch *d, struct attempt *a)
{
    if (a->is_stalled)
        return;
    a->is_stalled = true;
    a->next_stalled = d->stalled;
    d->stalled = a;
}

/* False: stalled. */
static bool expand_more(struct dispatch *d, struct attempt *a)
{
    struct rpc *directory = role_peer(d->role, ROLE_DIRECTORY, 0);
    uint64_t generation = genpage_read(&d->page);
    slice targets;
    for (; a->next_rcpt < a->rcpt_count; a->next_rcpt++) {
        struct rcpt_try *r = &a->rcpts[a->next_rcpt];
        if (r->status == OUTCOME_DONE)
            continue;
        if (expansions_find(&d->expansions, r->path, generation, &targets)) {
            r->is_tried = true;
            r->status = OUTCOME_WAITING;
            r->detail = (slice){NULL, 0};
            take_targets(a, a->next_rcpt, targets);
            continue;
        }
        const struct ipc_expand ask = {.address = r->path};
        int rc = directory == NULL ? -EPIPE
                                   : rpc_call_expand(directory, token_of(a, a->next_rcpt), &ask);
        if (rc == -EAGAIN) {
            stall(d, a);
            return false;
        }
        if (rc == 0)
            a->open_expansions++;
        else
            a->is_interrupted = true;
    }
    return true;
}

/* ---- sending ---- */

/* A pair of names keeps a message in a mailbox one file, however often it is delivered: the time,
 * the queue id, the host, as Maildir wants it. */
static void make_name(struct dispatch *d, const struct attempt *a, uint64_t received_ms,
                      struct buf *out)
{
    char id[QUEUEID_CHARS];
    queueid_print(a->id, id);
    buf_addf(out, "%lu.Q%.*s.", (unsigned long)(received_ms / 1000), QUEUEID_CHARS, id);
    for (size_t i = 0; i < d->host.n && i < 200; i++)
        buf_addc(out, d->host.p[i] == '/' || d->host.p[i] == ':' ? '_' : d->host.p[i]);
}

static int body_memfd(slice body)
{
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int rc = fd < 0 ? -errno : 0;
    while (rc == 0 && body.n > 0) {
        ssize_t n = write(fd, body.p, body.n);
        if (n < 0 && errno == EINTR)
            continue;
        rc = n <= 0 ? -EIO : 0;
        body = slice_tail(body, n > 0 ? (size_t)n : 0);
    }
    if (rc == 0 && fcntl(fd, F_ADD_SEALS, FD_SEALS) < 0)
        rc = -errno;
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

struct sending {
    struct spool_loaded m;
    struct envelope envelope;
    int fd; /* the body's, when it does not go inline; ours */
};

static int send_item(struct dispatch *d, struct attempt *a, struct rpc *deliver, struct sending *s,
                     uint32_t which)
{
    struct item *item = &a->items[which];
    struct buf *head = &d->head;
    buf_clear(head);
    make_name(d, a, s->envelope.received_at_ms, head);
    size_t name_bytes = head->n;
    buf_addf(head, "Return-Path: <%.*s>\r\nDelivered-To: ", SLICE_ARG(s->envelope.reverse_path));
    recipient_print(head, item->local, item->domain);
    buf_adds(head, "\r\n");
    buf_add(head, s->m.added);
    buf_add(head, s->m.header);
    if (head->err != BUF_OK)
        return -ENOMEM;
    if (s->fd < 0 && head->n + s->m.body.n > INLINE_BYTES && s->m.body.n > 0) {
        s->fd = body_memfd(s->m.body);
        if (s->fd < 0)
            return s->fd;
    }
    struct ipc_delivery ask = {
        .job = token_of(a, which),
        .body_bytes = s->m.body_bytes,
        .quota_bytes = item->quota_bytes,
        .is_binary = s->envelope.body == ENVELOPE_BODY_BINARY,
        .mailbox = item->path,
        .name = slice_head(buf_slice(head), name_bytes),
        .head = slice_tail(buf_slice(head), name_bytes),
        .body = s->fd < 0 ? s->m.body : (slice){NULL, 0},
        .fd = s->fd < 0 ? -1 : fcntl(s->fd, F_DUPFD_CLOEXEC, 0),
    };
    if (s->fd >= 0 && ask.fd < 0)
        return -errno;
    int rc = rpc_call_delivery(deliver, ask.job, &ask);
    if (rc < 0 && ask.fd >= 0)
        close(ask.fd);
    return rc;
}

/* Loads the message once more when it is not at hand: a wait for directory lies between. */
static int reload(struct dispatch *d, struct attempt *a, struct sending *s)
{
    struct entry *e = spool_find(d->spool, a->id);
    int rc = e == NULL ? -EBADMSG : spool_load(d->spool, e, &d->loaded, &s->m);
    if (rc == 0 && envelope_decode(s->m.envelope, &s->envelope) != ENVELOPE_OK)
        rc = -EINVAL;
    if (rc == 0)
        s->fd = s->m.file;
    a->is_gone = rc == -EBADMSG;
    return rc;
}

/* False: stalled. */
static bool send_more(struct dispatch *d, struct attempt *a, struct sending *s, bool is_loaded)
{
    struct rpc *deliver = role_peer(d->role, ROLE_DELIVER, 0);
    int rc = 0;
    for (; a->next_item < a->item_count; a->next_item++) {
        struct item *item = &a->items[a->next_item];
        if (item->state != ITEM_TO_SEND)
            continue;
        if (rc == 0 && !is_loaded) {
            rc = reload(d, a, s);
            is_loaded = rc == 0;
        }
        if (rc == 0)
            rc = deliver == NULL ? -EPIPE : send_item(d, a, deliver, s, a->next_item);
        if (rc == -EAGAIN)
            break;
        item->state = rc == 0 ? ITEM_SENT : ITEM_INTERRUPTED;
        a->open_deliveries += rc == 0;
        a->is_interrupted = a->is_interrupted || rc < 0;
    }
    if (rc == -EAGAIN)
        stall(d, a);
    return rc != -EAGAIN;
}

/* One step further with an attempt, whatever it waits for. s: the message, when it is at hand. */
static void go_on(struct dispatch *d, struct attempt *a, struct sending *at_hand)
{
    struct sending own = {.fd = -1}, *s = at_hand == NULL ? &own : at_hand;
    bool goes = expand_more(d, a);
    if (goes && a->open_expansions == 0)
        goes = send_more(d, a, s, at_hand != NULL);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (goes && a->open_expansions == 0 && a->open_deliveries == 0)
        finish(d, a);
}

void dispatch_resume(struct dispatch *d)
{
    struct attempt *a = d->stalled;
    d->stalled = NULL;
    while (a != NULL) {
        struct attempt *next = a->next_stalled;
        a->is_stalled = false;
        go_on(d, a, NULL);
        a = next;
    }
}

/* ---- answers ---- */

void dispatch_expanded(struct dispatch *d, uint64_t token, const struct ipc_expanded *m)
{
    uint32_t which;
    struct attempt *a = attempt_of(d, token, &which);
    if (a == NULL || which >= a->rcpt_count)
        return;
    struct rcpt_try *r = &a->rcpts[which];
    a->open_expansions--;
    if (m == NULL) {
        a->is_interrupted = true;
    } else {
        r->is_tried = true;
        r->status = OUTCOME_WAITING;
        r->detail = (slice){NULL, 0};
        take_verdict(r, m->result, a->is_submitted);
        if (m->result == RECIPIENT_IS_OK || m->result == RECIPIENT_IS_FORWARDED) {
            expansions_add(&d->expansions, r->path, m->generation, m->targets);
            take_targets(a, which, m->targets);
        }
    }
    if (a->open_expansions == 0 && !a->is_stalled)
        go_on(d, a, NULL);
}

void dispatch_delivered(struct dispatch *d, uint64_t token, const struct ipc_delivered *m,
                        bool is_timeout)
{
    uint32_t which;
    struct attempt *a = attempt_of(d, token, &which);
    if (a == NULL || which >= a->item_count)
        return;
    struct item *item = &a->items[which];
    a->open_deliveries--;
    if (m == NULL) {
        item->state = is_timeout ? ITEM_LATER : ITEM_INTERRUPTED;
        item->detail = is_timeout ? SLICE_LIT("the mailbox did not answer in time") : item->detail;
        a->is_interrupted = a->is_interrupted || !is_timeout;
    } else {
        item->state = m->result == DELIVERY_DONE      ? ITEM_DONE
                      : m->result == DELIVERY_REFUSED ? ITEM_REFUSED
                                                      : ITEM_LATER;
        if (item->state != ITEM_DONE && !arena_copy(&a->arena, m->detail, &item->detail))
            item->detail = SLICE_LIT("could not be delivered");
    }
    if (a->open_deliveries == 0 && a->open_expansions == 0 && !a->is_stalled)
        go_on(d, a, NULL);
}

/* ---- the beginning ---- */

static bool read_rcpts(struct attempt *a, const struct sending *s)
{
    uint32_t n = s->envelope.rcpt_count;
    if (n > a->rcpt_room) {
        struct rcpt_try *p = realloc(a->rcpts, n * sizeof *p);
        if (p == NULL)
            return false;
        a->rcpts = p;
        a->rcpt_room = n;
    }
    slice rest = s->envelope.tlvs;
    struct envelope_rcpt rcpt;
    while (a->rcpt_count < n && envelope_next(&rest, &rcpt)) {
        struct rcpt_try *r = &a->rcpts[a->rcpt_count++];
        *r = (struct rcpt_try){.status = OUTCOME_WAITING};
        if (!arena_copy(&a->arena, rcpt.forward_path, &r->path))
            return false;
    }
    return true;
}

static bool read_outcomes(struct attempt *a, slice state)
{
    struct outcome o;
    if (!outcomes_open(&state))
        return true;
    while (outcomes_take(&state, &o)) {
        if (o.rcpt >= a->rcpt_count)
            continue;
        if (o.status != OUTCOME_REACHED) {
            a->rcpts[o.rcpt].status = o.status;
            continue;
        }
        struct reached *h = ARENA_NEW(&a->arena, struct reached);
        if (h == NULL || !arena_copy(&a->arena, o.text, &h->path))
            return false;
        h->rcpt = o.rcpt;
        h->next = a->reached;
        a->reached = h;
    }
    return true;
}

static void log_unusable(struct dispatch *d, uint64_t id, const char *why, int err)
{
    struct log_line line;
    log_begin(&line, d->role->log, LOG_ERROR, "message.unusable");
    log_id(&line, id);
    log_cstr(&line, "why", why);
    log_error(&line, err);
    log_end(&line);
}

static void begin(struct dispatch *d, struct entry *e, uint64_t now_ms)
{
    struct sending s = {.fd = -1};
    uint64_t id = e->id;
    int rc = spool_load(d->spool, e, &d->loaded, &s.m);
    if (rc == -EBADMSG)
        return; /* in quarantine, and said so */
    s.fd = rc == 0 ? s.m.file : -1;
    enum envelope_err err = rc < 0 ? ENVELOPE_OK : envelope_decode(s.m.envelope, &s.envelope);
    struct attempt *a = rc == 0 && err == ENVELOPE_OK ? attempt_take(d) : NULL;
    if (a != NULL) {
        a->id = id;
        a->started_us = clock_mono_us();
        a->is_submitted = s.envelope.account.n > 0;
        if (read_rcpts(a, &s) && read_outcomes(a, s.m.state)) {
            go_on(d, a, &s);
            return;
        }
        attempt_drop(d, a);
    }
    if (s.fd >= 0)
        close(s.fd);
    /* It stays as it is: a newer program may understand it, the disk may read again. */
    log_unusable(d, id,
                 rc < 0                    ? "cannot be read"
                 : err == ENVELOPE_UNKNOWN ? "the envelope is of a newer program"
                 : err != ENVELOPE_OK      ? "the envelope is malformed"
                                           : "out of memory",
                 rc);
    wait_until(d, e, now_ms + AFTER_FAILED_LOAD_MS);
}

bool dispatch_run(struct dispatch *d, uint64_t now_ms)
{
    if (d->is_held || d->is_stopped || role_peer(d->role, ROLE_DELIVER, 0) == NULL ||
        role_peer(d->role, ROLE_DIRECTORY, 0) == NULL)
        return false;
    for (unsigned i = 0; i < STARTS_A_TURN; i++) {
        struct entry *e = heap_first(&d->heap);
        if (e == NULL || e->next_try_ms > now_ms || d->free_count == 0 || d->stalled != NULL)
            return false;
        heap_remove(&d->heap, e);
        begin(d, e, now_ms);
    }
    return true;
}

void dispatch_init(struct dispatch *d, struct role *role, uint64_t random)
{
    *d = (struct dispatch){.role = role, .random = random, .page = {.fd = -1}};
    expansions_init(&d->expansions, random);
    buf_init(&d->loaded, (size_t)SPOOL_SEGMENT_MAX);
    buf_init(&d->head, IPC_BYTES_MAX);
    buf_init(&d->state, 65536);
    for (uint16_t i = 0; i < DISPATCH_ATTEMPTS; i++)
        d->free[d->free_count++] = (uint16_t)(DISPATCH_ATTEMPTS - 1 - i);
}

void dispatch_release(struct dispatch *d)
{
    for (size_t i = 0; i < DISPATCH_ATTEMPTS; i++)
        if (d->attempts[i] != NULL) {
            arena_release(&d->attempts[i]->arena);
            free(d->attempts[i]->rcpts);
            free(d->attempts[i]->items);
            free(d->attempts[i]);
        }
    heap_release(&d->heap);
    expansions_release(&d->expansions);
    genpage_close(&d->page);
    buf_release(&d->loaded);
    buf_release(&d->head);
    buf_release(&d->state);
}
