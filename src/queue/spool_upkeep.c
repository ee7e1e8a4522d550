/* Upkeep: closing full segments, making and recycling spares, removing what is too much. One task
 * at a time, on a helper thread, beside the commits. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/crc32c.h"
#include "src/queue/spool_int.h"

/* ---- on any thread ---- */

static int close_run(struct spool *s, struct upkeep_job *job)
{
    size_t n = job->infos.n * INDEX_ENTRY_BYTES;
    char *index = malloc(n + 1);
    if (index == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < job->infos.n; i++)
        index_entry_put(index + i * INDEX_ENTRY_BYTES, &job->infos.p[i], job->closing.first_seq);
    job->closing.index_crc = crc32c(0, slice_of(index, n));
    char block[SEGMENT_CLOSING_BYTES];
    segment_closing_put(block, &job->closing, s->salt);
    int rc = n == 0 ? 0 : vfs_write_all(s->vfs, job->fd, index, n, job->closing.end);
    /* First the one, then the other: a closing without its index is damage. */
    if (rc == 0)
        rc = VFS(s, fdatasync, job->fd);
    if (rc == 0)
        rc = vfs_write_all(s->vfs, job->fd, block, sizeof block, SEGMENT_CLOSING_AT);
    if (rc == 0)
        rc = VFS(s, fdatasync, job->fd);
    free(index);
    return rc;
}

static int write_head(struct spool *s, const struct upkeep_job *job)
{
    char block[SEGMENT_HEAD_BYTES];
    segment_head_put(block, &job->head, s->salt);
    /* The other copy keeps the generation before, should this write be torn. */
    int rc = vfs_write_all(s->vfs, job->fd, block, sizeof block,
                           SEGMENT_HEAD_AT(job->head.generation % 2));
    return rc < 0 ? rc : VFS(s, fdatasync, job->fd);
}

/* Zeros over the whole length, so that later syncs have no size and no extents to write. It gets
 * its real name when it is whole and synced: a .seg without a head is damage. */
static int create_file(struct spool *s, struct upkeep_job *job)
{
    char name[SEGMENT_NAME_BYTES], new_name[SEGMENT_NAME_BYTES];
    segment_name(job->number, false, name);
    segment_name(job->number, true, new_name);
    static const char zeros[65536];
    int rc = job->fd = VFS(s, open, s->log_dir, new_name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (rc < 0)
        return rc;
    rc = 0;
    for (uint32_t at = 0; rc == 0 && at < job->bytes;) {
        size_t n = job->bytes - at < sizeof zeros ? job->bytes - at : sizeof zeros;
        rc = vfs_write_all(s->vfs, job->fd, zeros, n, at);
        at += (uint32_t)n;
    }
    if (rc == 0)
        rc = write_head(s, job);
    if (rc == 0)
        rc = VFS(s, rename, s->log_dir, new_name, s->log_dir, name);
    if (rc == 0)
        rc = VFS(s, fsync, s->log_dir);
    return rc;
}

static int create_run(struct spool *s, struct upkeep_job *job)
{
    int rc = create_file(s, job);
    if (rc < 0 && job->fd >= 0) {
        /* Whatever of it is there must not hold the space. */
        char name[SEGMENT_NAME_BYTES];
        if (VFS(s, close, job->fd) < 0)
            rc = -EIO;
        job->fd = -1;
        segment_name(job->number, true, name);
        int gone = VFS(s, unlink, s->log_dir, name);
        segment_name(job->number, false, name);
        if (gone == -ENOENT)
            gone = VFS(s, unlink, s->log_dir, name);
        if (gone < 0 && gone != -ENOENT)
            rc = gone;
    }
    return rc;
}

static int remove_run(struct spool *s, const struct upkeep_job *job)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(job->number, false, name);
    int rc = VFS(s, unlink, s->log_dir, name);
    return rc < 0 ? rc : VFS(s, fsync, s->log_dir);
}

static int unlink_run(struct spool *s, const struct upkeep_job *job)
{
    char name[BODY_NAME_BYTES];
    body_name(job->unlink_id, name);
    int rc = VFS(s, unlink, s->bodies_dir, name);
    return rc == -ENOENT ? 0 : rc;
}

void upkeep_run(struct spool *s)
{
    struct upkeep_job *job = &s->upkeep;
    switch (job->task) {
    case UPKEEP_CLOSE:
        job->result = close_run(s, job);
        break;
    case UPKEEP_CREATE:
        job->result = create_run(s, job);
        break;
    case UPKEEP_RECYCLE:
        job->result = write_head(s, job);
        break;
    case UPKEEP_REMOVE:
        job->result = remove_run(s, job);
        break;
    case UPKEEP_UNLINK:
        job->result = unlink_run(s, job);
        break;
    }
}

/* ---- on the owner's thread ---- */

static struct segment_head new_head(struct spool *s, uint32_t bytes)
{
    return (struct segment_head){
        .segment_bytes = bytes,
        .generation = s->next_generation++,
        .id_floor = s->next_id,
        .seq_floor = s->next_seq,
    };
}

static bool take_close(struct spool *s, struct upkeep_job *job)
{
    for (uint32_t i = 0; i < s->segment_room; i++) {
        struct segment *seg = s->segments[i];
        if (seg == NULL || !seg->is_close_due)
            continue;
        seg->is_close_due = false;
        job->task = UPKEEP_CLOSE;
        job->number = seg->number;
        job->fd = seg->fd;
        job->infos = seg->infos;
        seg->infos = (struct infos){0};
        job->closing = (struct segment_closing){
            .generation = seg->generation,
            .end = seg->end,
            .count = (uint32_t)job->infos.n,
            .first_seq = seg->first_seq,
            .last_seq = seg->last_seq,
        };
        return true;
    }
    return false;
}

/* Below the floor no spare is kept beyond those that are needed. */
static void trim_spares(struct spool *s)
{
    struct segment *newest = NULL;
    uint32_t spares = 0;
    for (uint32_t i = 0; i < s->segment_room; i++) {
        struct segment *seg = s->segments[i];
        if (seg == NULL || seg->state != SEGMENT_SPARE)
            continue;
        spares++;
        if (newest == NULL || seg->generation > newest->generation)
            newest = seg;
    }
    if (s->is_below_floor && spares > s->options.spares)
        newest->state = SEGMENT_RECYCLING;
}

static bool take_recycle(struct spool *s, struct upkeep_job *job)
{
    trim_spares(s);
    uint32_t wanted = s->options.spares + (s->is_below_floor ? 0 : SPARES_MORE);
    for (uint32_t i = 0; i < s->segment_room; i++) {
        struct segment *seg = s->segments[i];
        if (seg == NULL || seg->state != SEGMENT_RECYCLING)
            continue;
        bool is_kept =
            seg->bytes == s->options.segment_bytes && spool_count_state(s, SEGMENT_SPARE) < wanted;
        job->task = is_kept ? UPKEEP_RECYCLE : UPKEEP_REMOVE;
        job->number = seg->number;
        job->fd = seg->fd;
        if (is_kept)
            job->head = new_head(s, seg->bytes);
        return true;
    }
    return false;
}

static bool take_create(struct spool *s, struct upkeep_job *job)
{
    uint32_t spares = spool_count_state(s, SEGMENT_SPARE);
    if (spares >= s->options.spares)
        return false;
    /* The first two are needed to do anything at all; the floor is for what comes after. */
    if (spares > 0 && s->open != NULL) {
        (void)spool_has_room(s);
        if (s->is_below_floor) {
            s->is_create_failed = true;
            return false;
        }
    }
    uint32_t number = 0;
    while (segment_at(s, number) != NULL)
        number++;
    job->task = UPKEEP_CREATE;
    job->number = number;
    job->bytes = s->options.segment_bytes;
    job->head = new_head(s, job->bytes);
    return true;
}

static bool take_unlink(struct spool *s, struct upkeep_job *job)
{
    if (s->unlink.n == 0)
        return false;
    job->task = UPKEEP_UNLINK;
    job->unlink_id = s->unlink.p[--s->unlink.n];
    return true;
}

bool upkeep_take(struct spool *s)
{
    struct upkeep_job *job = &s->upkeep;
    if (job->is_taken)
        return false;
    clean_next(s);
    *job = (struct upkeep_job){.fd = -1};
    bool is_calm = s->now_ms >= s->upkeep_after_ms;
    job->is_taken = take_close(s, job) || take_recycle(s, job) ||
                    (is_calm && take_create(s, job)) || take_unlink(s, job);
    return job->is_taken;
}

/* There are spares again, made or given back. */
static void space_again(struct spool *s, uint32_t number)
{
    s->is_create_failed = false;
    spool_say(s, SPOOL_SPACE_AGAIN, number, 0, 0);
}

static void created(struct spool *s, struct upkeep_job *job)
{
    bool was_failed = s->is_create_failed;
    struct segment *seg = NULL;
    if (job->result == 0) {
        seg = segment_new(s, job->number, job->bytes);
        if (seg == NULL) {
            job->result = -ENOMEM;
            if (VFS(s, close, job->fd) < 0)
                spool_say(s, SPOOL_UPKEEP_FAILED, job->number, 0, -EIO);
        }
    }
    s->is_create_failed = was_failed || job->result < 0;
    if (seg != NULL) {
        seg->fd = job->fd;
        seg->generation = job->head.generation;
        seg->end = SEGMENT_FIRST;
        seg->state = SEGMENT_SPARE;
        if (was_failed)
            space_again(s, job->number);
        return;
    }
    s->upkeep_after_ms = s->now_ms + AFTER_FAILED_UPKEEP_MS;
    if (!was_failed)
        spool_say(s, SPOOL_NO_SPACE, job->number, 0, job->result);
}

/* While one is broken every outcome is kept (segment_exists), so nothing has to wait for it. */
static void set_broken(struct segment *seg)
{
    seg->state = SEGMENT_BROKEN;
    seg->is_leftover = false;
}

void upkeep_finish(struct spool *s)
{
    struct upkeep_job *job = &s->upkeep;
    struct segment *seg = segment_at(s, job->number);
    if (job->result < 0 && job->task != UPKEEP_CREATE)
        spool_say(s, SPOOL_UPKEEP_FAILED, job->number, 0, job->result);
    switch (job->task) {
    case UPKEEP_CLOSE:
        infos_release(&job->infos);
        seg->is_indexed = job->result == 0;
        /* Then it is scanned when it is read next, up to here. */
        if (job->result < 0 &&
            !gather_abandon(s, seg->number, seg->generation, seg->end, TABLE_NONE))
            abort();
        break;
    case UPKEEP_CREATE:
        created(s, job);
        break;
    case UPKEEP_RECYCLE:
        if (job->result < 0) {
            set_broken(seg);
            break;
        }
        seg->generation = job->head.generation;
        seg->state = SEGMENT_SPARE;
        seg->end = SEGMENT_FIRST;
        seg->count = 0;
        seg->is_indexed = seg->is_leftover = false;
        s->recycled++;
        if (s->is_create_failed && spool_count_state(s, SEGMENT_SPARE) >= s->options.spares)
            space_again(s, seg->number);
        break;
    case UPKEEP_REMOVE:
        if (job->result < 0) {
            set_broken(seg);
            break;
        }
        s->recycled++;
        segment_free(s, seg);
        break;
    case UPKEEP_UNLINK:
        break;
    }
    job->is_taken = false;
}
