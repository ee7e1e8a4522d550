/* spool: where accepted mail is kept until it has been delivered. A log of segments.
 *
 * Invariants (who keeps each stands in brackets):
 *  1. Nothing is acknowledged before an fdatasync that began after its bytes were written has
 *     returned 0; a body in a file of its own is also renamed and its directory synced before.
 *     [spool_job_run, spool_job_finish, adopt_run]
 *  2. One fdatasync serves everybody who waits; while it runs, the next group gathers. It never
 *     runs on the thread that owns the spool. [spool_job_take]
 *  3. Segments are pre-written and recycled, so a sync changes no size. A record carries length,
 *     kind, sequence number and CRC-32C, seeded with the segment's generation and the record's
 *     offset, so old bytes never pass for new. A closed segment ends in an index; recovery reads
 *     indexes and the open segment. Bodies are checked when used. [spool_format.h, spool_scan.c]
 *  4. A torn tail after the last synced record is cut off. A bad record before a synced one is
 *     damage: kept in quarantine/, alarmed, and everything else goes on. [segment_scan]
 *  5. A failed write or sync is never repeated as if it had not happened: the segment is abandoned,
 *     the next one begins by saying where the good part ended. [group_failed]
 *  6. What became of a message is a record too, synced before what it speaks of is recycled. A
 *     crash may repeat a delivery, never lose one. [pins in struct segment]
 *  7. A segment whose messages are all done is recycled; a few old messages are copied forward so
 *     that they hold no segment. What is copied is synced before the old place is given up, and one
 *     segment is cleaned at a time, older leftovers first. [clean_next]
 *  8. Every system call goes through sys/vfs.
 *  9. A full disk is -ENOSPC to the message that came, never an end: a floor of free space is kept,
 *     the last spare segment is kept for outcomes and copies. [spool_commit, group_rotate]
 *
 * A segment's life:
 *
 *             create_run                group_rotate              close_run
 *   (no file) ----------> SPARE --------------------------> OPEN ----------> CLOSED
 *                          ^  \ remove_run: too many          \                |
 *                          |   `--> (no file)     group_failed \               | clean_next
 *               recycle_run|                                    `-> CLOSED     v
 *                          `--------------------------------------------- CLEANING
 *                                         (header of the next generation did not sync: BROKEN,
 *                                          left alone until the next start)
 *
 * A message's life:
 *
 *   spool_commit -> gathered -> spool_job_run -> spool_job_finish -> committed(0): waiting
 *                                   \ failed: committed(-errno), nothing kept, in doubt on disk
 *   waiting -- spool_state: a new attempt count, next try, outcomes --> waiting
 *   waiting -- spool_done --> gone; its segment is pinned until that is synced
 *
 * Threads: all functions belong to the thread that owns the spool, but spool_job_run, which may run
 * anywhere and touches nothing but its job. At most one job a lane at a time. Nothing here starts a
 * thread or reads a clock, so a test drives it in one. */
#ifndef CANDOR_QUEUE_SPOOL_H
#define CANDOR_QUEUE_SPOOL_H

#include "lib/base/buf.h"
#include "src/queue/table.h"
#include "sys/vfs.h"

/* A newer program reads older formats; an older one refuses a newer. */
#define SPOOL_FORMAT 1
#define SPOOL_SEGMENT_MIN ((uint32_t)1 << 15)
#define SPOOL_SEGMENT_DEFAULT ((uint32_t)1 << 24)
#define SPOOL_SEGMENT_MAX ((uint32_t)1 << 28)
/* A body up to this may be given inline or by descriptor; above it needs a file. Smaller where
 * segments are: a quarter of one. */
#define SPOOL_INLINE_MAX ((uint32_t)1 << 20)

struct spool;

enum spool_event {
    SPOOL_TORN = 1,    /* an unfinished group was cut off at start: normal after a crash */
    SPOOL_DAMAGED,     /* bytes that were synced cannot be read back: kept in quarantine/ */
    SPOOL_LOST_BODY,   /* a message's body file is gone or differs */
    SPOOL_SYNC_FAILED, /* a write or sync failed: the segment is abandoned */
    SPOOL_NO_SPACE,    /* no segment can be made, or the floor is reached; once until it is over */
    SPOOL_SPACE_AGAIN,
    SPOOL_UPKEEP_FAILED /* closing, recycling or removing failed; goes on without */
};

/* What the owner hears. Called only from spool_open, spool_load, spool_commit, spool_job_take and
 * spool_job_finish. */
struct spool_listener {
    /* Exactly once for each spool_commit that returned 0. result 0: it is safe, and id is its
     * number; else -errno and nothing is kept. cookie is the caller's. */
    void (*committed)(void *owner, uint64_t cookie, int result, uint64_t id);
    /* segment and offset say where, where that means something; err is 0 or -errno. */
    void (*event)(void *owner, enum spool_event event, uint32_t segment, uint64_t offset, int err);
    void *owner;
};

struct spool_options {
    struct vfs *vfs;
    int dir;                /* the spool's directory, open; the caller's, must outlive the spool */
    uint32_t segment_bytes; /* a power of two within SPOOL_SEGMENT_MIN and _MAX */
    uint32_t spares;        /* segments to keep ready; at least 2 */
    uint64_t floor_bytes;   /* free space and inodes below which no message is taken */
    uint64_t floor_inodes;
    uint64_t random; /* used once, when the spool is made: the salt of its CRCs */
    struct spool_listener listener;
};

struct spool_stats {
    uint64_t messages;      /* waiting */
    uint64_t message_bytes; /* of their records and body files */
    uint64_t segments;      /* in use, not spare */
    uint64_t spares;
    uint64_t groups;        /* synced since start */
    uint64_t records;       /* synced since start */
    uint64_t copied;        /* of them, copied forward */
    uint64_t torn, damaged; /* since start, recovery included */
    uint64_t memory_bytes;  /* of the table of waiting messages */
};

/* Locks the directory, makes what is missing, reads what is there. May take seconds; does system
 * calls on this thread. -EWOULDBLOCK: another process has it. -EPROTO: a newer program's spool.
 * -EUCLEAN: segments, but no format file. Other -errno as the calls gave them. now_ms is since the
 * epoch. */
int spool_open(const struct spool_options *options, uint64_t now_ms, struct spool **ret)
    __attribute__((warn_unused_result));
/* Not in the middle of a job. What is gathered and not synced is forgotten, as by a crash: finish
 * jobs until none is taken, for a clean end. */
void spool_close(struct spool *s);

/* ---- messages ---- */

struct spool_message {
    slice envelope;      /* lib/smtp/envelope */
    slice added;         /* header fields that we put on top */
    slice header;        /* the message's own header section with its empty line; may be empty, then
                            the body holds it */
    slice body;          /* inline; or empty */
    uint64_t body_bytes; /* of the body, wherever it is */
    int fd;              /* a body that cannot change any more (sealed memfd), else -1; read within
                            the call, stays the caller's */
    uint64_t file;       /* a body in a file of spool_file_open, else 0 */
    uint64_t next_try_ms;
};

/* Copies all it needs. 0: committed will be called. Otherwise it will not: -ENOSPC (full or below
 * the floor), -EBUSY (too much waits for the disk), -EMSGSIZE, -EIO (just after a failed sync),
 * -ENOMEM, -EINVAL (body_bytes does not agree with the body). file is gone in any case. */
int spool_commit(struct spool *s, const struct spool_message *m, uint64_t now_ms, uint64_t cookie)
    __attribute__((warn_unused_result));

/* A new file for a body: its number, and a descriptor to write it, which is the caller's. Whoever
 * writes must have closed every descriptor of it before spool_commit. */
int spool_file_open(struct spool *s, uint64_t *ret_file, int *ret_fd)
    __attribute__((warn_unused_result));
/* No commit will come. */
void spool_file_drop(struct spool *s, uint64_t file);

/* A waiting message, NULL if there is none (any more). Valid until the message is done. The fields
 * that table.h gives to the scheduler are the caller's to change, no others. */
struct entry *spool_find(struct spool *s, uint64_t id);
/* All of them in no order; not 0 ends the walk and is its result. The walk must change nothing. */
typedef int spool_each_fn(void *owner, struct entry *e);
int spool_each(struct spool *s, spool_each_fn *each, void *owner);
/* What the scheduler keeps by index instead of by pointer. */
struct table *spool_table(struct spool *s);

/* Keeps attempts, next try and a state (opaque here, at most 64 KiB, replaces the one before).
 * Synced with the next group. -ENOMEM: nothing changed. */
int spool_state(struct spool *s, struct entry *e, uint16_t attempts, uint64_t next_try_ms,
                slice state) __attribute__((warn_unused_result));
/* The message needs nothing more; e is gone. -ENOMEM: it is not. */
int spool_done(struct spool *s, struct entry *e) __attribute__((warn_unused_result));

struct spool_loaded {
    slice envelope, added, header, body; /* in the buf that was given */
    slice state;                         /* empty before the first spool_state */
    uint64_t body_bytes;
    int file; /* a descriptor for reading the body, the caller's to close; -1: body is inline */
};

/* Reads the message back and checks it. -EBADMSG: it is damaged, has been put into quarantine and
 * is gone from the queue (e too). Other -errno: may be tried again later. into's maximum must allow
 * segment_bytes; it is cleared first. */
int spool_load(struct spool *s, struct entry *e, struct buf *into, struct spool_loaded *ret)
    __attribute__((warn_unused_result));

/* ---- work ---- */

enum spool_lane {
    SPOOL_LANE_COMMIT, /* one group: write, sync */
    SPOOL_LANE_UPKEEP, /* spares, closing, recycling */
    SPOOL_LANE_ADOPT,  /* one body file: check, sync, rename */
};
#define SPOOL_LANES 3

/* True when there is work for this lane and none of it is under way; the caller then runs
 * spool_job_run(s, lane) on any thread, and after it spool_job_finish on its own. now_ms is since
 * the epoch. Ask again after every finish, and from time to time. */
bool spool_job_take(struct spool *s, enum spool_lane lane, uint64_t now_ms)
    __attribute__((warn_unused_result));
void spool_job_run(struct spool *s, enum spool_lane lane);
void spool_job_finish(struct spool *s, enum spool_lane lane);
/* Is anything gathered that a message's sender waits for? (Outcomes alone can wait a moment.) */
bool spool_is_urgent(const struct spool *s);

/* May a message be taken now, as far as space is concerned? Asks the file system. */
bool spool_has_room(struct spool *s);
void spool_stats(const struct spool *s, struct spool_stats *ret);

#endif
