/* Recovery: what is on the disk becomes segments and waiting messages.
 *
 * Segments are taken in the order of their generations, which is the order in which they were
 * written; within one, records stand in order. A later record of the same id wins; states are read
 * in a second walk, since a message that was copied forward stands behind its state:
 *
 *   MESSAGE   the message lies here (again: it was copied forward)
 *   STATE     attempts and next try are these
 *   DONE      it is gone
 *   ABANDON   what stands behind `end` in that segment never counted
 *
 * What is synced for certain: everything in closed segments; in others every group but the last
 * one known, because a group is written only after the one before it was synced. A hole in what is
 * synced is damage, any other is the torn end of a group that nobody was told of. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/smtp/queueid.h"
#include "src/queue/spool_int.h"

struct found {
    struct segment *seg;
    struct segment_head head;
    struct segment_closing closing;
    bool is_closed;
    struct scan scan; /* infos of a closed one are from its index */
};

struct recovery {
    struct spool *s;
    struct found *found;
    size_t n, room;
    uint64_t synced_seq; /* all before it was synced */
    struct ids bodies;
    int rc;
};

static int delete_name(struct spool *s, int dir, const char *name)
{
    int rc = VFS(s, unlink, dir, name);
    if (rc < 0 && rc != -ENOENT)
        spool_say(s, SPOOL_UPKEEP_FAILED, TABLE_NONE, 0, rc);
    return 0;
}

/* A head that cannot be read means that we cannot tell what the segment holds. Its file is kept
 * for a person. */
static int put_aside(struct spool *s, const char *name, uint32_t number)
{
    s->damaged++;
    spool_say(s, SPOOL_DAMAGED, number, 0, 0);
    int rc = VFS(s, rename, s->log_dir, name, s->quarantine_dir, name);
    if (rc == 0)
        rc = VFS(s, fsync, s->quarantine_dir);
    if (rc == 0)
        rc = VFS(s, fsync, s->log_dir);
    return rc;
}

/* -EBADMSG: no head is whole. */
static int read_heads(struct recovery *r, struct found *f, int fd, uint64_t file_bytes)
{
    struct spool *s = r->s;
    char blocks[SEGMENT_CLOSING_AT + SEGMENT_CLOSING_BYTES];
    bool is_there = false;
    if (file_bytes < SEGMENT_FIRST || file_bytes > SPOOL_SEGMENT_MAX)
        return -EBADMSG;
    int rc = vfs_read_all(s->vfs, fd, blocks, sizeof blocks, 0);
    if (rc < 0)
        return rc;
    for (int copy = 0; copy < 2; copy++) {
        struct segment_head head;
        if (segment_head_get(blocks + SEGMENT_HEAD_AT(copy), s->salt, &head) &&
            head.segment_bytes == file_bytes &&
            (!is_there || head.generation > f->head.generation)) {
            f->head = head;
            is_there = true;
        }
    }
    f->is_closed = is_there &&
                   segment_closing_get(blocks + SEGMENT_CLOSING_AT, s->salt, &f->closing) &&
                   f->closing.generation == f->head.generation;
    return is_there ? 0 : -EBADMSG;
}

static int open_segment(void *owner, const char *name)
{
    struct recovery *r = owner;
    struct spool *s = r->s;
    slice text = slice_cstr(name);
    uint64_t number, bytes = 0;
    if (slice_ends(text, SLICE_LIT(".new")))
        return delete_name(s, s->log_dir, name);
    if (text.n != 12 || !slice_ends(text, SLICE_LIT(".seg")) ||
        !slice_to_u64(slice_head(text, 8), 99999999, &number))
        return 0;
    if (r->n == r->room) {
        size_t room = r->room == 0 ? 16 : r->room * 2;
        struct found *p = realloc(r->found, room * sizeof *p);
        if (p == NULL)
            return -ENOMEM;
        r->found = p;
        r->room = room;
    }
    struct found f = {0};
    int fd = VFS(s, open, s->log_dir, name, O_RDWR, 0);
    if (fd < 0)
        return fd;
    int rc = VFS(s, size, fd, &bytes);
    if (rc == 0)
        rc = read_heads(r, &f, fd, bytes);
    if (rc < 0) {
        int closed = VFS(s, close, fd);
        if (rc != -EBADMSG || closed < 0)
            return rc != -EBADMSG ? rc : closed;
        return put_aside(s, name, (uint32_t)number);
    }
    f.seg = segment_new(s, (uint32_t)number, (uint32_t)bytes);
    if (f.seg == NULL) {
        VFS(s, close, fd);
        return -ENOMEM;
    }
    f.seg->fd = fd;
    f.seg->generation = f.head.generation;
    f.seg->state = SEGMENT_CLOSED;
    r->found[r->n++] = f;
    return 0;
}

static int by_generation(const void *a, const void *b)
{
    uint64_t x = ((const struct found *)a)->head.generation;
    uint64_t y = ((const struct found *)b)->head.generation;
    return x < y ? -1 : x > y;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Fills f->scan, and what the records tell of the numbers in use. */
static int list_records(struct recovery *r, struct found *f, uint64_t next_seq)
{
    struct spool *s = r->s;
    int rc = -EBADMSG;
    if (f->is_closed) {
        rc = segment_read_index(s, f->seg, &f->closing, &f->scan.infos);
        if (rc == -EBADMSG) {
            s->damaged++;
            spool_say(s, SPOOL_DAMAGED, f->seg->number, f->closing.end, 0);
            infos_release(&f->scan.infos);
        }
        f->seg->is_indexed = rc == 0;
    }
    if (rc == -EBADMSG)
        rc = segment_scan(s, f->seg, f->is_closed ? f->closing.end : f->seg->bytes, next_seq,
                          &f->scan);
    const struct infos *list = &f->scan.infos;
    for (size_t i = 0; rc == 0 && i < list->n; i++) {
        const struct record_info *info = &list->p[i];
        s->next_seq = max64(s->next_seq, info->seq + 1);
        s->next_id = max64(s->next_id, info->id + 1);
        r->synced_seq =
            max64(r->synced_seq, f->is_closed ? info->seq + 1 : info->seq - info->group);
    }
    if (f->is_closed) {
        s->next_seq = max64(s->next_seq, f->closing.last_seq + 1);
        r->synced_seq = max64(r->synced_seq, f->closing.last_seq + 1);
    }
    return rc;
}

static struct found *found_at(struct recovery *r, uint32_t number, uint64_t generation)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->found[i].seg->number == number && r->found[i].seg->generation == generation)
            return &r->found[i];
    return NULL;
}

/* Everything from `end` on never counted. */
static void cut(struct found *f, uint32_t end)
{
    struct infos *list = &f->scan.infos;
    while (list->n > 0 && list->p[list->n - 1].offset >= end)
        list->n--;
    while (f->scan.hole_count > 0 && f->scan.holes[f->scan.hole_count - 1].offset >= end)
        f->scan.hole_count--;
}

static void apply_abandons(struct recovery *r)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->found[i].scan.infos.n; k++) {
            const struct record_info *info = &r->found[i].scan.infos.p[k];
            struct found *f = info->kind != RECORD_ABANDON
                                  ? NULL
                                  : found_at(r, info->ref_segment, info->ref_generation);
            if (f != NULL && f != &r->found[i])
                cut(f, (uint32_t)info->when);
        }
}

static int judge_holes(struct recovery *r, const struct found *f)
{
    struct spool *s = r->s;
    for (size_t i = 0; i < f->scan.hole_count; i++) {
        const struct hole *hole = &f->scan.holes[i];
        if (hole->seq >= r->synced_seq) {
            s->torn++;
            spool_say(s, SPOOL_TORN, f->seg->number, hole->offset, 0);
            continue;
        }
        s->damaged++;
        spool_say(s, SPOOL_DAMAGED, f->seg->number, hole->offset, 0);
        size_t n = hole->end - hole->offset;
        char *bytes = malloc(n);
        int rc = bytes == NULL ? -ENOMEM : 0;
        if (rc == 0)
            rc = vfs_read_all(s->vfs, f->seg->fd, bytes, n, hole->offset);
        if (rc == 0)
            rc =
                quarantine(s, f->seg->generation, f->seg->number, hole->offset, slice_of(bytes, n));
        free(bytes);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int apply_record(struct recovery *r, const struct found *f, const struct record_info *info,
                        bool is_second_walk)
{
    struct spool *s = r->s;
    const struct place here = {f->seg->number, info->offset, info->bytes};
    const struct place nowhere = {.segment = TABLE_NONE};
    struct entry *e = info->id == 0 ? NULL : table_find(s->table, info->id);
    if ((info->kind == RECORD_STATE) != is_second_walk)
        return 0;
    switch ((enum record_kind)info->kind) {
    case RECORD_MESSAGE:
        if (info->id == 0)
            return 0;
        if (e == NULL) {
            e = table_add(s->table, info->id);
            if (e == NULL)
                return -ENOMEM;
            e->next_try_ms = info->when;
            e->has_file = info->has_file;
        } else if (e->message.segment != here.segment) {
            segment_at(s, e->message.segment)->is_leftover = true;
        }
        entry_move_message(s, e, here);
        break;
    case RECORD_STATE:
        if (e != NULL) {
            entry_move_state(s, e, here);
            e->attempts = info->attempts;
            e->next_try_ms = info->when;
        }
        break;
    case RECORD_DONE:
        if (e != NULL) {
            entry_move_message(s, e, nowhere);
            entry_move_state(s, e, nowhere);
            table_remove(s->table, e);
        }
        break;
    case RECORD_ABANDON:
        break;
    }
    return 0;
}

/* An open segment is closed with what was found in it, so that nothing is ever written behind a
 * torn end. If that fails, the next group says where the end is (upkeep_finish). */
static void close_found(struct found *f)
{
    struct segment *seg = f->seg;
    const struct infos *list = &f->scan.infos;
    seg->count = (uint32_t)list->n;
    if (f->is_closed) {
        seg->end = f->closing.end;
        seg->first_seq = f->closing.first_seq;
        seg->last_seq = f->closing.last_seq;
        return;
    }
    seg->end = SEGMENT_FIRST;
    if (list->n == 0) {
        seg->state = SEGMENT_SPARE;
        return;
    }
    const struct record_info *last = &list->p[list->n - 1];
    seg->end = last->offset + record_round(last->bytes);
    seg->first_seq = list->p[0].seq;
    seg->last_seq = last->seq;
    seg->infos = f->scan.infos;
    f->scan.infos = (struct infos){0};
    seg->is_close_due = true;
}

static int recover_segments(struct recovery *r)
{
    struct spool *s = r->s;
    int rc = VFS(s, list, s->log_dir, open_segment, r);
    if (rc < 0)
        return rc;
    if ((rc = VFS(s, fsync, s->log_dir)) < 0)
        return rc;
    if (r->n > 0)
        qsort(r->found, r->n, sizeof *r->found, by_generation);
    for (size_t i = 0; i < r->n; i++) {
        struct found *f = &r->found[i];
        /* What we see may be what a killed process wrote and did not sync; from here on we act on
         * it. */
        if ((rc = VFS(s, fdatasync, f->seg->fd)) < 0)
            return rc;
        s->next_generation = max64(s->next_generation, f->head.generation + 1);
        s->next_id = max64(s->next_id, f->head.id_floor);
        s->next_seq = max64(s->next_seq, f->head.seq_floor);
        if ((rc = list_records(r, f, s->next_seq)) < 0)
            return rc;
    }
    apply_abandons(r);
    for (size_t i = 0; i < r->n; i++) {
        struct found *f = &r->found[i];
        if ((rc = judge_holes(r, f)) < 0)
            return rc;
    }
    for (int walk = 0; walk < 2; walk++)
        for (size_t i = 0; i < r->n; i++)
            for (size_t k = 0; k < r->found[i].scan.infos.n; k++)
                if ((rc = apply_record(r, &r->found[i], &r->found[i].scan.infos.p[k], walk)) < 0)
                    return rc;
    for (size_t i = 0; i < r->n; i++)
        close_found(&r->found[i]);
    return 0;
}

/* ---- body files ---- */

static int drop_incoming(void *owner, const char *name)
{
    struct recovery *r = owner;
    return delete_name(r->s, r->s->incoming_dir, name);
}

static int check_body(void *owner, const char *name)
{
    struct recovery *r = owner;
    uint64_t id;
    const struct entry *e =
        queueid_parse(slice_cstr(name), &id) ? table_find(r->s->table, id) : NULL;
    return e != NULL && e->has_file ? 0 : delete_name(r->s, r->s->bodies_dir, name);
}

int spool_recover(struct spool *s)
{
    struct recovery r = {.s = s};
    int rc = recover_segments(&r);
    if (rc == 0)
        rc = VFS(s, list, s->incoming_dir, drop_incoming, &r);
    if (rc == 0)
        rc = VFS(s, list, s->bodies_dir, check_body, &r);
    for (size_t i = 0; i < r.n; i++)
        scan_release(&r.found[i].scan);
    free(r.found);
    return rc;
}
