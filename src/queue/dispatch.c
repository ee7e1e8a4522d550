#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/route/retry.h"
#include "lib/smtp/queueid.h"
#include "src/queue/dispatch_int.h"
#include "sys/clock.h"

/* Attempts begun in one turn of the loop: commits come in between. */
#define STARTS_A_TURN 64
#define ARENA_BYTES ((size_t)16 << 20)
#define AFTER_INTERRUPTION_MS 1000
#define AFTER_FAILED_LOAD_MS 60000
/* At start nothing waits longer than the longest wait there is, whatever the clock says. */
#define WAIT_MAX_MS ((uint64_t)2 * 3600 * 1000)

/* ---- slots and tokens ---- */

uint64_t dispatch_token(const struct attempt *a, uint32_t which)
{
    return (uint64_t)a->serial << 32 | (uint64_t)a->slot << 20 | which;
}

struct attempt *dispatch_attempt(struct dispatch *d, uint64_t token, uint32_t *ret_which)
{
    uint32_t slot = (uint32_t)(token >> 20) & 0xfff;
    struct attempt *a = slot < DISPATCH_ATTEMPTS ? d->attempts[slot] : NULL;
    *ret_which = (uint32_t)token & ATTEMPT_WHICH_MAX;
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
    a->has_waiting = false;
    a->crowded = (slice){NULL, 0};
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

void dispatch_due(struct dispatch *d, struct entry *e, uint64_t when_ms)
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
        dispatch_due(d, e, e->next_try_ms);
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

static void log_attempt(struct dispatch *d, const struct attempt *a,
                        const struct attempt_sums *sums, uint64_t next_try_ms, uint64_t now_ms)
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

/* What cannot be written now (no memory) may at worst be done again. */
static void write_state(struct dispatch *d, const struct attempt *a, struct entry *e,
                        uint16_t attempts, uint64_t next_ms)
{
    attempt_write_outcomes(a, &d->state);
    if (d->state.err != BUF_OK ||
        spool_state(d->spool, e, attempts, next_ms, buf_slice(&d->state)) != 0)
        e->attempts = attempts;
}

/* There is no place at its server: it waits for that and not for a time, and nothing is counted. */
static void park(struct dispatch *d, const struct attempt *a, struct entry *e, uint64_t now_ms)
{
    if (attempt_has_news(a))
        write_state(d, a, e, e->attempts, now_ms);
    if (!lmtp_hosts_park(&d->hosts, a->crowded, a->id))
        dispatch_due(d, e, now_ms + AFTER_INTERRUPTION_MS);
}

static uint64_t next_try_ms(struct dispatch *d, const struct attempt *a,
                            const struct attempt_sums *sums, uint16_t attempts, uint64_t now_ms)
{
    static const struct retry_plan hourly = {3600000, 3600000};
    if (a->is_interrupted)
        return now_ms + AFTER_INTERRUPTION_MS;
    const struct retry_plan *plan = sums->waiting == 0          ? &hourly
                                    : attempt_waits_for_lmtp(a) ? &retry_lmtp
                                                                : &retry_local;
    return now_ms + retry_wait_ms(plan, attempts, next_random(d));
}

static void finish(struct dispatch *d, struct attempt *a)
{
    struct entry *e = a->is_gone ? NULL : spool_find(d->spool, a->id);
    if (e == NULL) {
        attempt_drop(d, a);
        return;
    }
    uint64_t now_ms = clock_wall_ms();
    struct attempt_sums sums = attempt_settle(a);
    if (sums.waiting + sums.failed == 0) {
        log_attempt(d, a, &sums, 0, now_ms);
        if (spool_done(d->spool, e) != 0)
            dispatch_due(d, e, now_ms + AFTER_INTERRUPTION_MS);
    } else if (a->crowded.n > 0) {
        park(d, a, e, now_ms);
    } else if (a->is_interrupted && !attempt_has_news(a)) {
        dispatch_due(d, e, now_ms + AFTER_INTERRUPTION_MS);
    } else {
        uint16_t attempts = (uint16_t)(e->attempts + (e->attempts < UINT16_MAX));
        uint64_t next_ms = next_try_ms(d, a, &sums, attempts, now_ms);
        log_attempt(d, a, &sums, next_ms, now_ms);
        write_state(d, a, e, attempts, next_ms);
        dispatch_due(d, e, next_ms);
    }
    attempt_drop(d, a);
}

void dispatch_stall(struct dispatch *d, struct attempt *a)
{
    if (a->is_stalled)
        return;
    a->is_stalled = true;
    a->next_stalled = d->stalled;
    d->stalled = a;
}

/* One step further with an attempt, whatever it waits for. s: the message, when it is at hand. */
static void go_on(struct dispatch *d, struct attempt *a, struct sending *at_hand)
{
    struct sending own = {.fd = -1}, *s = at_hand == NULL ? &own : at_hand;
    bool goes = dispatch_expand_more(d, a);
    if (goes && a->open_expansions == 0)
        goes = dispatch_send_more(d, a, s) && dispatch_transfer_more(d, a, s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (goes && a->open_expansions == 0 && a->open_deliveries == 0)
        finish(d, a);
}

void dispatch_go_on(struct dispatch *d, struct attempt *a)
{
    if (a->open_deliveries == 0 && a->open_expansions == 0 && !a->is_stalled)
        go_on(d, a, NULL);
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

/* ---- the beginning ---- */

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
        s.is_loaded = true;
        if (attempt_read_rcpts(a, &s.envelope) && attempt_read_outcomes(a, s.m.state)) {
            a->has_waiting = attempt_settle(a).waiting > 0;
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
    dispatch_due(d, e, now_ms + AFTER_FAILED_LOAD_MS);
}

bool dispatch_run(struct dispatch *d, uint64_t now_ms)
{
    if (d->is_held || d->is_stopped || role_peer(d->role, ROLE_DELIVER, 0) == NULL ||
        role_peer(d->role, ROLE_DIRECTORY, 0) == NULL)
        return false;
    dispatch_unpark(d, now_ms);
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
    buf_init(&d->rcpts, 65536);
    buf_init(&d->envelope, ENVELOPE_MAX_BYTES);
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
    buf_release(&d->rcpts);
    buf_release(&d->envelope);
    lmtp_hosts_release(&d->hosts);
}
