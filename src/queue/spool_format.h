/* spool_format: the bytes of a segment. Pure.
 *
 *   0     head, copy A    {magic, format, size, generation, id and seq floors, CRC}   one of the
 *   512   head, copy B    two is valid at any moment; the higher generation counts
 *   1024  closing         {magic, generation, end, index}; absent while the segment is open
 *   4096  records, each at a multiple of 32:
 *           head 40 bytes {CRC, length, kind, place in its group, seq, id, CRC of the payload}
 *           payload
 *   end   index: an entry of 48 bytes for each record, CRC in the closing
 *
 * Every CRC of a record's head begins with the spool's salt, the segment's generation and the
 * record's offset: bytes of an older generation, of another place, or made up by somebody who sends
 * us mail, do not pass. The head guards the payload by the CRC that it holds.
 *
 * All numbers little-endian. */
#ifndef CANDOR_QUEUE_SPOOL_FORMAT_H
#define CANDOR_QUEUE_SPOOL_FORMAT_H

#include "lib/base/slice.h"

#define SEGMENT_HEAD_AT(copy) ((uint32_t)(copy)*512)
#define SEGMENT_HEAD_BYTES 64
#define SEGMENT_CLOSING_AT 1024
#define SEGMENT_CLOSING_BYTES 64
#define SEGMENT_FIRST 4096
#define RECORD_ALIGN 32
#define RECORD_HEAD_BYTES 40
#define INDEX_ENTRY_BYTES 48

enum record_kind {
    RECORD_MESSAGE = 1, /* {MESSAGE_HEAD_BYTES of numbers, envelope, added, header, body} */
    RECORD_STATE = 2,   /* {u64 next try, u16 attempts, 6 of 0, the scheduler's bytes} */
    RECORD_DONE = 3,    /* {u64 generation, u32 segment, u32 0}: where its message lies */
    RECORD_ABANDON = 4, /* {u64 generation, u32 segment, u32 end}: nothing after end counts */
};
#define RECORD_KIND_MAX 4
#define MESSAGE_HEAD_BYTES 40
#define STATE_HEAD_BYTES 16
#define DONE_BYTES 16
#define ABANDON_BYTES 16

static inline uint32_t record_round(uint32_t bytes)
{
    return (bytes + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

struct segment_head {
    uint32_t segment_bytes;
    uint64_t generation; /* from 1 */
    uint64_t id_floor;   /* every id before it may have been given out */
    uint64_t seq_floor;
};

void segment_head_put(char to[SEGMENT_HEAD_BYTES], const struct segment_head *h, uint64_t salt);
bool segment_head_get(const char from[SEGMENT_HEAD_BYTES], uint64_t salt, struct segment_head *ret);

struct segment_closing {
    uint64_t generation;
    uint32_t end;   /* of the records; the index begins here */
    uint32_t count; /* of index entries */
    uint32_t index_crc;
    uint64_t first_seq, last_seq;
};

void segment_closing_put(char to[SEGMENT_CLOSING_BYTES], const struct segment_closing *c,
                         uint64_t salt);
bool segment_closing_get(const char from[SEGMENT_CLOSING_BYTES], uint64_t salt,
                         struct segment_closing *ret);

struct record_head {
    uint32_t bytes; /* head and payload, without what rounds it up */
    uint8_t kind;
    uint32_t group; /* records before it in its group */
    uint64_t seq;
    uint64_t id;
    uint32_t payload_crc;
};

void record_head_put(char to[RECORD_HEAD_BYTES], const struct record_head *h, uint64_t salt,
                     uint64_t generation, uint32_t offset);
bool record_head_get(const char from[RECORD_HEAD_BYTES], uint64_t salt, uint64_t generation,
                     uint32_t offset, struct record_head *ret);

/* A record without its bytes: an index entry, and what a scan finds. */
struct record_info {
    uint8_t kind;
    bool has_file;
    uint16_t attempts;
    uint32_t offset;
    uint32_t bytes;
    uint32_t group; /* not in the index */
    uint64_t seq;
    uint64_t id;
    uint64_t when; /* next try; for ABANDON the end */
    uint64_t ref_generation;
    uint32_t ref_segment;
};

void index_entry_put(char to[INDEX_ENTRY_BYTES], const struct record_info *i, uint64_t first_seq);
bool index_entry_get(const char from[INDEX_ENTRY_BYTES], uint64_t first_seq,
                     struct record_info *ret);

/* The numbers before a message's bytes. */
struct message_head {
    uint32_t envelope_bytes, added_bytes, header_bytes;
    bool has_file;
    uint64_t body_bytes;
    uint64_t next_try_ms;
    uint32_t file_crc;
};

void message_head_put(char to[MESSAGE_HEAD_BYTES], const struct message_head *h);
/* False when the lengths do not agree with the payload's. */
bool message_head_get(slice payload, struct message_head *ret);

/* From a record whose CRCs were right. False when the payload is not what its kind promises. */
bool record_info_get(const struct record_head *h, slice payload, uint32_t offset,
                     struct record_info *ret);

#endif
