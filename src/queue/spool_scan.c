/* Reading what a segment holds: by its index, or record by record where there is none. */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/crc32c.h"
#include "src/queue/spool_int.h"

void scan_release(struct scan *scan)
{
    infos_release(&scan->infos);
    free(scan->holes);
    *scan = (struct scan){0};
}

static bool add_hole(struct scan *scan, uint32_t offset, uint32_t end, uint64_t seq)
{
    if (scan->hole_count == scan->hole_room) {
        size_t room = scan->hole_room == 0 ? 8 : scan->hole_room * 2;
        struct hole *p = realloc(scan->holes, room * sizeof *p);
        if (p == NULL)
            return false;
        scan->holes = p;
        scan->hole_room = room;
    }
    scan->holes[scan->hole_count++] = (struct hole){offset, end, seq};
    return true;
}

/* A whole record at this offset, payload and all. */
static bool take_record(slice bytes, uint64_t salt, uint64_t generation, uint32_t offset,
                        uint32_t limit, struct record_info *ret)
{
    struct record_head h;
    if (limit - offset < RECORD_HEAD_BYTES ||
        !record_head_get(bytes.p + offset, salt, generation, offset, &h) ||
        h.bytes > limit - offset)
        return false;
    slice payload = slice_of(bytes.p + offset + RECORD_HEAD_BYTES, h.bytes - RECORD_HEAD_BYTES);
    return crc32c(0, payload) == h.payload_crc && record_info_get(&h, payload, offset, ret);
}

/* What lies between two whole records is a hole: bytes that were a record, or were to become one.
 * The caller knows what was synced and judges. What follows the last one is no hole, only room. */
bool scan_bytes(slice bytes, uint64_t salt, uint64_t generation, uint32_t limit, uint64_t next_seq,
                struct scan *ret)
{
    if (limit > bytes.n)
        limit = (uint32_t)bytes.n;
    uint32_t hole = 0;
    for (uint32_t offset = SEGMENT_FIRST; offset < limit;) {
        struct record_info i;
        if (!take_record(bytes, salt, generation, offset, limit, &i)) {
            if (hole == 0)
                hole = offset;
            offset += RECORD_ALIGN;
            continue;
        }
        if (hole != 0 && !add_hole(ret, hole, offset, next_seq))
            return false;
        hole = 0;
        if (!infos_add(&ret->infos, &i))
            return false;
        next_seq = i.seq + 1;
        offset += record_round(i.bytes);
    }
    return true;
}

int segment_scan(struct spool *s, const struct segment *seg, uint32_t limit, uint64_t next_seq,
                 struct scan *ret)
{
    char *bytes = malloc(seg->bytes);
    if (bytes == NULL)
        return -ENOMEM;
    int rc = vfs_read_all(s->vfs, seg->fd, bytes, seg->bytes, 0);
    if (rc == 0 &&
        !scan_bytes(slice_of(bytes, seg->bytes), s->salt, seg->generation, limit, next_seq, ret))
        rc = -ENOMEM;
    free(bytes);
    return rc;
}

int segment_read_index(struct spool *s, const struct segment *seg,
                       const struct segment_closing *closing, struct infos *ret)
{
    size_t n = (size_t)closing->count * INDEX_ENTRY_BYTES;
    if (closing->end < SEGMENT_FIRST || closing->end > seg->bytes || n > seg->bytes - closing->end)
        return -EBADMSG;
    if (n == 0)
        return 0;
    char *bytes = malloc(n);
    if (bytes == NULL)
        return -ENOMEM;
    int rc = vfs_read_all(s->vfs, seg->fd, bytes, n, closing->end);
    if (rc == 0 && crc32c(0, slice_of(bytes, n)) != closing->index_crc)
        rc = -EBADMSG;
    for (size_t at = 0; rc == 0 && at < n; at += INDEX_ENTRY_BYTES) {
        struct record_info i;
        if (!index_entry_get(bytes + at, closing->first_seq, &i) || i.offset < SEGMENT_FIRST ||
            i.offset > closing->end || i.bytes > closing->end - i.offset)
            rc = -EBADMSG;
        else if (!infos_add(ret, &i))
            rc = -ENOMEM;
    }
    free(bytes);
    return rc;
}

int segment_list(struct spool *s, const struct segment *seg, struct infos *ret)
{
    char block[SEGMENT_CLOSING_BYTES];
    struct segment_closing closing;
    int rc = -EBADMSG;
    if (seg->is_indexed) {
        rc = vfs_read_all(s->vfs, seg->fd, block, sizeof block, SEGMENT_CLOSING_AT);
        if (rc == 0)
            rc = segment_closing_get(block, s->salt, &closing) &&
                         closing.generation == seg->generation
                     ? segment_read_index(s, seg, &closing, ret)
                     : -EBADMSG;
    }
    if (rc != -EBADMSG)
        return rc;
    struct scan scan = {0};
    infos_release(ret);
    rc = segment_scan(s, seg, seg->end, seg->first_seq, &scan);
    if (rc == 0) {
        *ret = scan.infos;
        scan.infos = (struct infos){0};
    }
    scan_release(&scan);
    return rc;
}
