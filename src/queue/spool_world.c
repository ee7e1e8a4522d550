#include "src/queue/spool_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/le.h"
#include "lib/base/test.h"

void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){.mem = vfs_mem_new(), .random = seed, .now_ms = UINT64_C(1750000000000)};
    world_random(w, 1);
}

void world_release(struct world *w)
{
    spool_close(w->s);
    vfs_mem_free(w->mem);
}

uint64_t world_random(struct world *w, uint64_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % below;
}

static void on_committed(void *owner, uint64_t cookie, int result, uint64_t id)
{
    struct world *w = owner;
    struct expect *x = &w->expect[cookie];
    assert_int_equal(x->fate, FATE_GIVEN);
    assert_int_equal(x->id, 0);
    if (result < 0) {
        w->refused++;
        w->last_refusal = result;
        return;
    }
    w->acked++;
    x->fate = FATE_ACKED;
    x->id = id;
}

static void on_event(void *owner, enum spool_event event, uint32_t segment, uint64_t offset,
                     int err)
{
    struct world *w = owner;
    (void)segment, (void)offset, (void)err;
    w->events[event]++;
}

int world_open(struct world *w)
{
    const struct spool_options options = {
        .vfs = vfs_mem_vfs(w->mem),
        .dir = vfs_mem_root(w->mem),
        .segment_bytes = SPOOL_SEGMENT_MIN,
        .spares = 2,
        .floor_bytes = w->floor_bytes,
        .random = UINT64_C(0x0123456789abcdef),
        .listener = {on_committed, on_event, w},
    };
    return spool_open(&options, w->now_ms, &w->s);
}

void world_crash(struct world *w, enum vfs_mem_crash how, uint64_t seed)
{
    spool_close(w->s);
    w->s = NULL;
    vfs_mem_crash(w->mem, how, seed);
}

/* ---- messages that can be told from each other ---- */

#define ENVELOPE_BYTES 24
#define HEADER_BYTES 40

static void fill(char *to, size_t n, uint32_t which, uint32_t salt)
{
    uint64_t x = which * UINT64_C(0x9e3779b97f4a7c15) + salt;
    for (size_t i = 0; i < n; i++) {
        x = x * UINT64_C(6364136223846793005) + 1;
        to[i] = (char)(x >> 56);
    }
}

static void make_envelope(const struct world *w, uint32_t which, char to[ENVELOPE_BYTES])
{
    fill(to, ENVELOPE_BYTES, which, 1);
    le_put(to, 4, which);
    le_put(to + 4, 4, w->expect[which].body_bytes);
}

/* By the descriptor of a file that the spool gave, or one of our own. */
static int write_body(struct world *w, int fd, const char *body, uint32_t n)
{
    struct vfs *v = vfs_mem_vfs(w->mem);
    int rc = vfs_write_all(v, fd, body, n, 0);
    int closed = v->ops->close(v, fd);
    return rc < 0 ? rc : closed;
}

int world_give(struct world *w, enum world_body how, uint32_t body_bytes)
{
    struct vfs *v = vfs_mem_vfs(w->mem);
    uint32_t which = w->given;
    if (which == WORLD_MESSAGES)
        return -ENOBUFS;
    struct expect *x = &w->expect[which];
    *x = (struct expect){.fate = FATE_GIVEN,
                         .body_bytes = body_bytes,
                         .has_file = how == WORLD_FILE};
    w->given++;
    char envelope[ENVELOPE_BYTES], header[HEADER_BYTES], *body = malloc(body_bytes + 1);
    assert_non_null(body);
    make_envelope(w, which, envelope);
    fill(header, sizeof header, which, 2);
    fill(body, body_bytes, which, 3);
    struct spool_message m = {
        .envelope = slice_of(envelope, sizeof envelope),
        .added = SLICE_LIT("Received: here\r\n"),
        .header = slice_of(header, sizeof header),
        .body_bytes = body_bytes,
        .fd = -1,
        .next_try_ms = which,
    };
    int rc = 0, fd = -1;
    if (how == WORLD_INLINE)
        m.body = slice_of(body, body_bytes);
    if (how == WORLD_FILE)
        rc = spool_file_open(w->s, &m.file, &fd);
    if (how == WORLD_FD)
        rc = fd = v->ops->open(v, vfs_mem_root(w->mem), "memfd", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (rc >= 0 && fd >= 0) {
        rc = write_body(w, fd, body, body_bytes);
        if (rc < 0 && how == WORLD_FILE)
            spool_file_drop(w->s, m.file);
    }
    if (rc >= 0 && how == WORLD_FD)
        rc = m.fd = v->ops->open(v, vfs_mem_root(w->mem), "memfd", O_RDONLY, 0);
    if (rc >= 0)
        rc = spool_commit(w->s, &m, w->now_ms, which);
    if (m.fd >= 0)
        (void)v->ops->close(v, m.fd);
    free(body);
    return rc;
}

bool world_work(struct world *w)
{
    bool any = false;
    for (int lane = 0; lane < SPOOL_LANES; lane++)
        if (spool_job_take(w->s, (enum spool_lane)lane, w->now_ms)) {
            spool_job_run(w->s, (enum spool_lane)lane);
            spool_job_finish(w->s, (enum spool_lane)lane);
            any = true;
        }
    return any;
}

void world_drain(struct world *w)
{
    size_t failed = w->events[SPOOL_SYNC_FAILED];
    for (int i = 0; world_work(w); i++)
        assert_true(i < 10000);
    if (vfs_mem_has_crashed(w->mem) || w->events[SPOOL_SYNC_FAILED] != failed)
        return;
    for (uint32_t i = 0; i < w->given; i++) {
        struct expect *x = &w->expect[i];
        if (x->fate == FATE_DONE_ASKED)
            x->fate = FATE_DONE;
        x->attempts_safe = x->attempts_asked;
    }
}

static void finish_one(struct world *w, uint32_t which)
{
    struct expect *x = &w->expect[which];
    struct entry *e = x->fate == FATE_ACKED ? spool_find(w->s, x->id) : NULL;
    if (e == NULL)
        return;
    if (world_random(w, 4) == 0) {
        char state[20];
        x->attempts_asked++;
        fill(state, sizeof state, which, x->attempts_asked);
        assert_int_equal(spool_state(w->s, e, x->attempts_asked, which + 1000,
                                     slice_of(state, sizeof state)),
                         0);
        return;
    }
    assert_int_equal(spool_done(w->s, e), 0);
    x->fate = FATE_DONE_ASKED;
}

static enum world_body any_body(struct world *w)
{
    uint64_t choice = world_random(w, 10);
    return choice < 7 ? WORLD_INLINE : choice < 9 ? WORLD_FD : WORLD_FILE;
}

void world_live(struct world *w, uint32_t steps)
{
    for (uint32_t i = 0; i < steps && !vfs_mem_has_crashed(w->mem); i++) {
        uint64_t choice = world_random(w, 16);
        w->now_ms += world_random(w, 700);
        if (choice < 7)
            (void)world_give(w, any_body(w), (uint32_t)world_random(w, 3500));
        else if (choice < 11 && w->given > 0)
            finish_one(w, (uint32_t)world_random(w, w->given));
        else if (choice < 15)
            (void)world_work(w);
        else
            world_drain(w);
    }
}

/* ---- what must hold ---- */

struct check {
    struct world *w;
    const char *what;
    bool seen[WORLD_MESSAGES];
    struct buf into;
    uint64_t ids[WORLD_MESSAGES];
    size_t n;
};

static int collect(void *owner, struct entry *e)
{
    struct check *c = owner;
    assert_true(c->n < WORLD_MESSAGES);
    c->ids[c->n++] = e->id;
    return 0;
}

static void check_body(struct check *c, const struct spool_loaded *m, const char *body, uint32_t n)
{
    struct vfs *v = vfs_mem_vfs(c->w->mem);
    if (m->file < 0) {
        assert_slice(m->body, slice_of(body, n));
        return;
    }
    char *got = malloc(n + 1);
    assert_non_null(got);
    assert_int_equal(vfs_read_all(v, m->file, got, n, 0), 0);
    assert_memory_equal(got, body, n);
    free(got);
    assert_int_equal(v->ops->close(v, m->file), 0);
}

static void check_one(struct check *c, uint64_t id)
{
    struct world *w = c->w;
    struct entry *e = spool_find(w->s, id);
    struct spool_loaded m;
    int rc = spool_load(w->s, e, &c->into, &m);
    if (rc != 0)
        fail_msg("%s: load of %lx: %d", c->what, (unsigned long)id, rc);
    assert_int_equal(m.envelope.n, ENVELOPE_BYTES);
    uint32_t which = (uint32_t)le_get(m.envelope.p, 4);
    assert_true(which < w->given);
    struct expect *x = &w->expect[which];
    if (x->fate == FATE_DONE || c->seen[which] || (x->id != 0 && x->id != id))
        fail_msg("%s: message %u: fate %d, there %s", c->what, which, (int)x->fate,
                 c->seen[which] ? "twice" : "again");
    c->seen[which] = true;
    char envelope[ENVELOPE_BYTES], header[HEADER_BYTES], *body = malloc(x->body_bytes + 1);
    assert_non_null(body);
    make_envelope(w, which, envelope);
    fill(header, sizeof header, which, 2);
    fill(body, x->body_bytes, which, 3);
    assert_slice(m.envelope, slice_of(envelope, sizeof envelope));
    assert_slice(m.added, SLICE_LIT("Received: here\r\n"));
    assert_slice(m.header, slice_of(header, sizeof header));
    assert_int_equal(m.body_bytes, x->body_bytes);
    check_body(c, &m, body, x->body_bytes);
    free(body);
    if (e->attempts < x->attempts_safe || e->attempts > x->attempts_asked)
        fail_msg("%s: message %u has %u attempts, want %u to %u", c->what, which, e->attempts,
                 x->attempts_safe, x->attempts_asked);
    if (m.state.n > 0) {
        char state[20];
        fill(state, sizeof state, which, m.state.n == 0 ? 0 : e->attempts);
        if (e->states_gathered == 0)
            assert_slice(m.state, slice_of(state, sizeof state));
    } else if (e->states_gathered == 0) {
        assert_int_equal(e->attempts, 0);
    }
    /* Learnt: from now on it must stay. */
    if (x->fate == FATE_GIVEN || x->fate == FATE_DONE_ASKED)
        x->fate = FATE_ACKED;
    x->id = id;
    x->attempts_asked = x->attempts_safe = e->attempts;
}

void world_check(struct world *w, const char *what)
{
    struct check *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->w = w;
    c->what = what;
    buf_init(&c->into, SPOOL_SEGMENT_MAX);
    assert_int_equal(spool_each(w->s, collect, c), 0);
    for (size_t i = 0; i < c->n; i++)
        check_one(c, c->ids[i]);
    for (uint32_t i = 0; i < w->given; i++) {
        struct expect *x = &w->expect[i];
        if (x->fate == FATE_ACKED && !c->seen[i])
            fail_msg("%s: message %u is lost", what, i);
        /* What a new start does not know will not come later. */
        if (!c->seen[i])
            x->fate = FATE_DONE;
    }
    buf_release(&c->into);
    free(c);
}
