/* The spool's insides, for its own files. The contract and the invariants are in spool.h. */
#ifndef CANDOR_QUEUE_SPOOL_INT_H
#define CANDOR_QUEUE_SPOOL_INT_H

#include "src/queue/spool.h"
#include "src/queue/spool_format.h"

/* What waits for one sync at most; more is -EBUSY. */
#define GATHER_MAX ((size_t)64 << 20)
/* A gathering buffer that grew beyond this is given back when it is empty. */
#define GATHER_KEEP ((size_t)4 << 20)
/* Message bytes copied forward between two groups. */
#define COPY_STEP ((size_t)256 << 10)
/* Spares above the number wanted that are kept instead of removed. */
#define SPARES_MORE 4
#define AFTER_FAILED_SYNC_MS 1000
#define AFTER_FAILED_UPKEEP_MS 5000
#define SPACE_ASK_MS 250

enum segment_state {
    SEGMENT_SPARE = 1, /* head of its generation is synced, no record */
    SEGMENT_OPEN,      /* groups go here */
    SEGMENT_CLOSED,
    SEGMENT_CLEANING,  /* what is still needed of it has been, or is being, written again */
    SEGMENT_RECYCLING, /* nothing is needed of it; the upkeep job has it */
    SEGMENT_BROKEN,    /* could not be recycled: stays until the next start */
};

struct infos {
    struct record_info *p;
    size_t n, room;
};

struct segment {
    enum segment_state state;
    uint32_t number; /* of its file, and its place in spool.segments */
    uint32_t bytes;
    uint64_t generation;
    int fd;
    uint32_t end;  /* synced records end here */
    uint32_t live; /* messages of the table that lie here */
    uint64_t live_bytes;
    uint32_t states; /* states of the table that lie here */
    uint32_t pins;   /* records on their way to the disk that replace or end what lies here */
    uint64_t first_seq, last_seq;
    uint32_t count;     /* of records */
    struct infos infos; /* of an open one, and of one that waits to be closed */
    bool is_close_due;
    bool is_indexed;     /* its closing is on the disk */
    uint64_t skip_until; /* not worth cleaning until so many segments have been recycled */
    bool is_leftover;    /* holds messages that were copied forward before a crash */
};

/* A record that is gathered or on its way. */
struct rec {
    uint8_t kind;
    bool is_copy; /* a message copied forward: from old */
    bool has_file;
    uint16_t attempts;
    uint32_t at; /* in the group's bytes */
    uint32_t bytes;
    uint32_t pin; /* a segment's number, TABLE_NONE */
    uint64_t id;
    uint64_t cookie;
    uint64_t when;
    uint64_t ref_generation;
    uint32_t ref_segment;
    struct place old;
};

struct group {
    struct buf bytes; /* records one behind the other, each rounded up; heads are filled when it
                         is known where they will lie */
    struct rec *recs;
    size_t n, room;
    size_t urgent; /* messages that somebody waits for */
};

struct commit_job {
    bool is_taken;
    struct group group;
    struct segment
        *segment; /* only fd, generation and number are read outside the owner's thread */
    int fd;
    uint64_t generation;
    uint32_t offset;
    uint64_t first_seq;
    int result;
};

enum upkeep_task { UPKEEP_CLOSE = 1, UPKEEP_CREATE, UPKEEP_RECYCLE, UPKEEP_REMOVE, UPKEEP_UNLINK };

struct upkeep_job {
    bool is_taken;
    enum upkeep_task task;
    uint32_t number;
    int fd;
    uint32_t bytes;
    struct segment_head head;       /* CREATE, RECYCLE */
    struct segment_closing closing; /* CLOSE */
    struct infos infos;             /* CLOSE */
    uint64_t unlink_id;
    int result;
};

/* A message with a body file on its way to bodies/. */
struct adopt {
    struct adopt *next;
    struct buf head; /* envelope, added, header */
    struct message_head numbers;
    uint64_t file, id, cookie;
    int result;
};

struct ids {
    uint64_t *p;
    size_t n, room;
};

struct spool {
    struct vfs *vfs;
    struct spool_options options;
    uint64_t salt;
    int lock_fd;
    int log_dir, incoming_dir, bodies_dir, quarantine_dir;

    struct segment **segments; /* by number; NULL: no such file */
    uint32_t segment_room;
    struct segment *open;
    struct table *table;

    struct group gather;
    struct commit_job commit;
    struct upkeep_job upkeep;
    struct adopt *adopt_first, **adopt_last, *adopting;
    bool adopt_is_taken;
    size_t reserved; /* messages gathered, on their way or being adopted: the table has room */

    struct segment *cleaning;
    struct infos clean_infos;
    size_t clean_at;
    uint64_t recycled; /* segments given back since start */
    struct ids unlink; /* body files that nothing needs any more */

    uint64_t next_generation, next_seq, next_id, next_file;
    uint64_t now_ms;
    uint64_t failed_until_ms, upkeep_after_ms, space_asked_ms;
    bool is_below_floor, is_create_failed, is_full_said;
    uint64_t groups, records, copied, torn, damaged;
};

#define VFS(s, call, ...) ((s)->vfs->ops->call((s)->vfs, __VA_ARGS__))

/* ---- spool.c ---- */
void spool_say(struct spool *s, enum spool_event event, uint32_t segment, uint64_t offset, int err);
bool infos_add(struct infos *list, const struct record_info *i);
void infos_release(struct infos *list);
bool ids_add(struct ids *list, uint64_t id);
struct segment *segment_at(const struct spool *s, uint32_t number);
/* A new one in its slot; NULL without memory. */
struct segment *segment_new(struct spool *s, uint32_t number, uint32_t bytes);
void segment_free(struct spool *s, struct segment *seg);
/* Does a segment with that number still carry that generation (or is that not certain)? */
bool segment_exists(const struct spool *s, uint32_t number, uint64_t generation);
uint32_t spool_count_state(const struct spool *s, enum segment_state state);
/* Name of a segment's file; to has 13 bytes. */
#define SEGMENT_NAME_BYTES 13
void segment_name(uint32_t number, bool is_new, char to[SEGMENT_NAME_BYTES]);
#define BODY_NAME_BYTES 14
void body_name(uint64_t id, char to[BODY_NAME_BYTES]);
/* Where entries lie changes only here, so the segments' counts are right. */
void entry_move_message(struct spool *s, struct entry *e, struct place to);
void entry_move_state(struct spool *s, struct entry *e, struct place to);
/* Keeps bytes that make no sense in quarantine/, synced. 0 or -errno. */
int quarantine(struct spool *s, uint64_t generation, uint32_t number, uint64_t offset, slice bytes);

/* ---- spool_scan.c ---- */
struct hole {
    uint32_t offset, end;
    uint64_t seq; /* of the first record that is missing */
};
struct scan {
    struct infos infos;
    struct hole *holes;
    size_t hole_count, hole_room;
};
void scan_release(struct scan *scan);
/* Finds every whole record between SEGMENT_FIRST and limit in all the segment's bytes. next_seq is
 * the number expected first. False without memory. */
bool scan_bytes(slice bytes, uint64_t salt, uint64_t generation, uint32_t limit, uint64_t next_seq,
                struct scan *ret);
/* The same from the file. 0 or -errno. */
int segment_scan(struct spool *s, const struct segment *seg, uint32_t limit, uint64_t next_seq,
                 struct scan *ret);
/* From the index; -EBADMSG when it is damaged. */
int segment_read_index(struct spool *s, const struct segment *seg,
                       const struct segment_closing *closing, struct infos *ret);
/* Every record of a segment that is not open, by index or scan. */
int segment_list(struct spool *s, const struct segment *seg, struct infos *ret);

/* ---- spool_recover.c ---- */
int spool_recover(struct spool *s);

/* ---- spool_group.c ---- */
void group_release(struct group *g);
/* Room for a record with a payload of n bytes at the end of what is gathered; the caller fills
 * payload. NULL without memory, or above GATHER_MAX when is_bounded. */
struct rec *gather_add(struct spool *s, enum record_kind kind, uint64_t id, size_t n,
                       bool is_bounded, char **ret_payload);
bool gather_done(struct spool *s, uint64_t id, struct place message, bool has_file);
bool gather_done_at(struct spool *s, uint64_t id, uint32_t segment, uint64_t generation,
                    uint32_t pin);
bool gather_abandon(struct spool *s, uint32_t segment, uint64_t generation, uint32_t end,
                    uint32_t pin);
/* heads: envelope, added, header, or all in the first. The body: inline, or read from body_fd when
 * that is not -1, or in its file already when numbers say so. */
int gather_message(struct spool *s, const struct message_head *numbers, const slice heads[3],
                   slice body, int body_fd, uint64_t id, uint64_t cookie);
bool commit_take(struct spool *s);
void commit_run(struct spool *s);
void commit_finish(struct spool *s);

/* ---- spool_upkeep.c ---- */
bool upkeep_take(struct spool *s);
void upkeep_run(struct spool *s);
void upkeep_finish(struct spool *s);

/* ---- spool_clean.c ---- */
/* Looks for a segment to give back, or goes on with the one that is being cleaned. */
void clean_next(struct spool *s);

/* ---- spool_file.c ---- */
bool adopt_take(struct spool *s);
void adopt_run(struct spool *s);
void adopt_finish(struct spool *s);
void adopt_free(struct adopt *a);

/* ---- spool_load.c ---- */
/* Reads one record whole and checks it. -EBADMSG: damaged. into is cleared first. */
int record_read(struct spool *s, struct place where, uint64_t id, enum record_kind kind,
                struct buf *into, slice *ret_payload);
/* Into quarantine with it, an event, and out of the queue: -EBADMSG, and e is gone. Otherwise it is
 * still there. */
int entry_damaged(struct spool *s, struct entry *e, slice bytes);

#endif
