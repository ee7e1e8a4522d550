/* Reading messages back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/crc32c.h"
#include "src/queue/spool_int.h"

int record_read(struct spool *s, struct place where, uint64_t id, enum record_kind kind,
                struct buf *into, slice *ret_payload)
{
    const struct segment *seg = segment_at(s, where.segment);
    size_t before = into->n;
    char *to = buf_reserve(into, where.bytes);
    if (seg == NULL || to == NULL)
        return seg == NULL ? -EINVAL : -ENOMEM;
    int rc = vfs_read_all(s->vfs, seg->fd, to, where.bytes, where.offset);
    if (rc < 0)
        return rc;
    into->n = before + where.bytes;
    struct record_head h;
    if (where.bytes < RECORD_HEAD_BYTES ||
        !record_head_get(to, s->salt, seg->generation, where.offset, &h) ||
        h.bytes != where.bytes || h.id != id || h.kind != kind)
        return -EBADMSG;
    slice payload = slice_of(to + RECORD_HEAD_BYTES, h.bytes - RECORD_HEAD_BYTES);
    if (crc32c(0, payload) != h.payload_crc)
        return -EBADMSG;
    *ret_payload = payload;
    return 0;
}

int entry_damaged(struct spool *s, struct entry *e, slice bytes)
{
    const struct segment *seg = segment_at(s, e->message.segment);
    s->damaged++;
    int rc = quarantine(s, seg->generation, seg->number, e->message.offset, bytes);
    spool_say(s, SPOOL_DAMAGED, seg->number, e->message.offset, rc);
    /* What could not be put aside stays in its segment. */
    if (rc == 0)
        rc = spool_done(s, e);
    return rc == 0 ? -EBADMSG : rc;
}

static int check_file(struct spool *s, int fd, const struct message_head *h)
{
    uint64_t bytes = 0;
    int rc = VFS(s, size, fd, &bytes);
    if (rc < 0)
        return rc;
    if (bytes != h->body_bytes)
        return -EBADMSG;
    char *block = malloc(65536);
    if (block == NULL)
        return -ENOMEM;
    uint32_t crc = 0;
    for (uint64_t at = 0; rc == 0 && at < bytes;) {
        size_t n = bytes - at < 65536 ? (size_t)(bytes - at) : 65536;
        rc = vfs_read_all(s->vfs, fd, block, n, at);
        crc = crc32c(crc, slice_of(block, rc < 0 ? 0 : n));
        at += n;
    }
    free(block);
    return rc < 0 ? rc : crc == h->file_crc ? 0 : -EBADMSG;
}

static int open_body(struct spool *s, struct entry *e, const struct message_head *h)
{
    char name[BODY_NAME_BYTES];
    body_name(e->id, name);
    int fd = VFS(s, open, s->bodies_dir, name, O_RDONLY, 0);
    if (fd < 0)
        return fd == -ENOENT ? -EBADMSG : fd;
    int rc = e->is_checked ? 0 : check_file(s, fd, h);
    if (rc == 0) {
        e->is_checked = true;
        return fd;
    }
    int closed = VFS(s, close, fd);
    return rc == -EBADMSG || closed == 0 ? rc : closed;
}

static int lost_body(struct spool *s, struct entry *e, slice record)
{
    /* The head, and what there is of the body, for a person. */
    char name[BODY_NAME_BYTES];
    body_name(e->id, name);
    int rc = VFS(s, rename, s->bodies_dir, name, s->quarantine_dir, name);
    spool_say(s, SPOOL_LOST_BODY, e->message.segment, e->message.offset, rc);
    return entry_damaged(s, e, record);
}

int spool_load(struct spool *s, struct entry *e, struct buf *into, struct spool_loaded *ret)
{
    buf_clear(into);
    slice state = {NULL, 0}, payload;
    struct message_head h;
    /* Room for both at once: a buf that grows moves what the first slice points to. */
    size_t both = (size_t)e->message.bytes + (e->state.segment == TABLE_NONE ? 0 : e->state.bytes);
    if (buf_reserve(into, both) == NULL)
        return -ENOMEM;
    int rc = record_read(s, e->message, e->id, RECORD_MESSAGE, into, &payload);
    if (rc == 0 && !message_head_get(payload, &h))
        rc = -EBADMSG;
    if (rc < 0)
        return rc == -EBADMSG ? entry_damaged(s, e, buf_slice(into)) : rc;
    if (e->state.segment != TABLE_NONE) {
        rc = record_read(s, e->state, e->id, RECORD_STATE, into, &state);
        if (rc == 0)
            state = slice_tail(state, STATE_HEAD_BYTES);
        else if (rc != -EBADMSG)
            return rc;
        else
            /* At worst somebody gets a message again. */
            spool_say(s, SPOOL_DAMAGED, e->state.segment, e->state.offset, 0);
    }
    int fd = -1;
    if (h.has_file) {
        fd = open_body(s, e, &h);
        if (fd == -EBADMSG)
            return lost_body(s, e,
                             slice_of(payload.p - RECORD_HEAD_BYTES,
                                      payload.n + RECORD_HEAD_BYTES));
        if (fd < 0)
            return fd;
    }
    slice rest = slice_tail(payload, MESSAGE_HEAD_BYTES);
    ret->envelope = slice_head(rest, h.envelope_bytes);
    rest = slice_tail(rest, h.envelope_bytes);
    ret->added = slice_head(rest, h.added_bytes);
    rest = slice_tail(rest, h.added_bytes);
    ret->header = slice_head(rest, h.header_bytes);
    ret->body = slice_tail(rest, h.header_bytes);
    ret->body_bytes = h.body_bytes;
    ret->state = state;
    ret->file = fd;
    return 0;
}
