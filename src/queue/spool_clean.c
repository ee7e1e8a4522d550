/* Cleaning: what is still needed of a segment is written again at the end of the log; when that is
 * synced the segment is given back.
 *
 * Needed are: messages that wait, their latest states, and of the records that end something
 * (DONE, ABANDON) those that speak of a segment that still carries the generation they mean. */
#include <errno.h>

#include "src/queue/spool_int.h"

static void reset_cleaning(struct spool *s, enum segment_state state)
{
    s->cleaning->state = state;
    s->cleaning = NULL;
    s->clean_at = 0;
    infos_release(&s->clean_infos);
}

static bool is_here(const struct place *p, const struct segment *seg, const struct record_info *i)
{
    return p->segment == seg->number && p->offset == i->offset;
}

/* 0, or the bytes that it will take to keep it. */
static size_t needed_bytes(const struct spool *s, const struct segment *seg,
                           const struct record_info *i)
{
    const struct entry *e = i->id == 0 ? NULL : table_find(s->table, i->id);
    bool is_needed = false;
    switch ((enum record_kind)i->kind) {
    case RECORD_MESSAGE:
        is_needed = e != NULL && is_here(&e->message, seg, i);
        break;
    case RECORD_STATE:
        /* One that is about to be replaced would come out behind its successor. */
        is_needed = e != NULL && is_here(&e->state, seg, i) && e->states_gathered == 0;
        break;
    case RECORD_DONE:
    case RECORD_ABANDON:
        is_needed =
            i->ref_segment != seg->number && segment_exists(s, i->ref_segment, i->ref_generation);
        break;
    }
    return is_needed ? record_round(i->bytes) + (size_t)INDEX_ENTRY_BYTES : 0;
}

/* A message or a state, byte for byte, to the end of the log. False: not now. */
static bool copy_record(struct spool *s, struct segment *seg, const struct record_info *i)
{
    const struct place here = {seg->number, i->offset, i->bytes};
    struct entry *e = table_find(s->table, i->id);
    struct rec *r = NULL;
    struct buf bytes;
    slice payload;
    char *to;
    buf_init(&bytes, SPOOL_SEGMENT_MAX);
    int rc = record_read(s, here, i->id, (enum record_kind)i->kind, &bytes, &payload);
    if (rc == -EBADMSG && i->kind == RECORD_MESSAGE) {
        rc = entry_damaged(s, e, buf_slice(&bytes)) == -EBADMSG ? 0 : -EIO;
    } else if (rc == -EBADMSG) {
        spool_say(s, SPOOL_DAMAGED, seg->number, i->offset, 0);
        entry_move_state(s, e, (struct place){.segment = TABLE_NONE});
        rc = 0;
    } else if (rc == 0) {
        r = gather_add(s, (enum record_kind)i->kind, i->id, payload.n, false, &to);
        rc = r == NULL ? -ENOMEM : 0;
    }
    if (r != NULL) {
        memcpy(to, payload.p, payload.n);
        r->is_copy = true;
        r->old = here;
        r->has_file = e->has_file;
        r->attempts = i->attempts;
        r->when = i->when;
        r->pin = seg->number;
        seg->pins++;
    }
    buf_release(&bytes);
    return rc == 0;
}

static bool keep_record(struct spool *s, struct segment *seg, const struct record_info *i)
{
    switch ((enum record_kind)i->kind) {
    case RECORD_MESSAGE:
    case RECORD_STATE:
        return copy_record(s, seg, i);
    case RECORD_DONE:
        return gather_done_at(s, i->id, i->ref_segment, i->ref_generation, seg->number);
    case RECORD_ABANDON:
        return gather_abandon(s, i->ref_segment, i->ref_generation, (uint32_t)i->when, seg->number);
    }
    return false;
}

static void clean_on(struct spool *s)
{
    struct segment *seg = s->cleaning;
    size_t bytes = 0;
    while (s->clean_at < s->clean_infos.n && bytes < COPY_STEP) {
        const struct record_info *i = &s->clean_infos.p[s->clean_at];
        size_t n = needed_bytes(s, seg, i);
        if (n > 0 && !keep_record(s, seg, i)) {
            /* Not now: what was copied is copied, the rest stays where it is. */
            seg->skip_until = s->recycled + 1;
            reset_cleaning(s, SEGMENT_CLOSED);
            return;
        }
        bytes += n;
        s->clean_at++;
    }
    if (s->clean_at < s->clean_infos.n || seg->pins > 0)
        return;
    if (seg->live == 0 && seg->states == 0)
        reset_cleaning(s, SEGMENT_RECYCLING);
    else
        reset_cleaning(s, SEGMENT_CLOSED);
}

static bool may_be_cleaned(const struct spool *s, const struct segment *seg)
{
    return seg->state == SEGMENT_CLOSED && !seg->is_close_due && seg->infos.n == 0 &&
           seg->pins == 0 && seg->skip_until <= s->recycled &&
           !(s->upkeep.is_taken && s->upkeep.number == seg->number);
}

/* Leftovers first, and nothing else while there is one; then what is all done, the oldest first;
 * then, when the log is much longer than what lives in it, where least lives. */
static struct segment *choose(const struct spool *s)
{
    struct segment *leftover = NULL, *done = NULL, *least = NULL;
    uint64_t used = 0, live = 0;
    bool any_leftover = false;
    for (uint32_t i = 0; i < s->segment_room; i++) {
        struct segment *seg = s->segments[i];
        if (seg == NULL || seg->state == SEGMENT_SPARE)
            continue;
        used += seg->bytes;
        live += seg->live_bytes;
        any_leftover = any_leftover || seg->is_leftover;
        if (!may_be_cleaned(s, seg))
            continue;
        if (seg->is_leftover && (leftover == NULL || seg->generation < leftover->generation))
            leftover = seg;
        if (seg->live == 0 && (done == NULL || seg->generation < done->generation))
            done = seg;
        if (seg->live_bytes < seg->bytes / 2 &&
            (least == NULL || seg->live_bytes < least->live_bytes))
            least = seg;
    }
    if (any_leftover || done != NULL)
        return any_leftover ? leftover : done;
    return used > 2 * live + 4 * (uint64_t)s->options.segment_bytes ? least : NULL;
}

void clean_next(struct spool *s)
{
    if (s->cleaning != NULL) {
        clean_on(s);
        return;
    }
    /* One at a time: what a segment ends must not be forgotten before it is really given back. */
    if (spool_count_state(s, SEGMENT_RECYCLING) > 0)
        return;
    struct segment *seg = choose(s);
    if (seg == NULL)
        return;
    if (segment_list(s, seg, &s->clean_infos) < 0) {
        infos_release(&s->clean_infos);
        seg->skip_until = s->recycled + 1;
        return;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < s->clean_infos.n; i++)
        bytes += needed_bytes(s, seg, &s->clean_infos.p[i]);
    if (bytes > seg->bytes / 2 && !seg->is_leftover) {
        infos_release(&s->clean_infos);
        seg->skip_until = s->recycled + 1;
        return;
    }
    s->cleaning = seg;
    seg->state = SEGMENT_CLEANING;
    s->clean_at = 0;
    clean_on(s);
}
