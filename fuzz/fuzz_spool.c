/* A spool whose files hold anything: it opens or says why not, what it gives back can be read or is
 * put aside, and it takes mail again.
 *
 * The input is a run of edits on a small sound spool: {u8 what, u8 segment, u16 offset, u8 n, n
 * bytes}, little-endian. Besides plain bytes an edit can be a record's head, a closing or a head of
 * the segment with its CRC put right, so that the search gets behind the CRCs. */
#include <fcntl.h>

#include "fuzz/fuzz.h"
#include "lib/base/crc32c.h"
#include "lib/base/le.h"
#include "src/queue/spool.h"
#include "src/queue/spool_format.h"
#include "sys/vfs_mem.h"

#define SALT UINT64_C(0x1122334455667788)
#define MESSAGES 6
#define IDS_MAX 4096

static void on_committed(void *owner, uint64_t cookie, int result, uint64_t id)
{
    int *acked = owner;
    (void)cookie;
    *acked += result == 0 && id != 0;
}

static void on_event(void *owner, enum spool_event event, uint32_t segment, uint64_t offset,
                     int err)
{
    (void)owner, (void)event, (void)segment, (void)offset, (void)err;
}

static int open_spool(struct vfs_mem *m, int *acked, struct spool **ret)
{
    const struct spool_options options = {
        .vfs = vfs_mem_vfs(m),
        .dir = vfs_mem_root(m),
        .segment_bytes = SPOOL_SEGMENT_MIN,
        .spares = 2,
        .random = SALT,
        .listener = {on_committed, on_event, acked},
    };
    return spool_open(&options, 1750000000000, ret);
}

static void work(struct spool *s)
{
    bool any = true;
    for (int round = 0; any && round < 1000; round++) {
        any = false;
        for (int lane = 0; lane < SPOOL_LANES; lane++)
            if (spool_job_take(s, (enum spool_lane)lane, 1750000000000)) {
                spool_job_run(s, (enum spool_lane)lane);
                spool_job_finish(s, (enum spool_lane)lane);
                any = true;
            }
    }
}

static void give(struct spool *s)
{
    const struct spool_message message = {.envelope = SLICE_LIT("envelope"),
                                          .added = SLICE_LIT("Received: x\r\n"),
                                          .header = SLICE_LIT("Subject: y\r\n\r\n"),
                                          .body = SLICE_LIT("some text\r\n"),
                                          .body_bytes = 11,
                                          .fd = -1};
    FUZZ_CHECK(spool_commit(s, &message, 1750000000000, 0) == 0);
    work(s);
}

/* Six messages in two segments, one done, one with a state. */
static void make(struct vfs_mem *m)
{
    int acked = 0;
    struct spool *s;
    for (int life = 0; life < 2; life++) {
        FUZZ_CHECK(open_spool(m, &acked, &s) == 0);
        for (int i = 0; i < MESSAGES / 2; i++)
            give(s);
        if (life == 0) {
            FUZZ_CHECK(spool_done(s, table_at(spool_table(s), 1)) == 0);
            FUZZ_CHECK(spool_state(s, table_at(spool_table(s), 0), 3, 5, SLICE_LIT("state")) == 0);
            work(s);
        }
        spool_close(s);
    }
    FUZZ_CHECK(acked == MESSAGES);
}

struct edit {
    unsigned what;
    uint32_t offset;
    char bytes[256];
    size_t n;
};

static void seal_record(struct edit *e, uint64_t generation)
{
    /* bytes: what a head holds, and a payload behind it */
    struct record_head h = {
        .bytes = (uint32_t)e->n < RECORD_HEAD_BYTES ? RECORD_HEAD_BYTES : (uint32_t)e->n,
        .kind = (uint8_t)e->bytes[8],
        .group = (uint32_t)le_get(e->bytes + 12, 2),
        .seq = le_get(e->bytes + 16, 2),
        .id = le_get(e->bytes + 24, 8),
    };
    h.payload_crc = crc32c(0, slice_of(e->bytes + RECORD_HEAD_BYTES, h.bytes - RECORD_HEAD_BYTES));
    e->n = h.bytes;
    e->offset = e->offset / RECORD_ALIGN * RECORD_ALIGN;
    record_head_put(e->bytes, &h, SALT, generation, e->offset);
}

static void seal_block(struct edit *e, uint64_t generation)
{
    struct segment_closing closing = {
        .generation = generation + ((unsigned)e->bytes[0] & 1),
        .end = (uint32_t)le_get(e->bytes + 1, 4),
        .count = (uint32_t)le_get(e->bytes + 5, 4),
        .index_crc = (uint32_t)le_get(e->bytes + 9, 4),
        .first_seq = le_get(e->bytes + 13, 8),
        .last_seq = le_get(e->bytes + 21, 8),
    };
    struct segment_head head = {
        .segment_bytes =
            (e->bytes[1] & 1) != 0 ? SPOOL_SEGMENT_MIN : (uint32_t)le_get(e->bytes + 1, 4),
        .generation = le_get(e->bytes + 5, 8),
        .id_floor = le_get(e->bytes + 13, 8),
        .seq_floor = le_get(e->bytes + 21, 8),
    };
    if (e->what == 2) {
        segment_closing_put(e->bytes, &closing, SALT);
        e->offset = SEGMENT_CLOSING_AT;
    } else {
        segment_head_put(e->bytes, &head, SALT);
        e->offset = SEGMENT_HEAD_AT(e->offset & 1);
    }
    e->n = 64;
}

static void apply(struct vfs_mem *m, unsigned segment, struct edit *e)
{
    struct vfs *v = vfs_mem_vfs(m);
    char name[] = "00000000.seg";
    name[7] = (char)('0' + segment % 4);
    int dir = v->ops->open(v, vfs_mem_root(m), "log", O_RDONLY | O_DIRECTORY, 0);
    int fd = v->ops->open(v, dir, name, O_RDWR, 0);
    char block[SEGMENT_HEAD_BYTES];
    struct segment_head head = {.generation = 1}, other;
    if (fd >= 0) {
        for (int copy = 0; copy < 2; copy++)
            if (vfs_read_all(v, fd, block, sizeof block, SEGMENT_HEAD_AT(copy)) == 0 &&
                segment_head_get(block, SALT, &other))
                head = other;
        if (e->what == 1)
            seal_record(e, head.generation);
        else if (e->what == 2 || e->what == 3)
            seal_block(e, head.generation);
        FUZZ_CHECK(vfs_write_all(v, fd, e->bytes, e->n, e->offset % SPOOL_SEGMENT_MIN) == 0);
        (void)v->ops->close(v, fd);
    }
    (void)v->ops->close(v, dir);
}

static int collect(void *owner, struct entry *e)
{
    uint64_t *ids = owner;
    if (ids[0] == IDS_MAX)
        return 1;
    ids[++ids[0]] = e->id;
    return 0;
}

static void use(struct vfs_mem *m, struct spool *s)
{
    static uint64_t ids[IDS_MAX + 1];
    struct vfs *v = vfs_mem_vfs(m);
    struct buf into;
    buf_init(&into, SPOOL_SEGMENT_MAX);
    ids[0] = 0;
    (void)spool_each(s, collect, ids);
    for (uint64_t i = 1; i <= ids[0]; i++) {
        struct spool_loaded loaded;
        struct entry *e = spool_find(s, ids[i]);
        if (e == NULL || spool_load(s, e, &into, &loaded) != 0)
            continue;
        if (loaded.file >= 0)
            (void)v->ops->close(v, loaded.file);
        if (i % 2)
            FUZZ_CHECK(spool_done(s, e) == 0);
    }
    buf_release(&into);
    work(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vfs_mem *m = vfs_mem_new();
    make(m);
    for (slice rest = slice_of(data, n); rest.n >= 5;) {
        struct edit e = {.what = (unsigned char)rest.p[0] % 4,
                         .offset = (uint32_t)le_get(rest.p + 2, 2),
                         .n = (unsigned char)rest.p[4]};
        unsigned segment = (unsigned char)rest.p[1];
        rest = slice_tail(rest, 5);
        if (e.n > rest.n)
            e.n = rest.n;
        if (e.n > 0)
            memcpy(e.bytes, rest.p, e.n);
        rest = slice_tail(rest, e.n);
        apply(m, segment, &e);
    }
    struct spool *s;
    int acked = 0;
    if (open_spool(m, &acked, &s) == 0) {
        use(m, s);
        spool_close(s);
        /* What it made of it is sound. */
        FUZZ_CHECK(open_spool(m, &acked, &s) == 0);
        spool_close(s);
    }
    vfs_mem_free(m);
    return 0;
}
