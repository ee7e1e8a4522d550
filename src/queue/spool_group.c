/* Group commit: records gather while the group before them is written and synced. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/crc32c.h"
#include "lib/base/le.h"
#include "src/queue/spool_int.h"

void group_release(struct group *g)
{
    buf_release(&g->bytes);
    free(g->recs);
    g->recs = NULL;
    g->n = g->room = g->urgent = 0;
}

static struct rec *group_add(struct group *g, size_t bytes)
{
    if (g->n == g->room) {
        size_t room = g->room == 0 ? 64 : g->room * 2;
        struct rec *p = realloc(g->recs, room * sizeof *p);
        if (p == NULL)
            return NULL;
        g->recs = p;
        g->room = room;
    }
    size_t whole = record_round((uint32_t)bytes);
    char *at = buf_reserve(&g->bytes, whole);
    if (at == NULL)
        return NULL;
    memset(at + bytes, 0, whole - bytes);
    struct rec *r = &g->recs[g->n++];
    *r = (struct rec){.at = (uint32_t)g->bytes.n, .bytes = (uint32_t)bytes, .pin = TABLE_NONE};
    g->bytes.n += whole;
    return r;
}

struct rec *gather_add(struct spool *s, enum record_kind kind, uint64_t id, size_t n,
                       bool is_bounded, char **ret_payload)
{
    struct group *g = &s->gather;
    if (is_bounded && g->bytes.n + n > GATHER_MAX)
        return NULL;
    struct rec *r = group_add(g, RECORD_HEAD_BYTES + n);
    if (r == NULL) {
        g->bytes.err = BUF_OK; /* what is there is whole: the failed reserve added nothing */
        return NULL;
    }
    r->kind = (uint8_t)kind;
    r->id = id;
    *ret_payload = g->bytes.p + r->at + RECORD_HEAD_BYTES;
    return r;
}

static void pin(struct spool *s, struct rec *r, uint32_t number)
{
    struct segment *seg = segment_at(s, number);
    if (seg != NULL) {
        seg->pins++;
        r->pin = number;
    }
}

static void unpin(struct spool *s, const struct rec *r)
{
    struct segment *seg = segment_at(s, r->pin);
    if (seg != NULL)
        seg->pins--;
}

static struct rec *gather_ref(struct spool *s, enum record_kind kind, uint64_t id, uint32_t segment,
                              uint64_t generation, uint32_t last, uint32_t pinned)
{
    char *payload;
    struct rec *r = gather_add(s, kind, id, DONE_BYTES, false, &payload);
    if (r == NULL)
        return NULL;
    le_put(payload, 8, generation);
    le_put(payload + 8, 4, segment);
    le_put(payload + 12, 4, last);
    r->ref_generation = generation;
    r->ref_segment = segment;
    r->when = last;
    pin(s, r, pinned);
    return r;
}

bool gather_done_at(struct spool *s, uint64_t id, uint32_t segment, uint64_t generation,
                    uint32_t pinned)
{
    return gather_ref(s, RECORD_DONE, id, segment, generation, 0, pinned) != NULL;
}

bool gather_done(struct spool *s, uint64_t id, struct place message, bool has_file)
{
    const struct segment *seg = segment_at(s, message.segment);
    struct rec *r = gather_ref(s, RECORD_DONE, id, message.segment,
                               seg == NULL ? 0 : seg->generation, 0, message.segment);
    if (r == NULL)
        return false;
    r->has_file = has_file;
    return true;
}

bool gather_abandon(struct spool *s, uint32_t segment, uint64_t generation, uint32_t end,
                    uint32_t pinned)
{
    return gather_ref(s, RECORD_ABANDON, 0, segment, generation, end, pinned) != NULL;
}

/* ---- messages in ---- */

static void add_slice(char **to, slice s)
{
    if (s.n > 0)
        memcpy(*to, s.p, s.n);
    *to += s.n;
}

int gather_message(struct spool *s, const struct message_head *numbers, const slice heads[3],
                   slice body, int body_fd, uint64_t id, uint64_t cookie)
{
    size_t inline_bytes = numbers->has_file ? 0 : (size_t)numbers->body_bytes;
    size_t n = MESSAGE_HEAD_BYTES + heads[0].n + heads[1].n + heads[2].n + inline_bytes;
    char *payload;
    if (s->gather.bytes.n + n > GATHER_MAX)
        return -EBUSY;
    if (!table_reserve(s->table, s->reserved + 1))
        return -ENOMEM;
    size_t bytes_before = s->gather.bytes.n;
    struct rec *r = gather_add(s, RECORD_MESSAGE, id, n, true, &payload);
    if (r == NULL)
        return -ENOMEM;
    message_head_put(payload, numbers);
    char *at = payload + MESSAGE_HEAD_BYTES;
    for (int i = 0; i < 3; i++)
        add_slice(&at, heads[i]);
    if (body_fd < 0) {
        add_slice(&at, body);
    } else {
        int rc = vfs_read_all(s->vfs, body_fd, at, inline_bytes, 0);
        if (rc < 0) {
            s->gather.n--;
            s->gather.bytes.n = bytes_before;
            return rc == -ENODATA ? -EINVAL : rc;
        }
    }
    r->cookie = cookie;
    r->has_file = numbers->has_file;
    r->when = numbers->next_try_ms;
    s->gather.urgent++;
    s->reserved++;
    return 0;
}

/* Bytes that a record and its index entry take of a segment. */
static size_t footprint(const struct rec *r)
{
    return record_round(r->bytes) + (size_t)INDEX_ENTRY_BYTES;
}

static size_t open_room(const struct spool *s)
{
    if (s->open == NULL)
        return 0;
    return s->open->bytes - s->open->end - (size_t)s->open->count * INDEX_ENTRY_BYTES;
}

/* While no segment can be made, is there place for this much and one segment besides? */
static bool has_place(const struct spool *s, size_t bytes)
{
    if (!s->is_create_failed)
        return true;
    size_t spares = spool_count_state(s, SEGMENT_SPARE);
    size_t each = s->options.segment_bytes / 2; /* a big record may leave much of one unused */
    return s->gather.bytes.n + bytes <= open_room(s) + (spares > 0 ? (spares - 1) * each : 0);
}

static int may_take(struct spool *s, const struct spool_message *m)
{
    uint64_t inline_max = s->options.segment_bytes / 4;
    if (inline_max > SPOOL_INLINE_MAX)
        inline_max = SPOOL_INLINE_MAX;
    uint64_t heads = (uint64_t)m->envelope.n + m->added.n + m->header.n;
    uint64_t inline_bytes = m->file != 0 ? 0 : m->body_bytes;
    if (m->file == 0 && m->fd < 0 && m->body.n != m->body_bytes)
        return -EINVAL;
    if (inline_bytes > inline_max || heads > s->options.segment_bytes / 4)
        return -EMSGSIZE;
    if (s->now_ms < s->failed_until_ms)
        return -EIO;
    if (s->now_ms - s->space_asked_ms >= SPACE_ASK_MS || s->now_ms < s->space_asked_ms)
        (void)spool_has_room(s);
    if (s->is_below_floor || !has_place(s, (size_t)(heads + inline_bytes) + 1024))
        return -ENOSPC;
    return 0;
}

static int adopt_new(struct spool *s, const struct spool_message *m, struct message_head *numbers,
                     uint64_t id, uint64_t cookie)
{
    struct adopt *a = calloc(1, sizeof *a);
    if (a == NULL || !table_reserve(s->table, s->reserved + 1)) {
        free(a);
        return -ENOMEM;
    }
    buf_init(&a->head, SPOOL_SEGMENT_MAX);
    buf_add(&a->head, m->envelope);
    buf_add(&a->head, m->added);
    buf_add(&a->head, m->header);
    if (a->head.err != BUF_OK) {
        adopt_free(a);
        return -ENOMEM;
    }
    numbers->has_file = true;
    a->numbers = *numbers;
    a->file = m->file;
    a->id = id;
    a->cookie = cookie;
    *s->adopt_last = a;
    s->adopt_last = &a->next;
    s->reserved++;
    return 0;
}

/* Ids say roughly when, and never come twice: a second of a million ids is never used up, and a
 * clock that goes back does not take them back. */
static uint64_t new_id(struct spool *s)
{
    uint64_t id = s->now_ms << 20;
    if (id < s->next_id)
        id = s->next_id;
    s->next_id = id + 1;
    return id;
}

int spool_commit(struct spool *s, const struct spool_message *m, uint64_t now_ms, uint64_t cookie)
{
    s->now_ms = now_ms;
    struct message_head numbers = {
        .envelope_bytes = (uint32_t)m->envelope.n,
        .added_bytes = (uint32_t)m->added.n,
        .header_bytes = (uint32_t)m->header.n,
        .body_bytes = m->body_bytes,
        .next_try_ms = m->next_try_ms,
    };
    int rc = may_take(s, m);
    if (rc == 0 && m->file != 0)
        rc = adopt_new(s, m, &numbers, new_id(s), cookie);
    else if (rc == 0)
        rc = gather_message(s, &numbers, (const slice[3]){m->envelope, m->added, m->header},
                            m->body, m->fd, new_id(s), cookie);
    if (rc < 0 && m->file != 0)
        spool_file_drop(s, m->file);
    return rc;
}

/* ---- the group ---- */

static struct segment *oldest_spare(const struct spool *s)
{
    struct segment *best = NULL;
    for (uint32_t i = 0; i < s->segment_room; i++) {
        struct segment *seg = s->segments[i];
        if (seg != NULL && seg->state == SEGMENT_SPARE &&
            (best == NULL || seg->generation < best->generation))
            best = seg;
    }
    return best;
}

static void append_rec(struct group *to, const struct group *from, const struct rec *r)
{
    struct rec *copy = group_add(to, r->bytes);
    if (copy == NULL)
        abort(); /* outcomes would be lost: better to start again from what is on the disk */
    uint32_t at = copy->at;
    *copy = *r;
    copy->at = at;
    memcpy(to->bytes.p + at, from->bytes.p + r->at, r->bytes);
}

static bool is_new_message(const struct rec *r)
{
    return r->kind == RECORD_MESSAGE && !r->is_copy;
}

/* Tells the senders of all new messages in g that they are not kept. */
static void refuse_messages(struct spool *s, const struct group *g, int err)
{
    for (size_t i = 0; i < g->n; i++)
        if (is_new_message(&g->recs[i])) {
            s->reserved--;
            s->options.listener.committed(s->options.listener.owner, g->recs[i].cookie, err, 0);
        }
}

/* No segment can be made: messages are refused, what happened to older ones is kept. */
static void refuse_gathered(struct spool *s)
{
    struct group old = s->gather, kept = {0};
    if (old.urgent == 0)
        return;
    buf_init(&kept.bytes, SIZE_MAX / 4);
    for (size_t i = 0; i < old.n; i++)
        if (!is_new_message(&old.recs[i]))
            append_rec(&kept, &old, &old.recs[i]);
    s->gather = kept;
    refuse_messages(s, &old, -ENOSPC);
    group_release(&old);
}

/* The open segment is full, or there is none: the oldest spare is opened. The last spare is for
 * outcomes and copies alone, which are what makes room again. */
static bool group_rotate(struct spool *s)
{
    uint32_t spares = spool_count_state(s, SEGMENT_SPARE);
    if (spares < 2 && s->is_create_failed)
        refuse_gathered(s);
    if (spares == 0 || s->gather.n == 0 || (spares == 1 && s->gather.urgent > 0))
        return false;
    if (s->open != NULL) {
        s->open->state = SEGMENT_CLOSED;
        s->open->is_close_due = true;
    }
    s->open = oldest_spare(s);
    s->open->state = SEGMENT_OPEN;
    s->open->end = SEGMENT_FIRST;
    s->open->first_seq = s->next_seq;
    s->open->count = 0;
    return true;
}

/* The first n records of what is gathered become the job's, the others stay. */
static void split_gather(struct spool *s, size_t n)
{
    struct group *from = &s->gather, *to = &s->commit.group;
    struct group spare = *to;
    spare.n = spare.urgent = 0;
    buf_clear(&spare.bytes);
    if (spare.bytes.cap > GATHER_KEEP)
        buf_release(&spare.bytes);
    *to = *from;
    *from = spare;
    for (size_t i = n; i < to->n; i++) {
        append_rec(from, to, &to->recs[i]);
        from->urgent += is_new_message(&to->recs[i]);
    }
    if (n < to->n)
        to->bytes.n = to->recs[n].at;
    to->n = n;
    to->urgent -= from->urgent;
}

bool commit_take(struct spool *s)
{
    struct commit_job *job = &s->commit;
    if (job->is_taken || s->gather.n == 0)
        return false;
    if (open_room(s) < footprint(&s->gather.recs[0]) && !group_rotate(s))
        return false;
    size_t room = open_room(s), n = 0;
    while (n < s->gather.n && footprint(&s->gather.recs[n]) <= room)
        room -= footprint(&s->gather.recs[n++]);
    assert(n > 0);
    struct segment *seg = s->open;
    /* Now, where failing harms nobody: the index is made from these. */
    static const struct record_info empty;
    size_t before = seg->infos.n;
    bool is_reserved = true;
    for (size_t i = 0; i < n && is_reserved; i++)
        is_reserved = infos_add(&seg->infos, &empty);
    seg->infos.n = before;
    if (!is_reserved)
        return false;
    split_gather(s, n);
    job->is_taken = true;
    job->segment = seg;
    job->fd = seg->fd;
    job->generation = seg->generation;
    job->offset = seg->end;
    job->first_seq = s->next_seq;
    s->next_seq += n;
    return true;
}

void commit_run(struct spool *s)
{
    struct commit_job *job = &s->commit;
    struct group *g = &job->group;
    for (size_t i = 0; i < g->n; i++) {
        const struct rec *r = &g->recs[i];
        char *at = g->bytes.p + r->at;
        slice payload = slice_of(at + RECORD_HEAD_BYTES, r->bytes - RECORD_HEAD_BYTES);
        const struct record_head head = {
            .bytes = r->bytes,
            .kind = r->kind,
            .group = (uint32_t)i,
            .seq = job->first_seq + i,
            .id = r->id,
            .payload_crc = crc32c(0, payload),
        };
        record_head_put(at, &head, s->salt, job->generation, job->offset + r->at);
    }
    job->result = vfs_write_all(s->vfs, job->fd, g->bytes.p, g->bytes.n, job->offset);
    if (job->result == 0)
        job->result = VFS(s, fdatasync, job->fd);
}

/* A record is safe at `here`. */
static void rec_synced(struct spool *s, const struct rec *r, struct place here)
{
    struct segment *seg = s->commit.segment;
    struct entry *e = r->id == 0 ? NULL : table_find(s->table, r->id);
    unpin(s, r);
    switch ((enum record_kind)r->kind) {
    case RECORD_MESSAGE:
        if (!r->is_copy) {
            s->reserved--;
            e = table_add(s->table, r->id);
            if (e == NULL)
                abort(); /* it was reserved */
            e->next_try_ms = r->when;
            e->has_file = r->has_file;
            entry_move_message(s, e, here);
        } else if (e != NULL && e->message.segment == r->old.segment &&
                   e->message.offset == r->old.offset) {
            entry_move_message(s, e, here);
            s->copied++;
        } else if (!gather_done_at(s, r->id, seg->number, seg->generation, seg->number)) {
            abort(); /* done while it was copied: the copy must not come back to life */
        }
        break;
    case RECORD_STATE:
        if (e != NULL && !r->is_copy)
            e->states_gathered--;
        if (e != NULL && (!r->is_copy ||
                          (e->state.segment == r->old.segment && e->state.offset == r->old.offset)))
            entry_move_state(s, e, here);
        break;
    case RECORD_DONE:
        if (r->has_file && !ids_add(&s->unlink, r->id))
            spool_say(s, SPOOL_UPKEEP_FAILED, TABLE_NONE, 0, -ENOMEM);
        break;
    case RECORD_ABANDON:
        break;
    }
}

static void group_synced(struct spool *s)
{
    struct commit_job *job = &s->commit;
    struct segment *seg = job->segment;
    struct group *g = &job->group;
    seg->end += (uint32_t)g->bytes.n;
    seg->count += (uint32_t)g->n;
    seg->last_seq = job->first_seq + g->n - 1;
    s->groups++;
    s->records += g->n;
    for (size_t i = 0; i < g->n; i++) {
        const struct rec *r = &g->recs[i];
        const struct record_info info = {
            .kind = r->kind,
            .has_file = r->has_file,
            .attempts = r->attempts,
            .offset = job->offset + r->at,
            .bytes = r->bytes,
            .seq = job->first_seq + i,
            .id = r->id,
            .when = r->when,
            .ref_generation = r->ref_generation,
            .ref_segment = r->ref_segment,
        };
        if (!infos_add(&seg->infos, &info))
            abort(); /* it was reserved */
        rec_synced(s, r, (struct place){seg->number, info.offset, info.bytes});
    }
    for (size_t i = 0; i < g->n; i++)
        if (is_new_message(&g->recs[i]))
            s->options.listener.committed(s->options.listener.owner, g->recs[i].cookie, 0,
                                          g->recs[i].id);
}

/* Invariant 5. What reached the disk of this group, nobody knows, and to sync again would prove
 * nothing. So nothing is added behind it: the next segment begins by saying where the good part
 * of this one ends, then come the outcomes and copies that failed, then what gathered meanwhile. */
static void group_failed(struct spool *s)
{
    struct commit_job *job = &s->commit;
    struct segment *seg = job->segment;
    struct group failed = job->group, gathered = s->gather;
    job->group = (struct group){0};
    s->gather = (struct group){0};
    buf_init(&job->group.bytes, SIZE_MAX / 4);
    buf_init(&s->gather.bytes, SIZE_MAX / 4);
    seg->state = SEGMENT_CLOSED;
    s->open = NULL;
    s->failed_until_ms = s->now_ms + AFTER_FAILED_SYNC_MS;
    spool_say(s, SPOOL_SYNC_FAILED, seg->number, job->offset, job->result);
    if (!gather_abandon(s, seg->number, seg->generation, seg->end, seg->number))
        abort();
    for (size_t i = 0; i < failed.n; i++)
        if (!is_new_message(&failed.recs[i]))
            append_rec(&s->gather, &failed, &failed.recs[i]);
    for (size_t i = 0; i < gathered.n; i++) {
        append_rec(&s->gather, &gathered, &gathered.recs[i]);
        s->gather.urgent += is_new_message(&gathered.recs[i]);
    }
    refuse_messages(s, &failed, job->result);
    group_release(&failed);
    group_release(&gathered);
}

void commit_finish(struct spool *s)
{
    assert(s->commit.is_taken);
    if (s->commit.result == 0)
        group_synced(s);
    else
        group_failed(s);
    s->commit.is_taken = false;
}
