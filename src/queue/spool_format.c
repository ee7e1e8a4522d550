#include "src/queue/spool_format.h"

#include "lib/base/crc32c.h"
#include "lib/base/le.h"

#define HEAD_MAGIC UINT64_C(0x31474553444e4143)    /* "CANDSEG1" */
#define CLOSING_MAGIC UINT64_C(0x31444e45444e4143) /* "CANDEND1" */

static uint32_t crc_with_salt(uint64_t salt, const char *p, size_t n)
{
    char seed[8];
    le_put(seed, 8, salt);
    return crc32c(crc32c(0, slice_of(seed, sizeof seed)), slice_of(p, n));
}

/* Both blocks: {u64 magic, numbers, zeros, u32 CRC of all before it}. */
static void seal(char *block, size_t n, uint64_t salt)
{
    le_put(block + n - 4, 4, crc_with_salt(salt, block, n - 4));
}

static bool is_sealed(const char *block, size_t n, uint64_t salt, uint64_t magic)
{
    return le_get(block, 8) == magic &&
           le_get(block + n - 4, 4) == crc_with_salt(salt, block, n - 4);
}

void segment_head_put(char to[SEGMENT_HEAD_BYTES], const struct segment_head *h, uint64_t salt)
{
    memset(to, 0, SEGMENT_HEAD_BYTES);
    le_put(to, 8, HEAD_MAGIC);
    le_put(to + 8, 4, h->segment_bytes);
    le_put(to + 16, 8, h->generation);
    le_put(to + 24, 8, h->id_floor);
    le_put(to + 32, 8, h->seq_floor);
    seal(to, SEGMENT_HEAD_BYTES, salt);
}

bool segment_head_get(const char from[SEGMENT_HEAD_BYTES], uint64_t salt, struct segment_head *ret)
{
    if (!is_sealed(from, SEGMENT_HEAD_BYTES, salt, HEAD_MAGIC))
        return false;
    ret->segment_bytes = (uint32_t)le_get(from + 8, 4);
    ret->generation = le_get(from + 16, 8);
    ret->id_floor = le_get(from + 24, 8);
    ret->seq_floor = le_get(from + 32, 8);
    return ret->generation != 0;
}

void segment_closing_put(char to[SEGMENT_CLOSING_BYTES], const struct segment_closing *c,
                         uint64_t salt)
{
    memset(to, 0, SEGMENT_CLOSING_BYTES);
    le_put(to, 8, CLOSING_MAGIC);
    le_put(to + 8, 8, c->generation);
    le_put(to + 16, 4, c->end);
    le_put(to + 20, 4, c->count);
    le_put(to + 24, 4, c->index_crc);
    le_put(to + 32, 8, c->first_seq);
    le_put(to + 40, 8, c->last_seq);
    seal(to, SEGMENT_CLOSING_BYTES, salt);
}

bool segment_closing_get(const char from[SEGMENT_CLOSING_BYTES], uint64_t salt,
                         struct segment_closing *ret)
{
    if (!is_sealed(from, SEGMENT_CLOSING_BYTES, salt, CLOSING_MAGIC))
        return false;
    ret->generation = le_get(from + 8, 8);
    ret->end = (uint32_t)le_get(from + 16, 4);
    ret->count = (uint32_t)le_get(from + 20, 4);
    ret->index_crc = (uint32_t)le_get(from + 24, 4);
    ret->first_seq = le_get(from + 32, 8);
    ret->last_seq = le_get(from + 40, 8);
    return true;
}

/* {u32 CRC, u32 bytes, u8 kind, 3 of 0, u32 group, u64 seq, u64 id, u32 CRC of the payload, u32 0}
 */
static uint32_t record_crc(const char *head, uint64_t salt, uint64_t generation, uint32_t offset)
{
    char seed[20];
    le_put(seed, 8, salt);
    le_put(seed + 8, 8, generation);
    le_put(seed + 16, 4, offset);
    return crc32c(crc32c(0, slice_of(seed, sizeof seed)),
                  slice_of(head + 4, RECORD_HEAD_BYTES - 4));
}

void record_head_put(char to[RECORD_HEAD_BYTES], const struct record_head *h, uint64_t salt,
                     uint64_t generation, uint32_t offset)
{
    memset(to, 0, RECORD_HEAD_BYTES);
    le_put(to + 4, 4, h->bytes);
    le_put(to + 8, 1, h->kind);
    le_put(to + 12, 4, h->group);
    le_put(to + 16, 8, h->seq);
    le_put(to + 24, 8, h->id);
    le_put(to + 32, 4, h->payload_crc);
    le_put(to, 4, record_crc(to, salt, generation, offset));
}

bool record_head_get(const char from[RECORD_HEAD_BYTES], uint64_t salt, uint64_t generation,
                     uint32_t offset, struct record_head *ret)
{
    /* What cannot be one is seen without a CRC: a scan asks at every 32 bytes. */
    unsigned kind = (unsigned char)from[8];
    if (kind == 0 || kind > RECORD_KIND_MAX || le_get(from + 9, 3) != 0 ||
        le_get(from + 36, 4) != 0 || le_get(from + 4, 4) < RECORD_HEAD_BYTES ||
        le_get(from, 4) != record_crc(from, salt, generation, offset))
        return false;
    ret->bytes = (uint32_t)le_get(from + 4, 4);
    ret->kind = (uint8_t)kind;
    ret->group = (uint32_t)le_get(from + 12, 4);
    ret->seq = le_get(from + 16, 8);
    ret->id = le_get(from + 24, 8);
    ret->payload_crc = (uint32_t)le_get(from + 32, 4);
    return true;
}

void index_entry_put(char to[INDEX_ENTRY_BYTES], const struct record_info *i, uint64_t first_seq)
{
    memset(to, 0, INDEX_ENTRY_BYTES);
    le_put(to, 1, i->kind);
    le_put(to + 1, 1, i->has_file);
    le_put(to + 2, 2, i->attempts);
    le_put(to + 4, 4, i->offset);
    le_put(to + 8, 4, i->bytes);
    le_put(to + 12, 4, i->seq - first_seq);
    le_put(to + 16, 8, i->id);
    le_put(to + 24, 8, i->when);
    le_put(to + 32, 8, i->ref_generation);
    le_put(to + 40, 4, i->ref_segment);
}

bool index_entry_get(const char from[INDEX_ENTRY_BYTES], uint64_t first_seq,
                     struct record_info *ret)
{
    unsigned kind = (unsigned char)from[0];
    if (kind == 0 || kind > RECORD_KIND_MAX)
        return false;
    *ret = (struct record_info){
        .kind = (uint8_t)kind,
        .has_file = from[1] != 0,
        .attempts = (uint16_t)le_get(from + 2, 2),
        .offset = (uint32_t)le_get(from + 4, 4),
        .bytes = (uint32_t)le_get(from + 8, 4),
        .seq = first_seq + le_get(from + 12, 4),
        .id = le_get(from + 16, 8),
        .when = le_get(from + 24, 8),
        .ref_generation = le_get(from + 32, 8),
        .ref_segment = (uint32_t)le_get(from + 40, 4),
    };
    return true;
}

void message_head_put(char to[MESSAGE_HEAD_BYTES], const struct message_head *h)
{
    memset(to, 0, MESSAGE_HEAD_BYTES);
    le_put(to, 4, h->envelope_bytes);
    le_put(to + 4, 4, h->added_bytes);
    le_put(to + 8, 4, h->header_bytes);
    le_put(to + 12, 4, h->has_file);
    le_put(to + 16, 8, h->body_bytes);
    le_put(to + 24, 8, h->next_try_ms);
    le_put(to + 32, 4, h->file_crc);
}

bool message_head_get(slice payload, struct message_head *ret)
{
    if (payload.n < MESSAGE_HEAD_BYTES)
        return false;
    const char *p = payload.p;
    struct message_head h = {
        .envelope_bytes = (uint32_t)le_get(p, 4),
        .added_bytes = (uint32_t)le_get(p + 4, 4),
        .header_bytes = (uint32_t)le_get(p + 8, 4),
        .has_file = le_get(p + 12, 4) != 0,
        .body_bytes = le_get(p + 16, 8),
        .next_try_ms = le_get(p + 24, 8),
        .file_crc = (uint32_t)le_get(p + 32, 4),
    };
    uint64_t heads =
        (uint64_t)MESSAGE_HEAD_BYTES + h.envelope_bytes + h.added_bytes + h.header_bytes;
    if (heads > payload.n ||
        (h.has_file ? payload.n - heads != 0 : payload.n - heads != h.body_bytes))
        return false;
    *ret = h;
    return true;
}

bool record_info_get(const struct record_head *h, slice payload, uint32_t offset,
                     struct record_info *ret)
{
    struct record_info i = {.kind = h->kind,
                            .offset = offset,
                            .bytes = h->bytes,
                            .group = h->group,
                            .seq = h->seq,
                            .id = h->id};
    struct message_head m;
    switch ((enum record_kind)h->kind) {
    case RECORD_MESSAGE:
        if (h->id == 0 || !message_head_get(payload, &m))
            return false;
        i.has_file = m.has_file;
        i.when = m.next_try_ms;
        break;
    case RECORD_STATE:
        if (payload.n < STATE_HEAD_BYTES)
            return false;
        i.when = le_get(payload.p, 8);
        i.attempts = (uint16_t)le_get(payload.p + 8, 2);
        break;
    case RECORD_ABANDON:
    case RECORD_DONE:
        if (payload.n != DONE_BYTES)
            return false;
        i.ref_generation = le_get(payload.p, 8);
        i.ref_segment = (uint32_t)le_get(payload.p + 8, 4);
        i.when = le_get(payload.p + 12, 4);
        break;
    }
    *ret = i;
    return true;
}
