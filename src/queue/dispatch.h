/* dispatch: waiting messages that are due go to deliver, and what comes of it goes to the spool.
 *
 * An attempt at a message, and who moves it:
 *
 *   waiting in the heap -- dispatch_run: due --> loaded, its open recipients to be expanded
 *   expand: each recipient from the cache or from directory   [dispatch_expanded]
 *   send:   each mailbox once, to deliver                     [dispatch_delivered]
 *           those at an LMTP server together, to relay        [dispatch_transferred]
 *   finish: all recipients have it       -> spool_done
 *           some have not                -> spool_state, back into the heap for later
 *           too much goes to that server -> parked with it (lmtp_hosts), nothing counted
 *           a peer is gone               -> back into the heap, nothing counted against it
 *
 * Invariants:
 * 1. A waiting message is in the heap, parked, or in exactly one attempt.
 * 2. An answer finds its attempt by slot and serial number; a late one finds nothing.
 * 3. Recipients that cannot have their mail (unknown meanwhile, at another server) keep the message
 *    in the queue, visibly: nothing is dropped. Those that were refused are tried again when nobody
 *    else waits, once an hour.
 * 4. A server that is slow or dead holds back no other's mail, and no Maildir's (lmtp_hosts.h). */
#ifndef CANDOR_QUEUE_DISPATCH_H
#define CANDOR_QUEUE_DISPATCH_H

#include "src/queue/expansions.h"
#include "src/queue/heap.h"
#include "src/queue/lmtp_hosts.h"
#include "src/queue/spool.h"
#include "sys/genpage.h"
#include "sys/role.h"

/* Messages that are being delivered at the same time. */
#define DISPATCH_ATTEMPTS 512

struct attempt;

struct dispatch {
    struct role *role;
    struct spool *spool;
    struct heap heap;
    struct expansions expansions;
    struct genpage page;                         /* directory's generation */
    struct attempt *attempts[DISPATCH_ATTEMPTS]; /* made when first needed */
    uint16_t free[DISPATCH_ATTEMPTS];
    size_t free_count;
    struct attempt *stalled; /* a channel was full */
    struct lmtp_hosts hosts;
    struct buf loaded, head, state, rcpts, envelope;
    uint32_t serial;
    uint64_t random;
    bool is_held, is_stopped;
    slice host; /* for the names of files */
};

void dispatch_init(struct dispatch *d, struct role *role, uint64_t random);
void dispatch_release(struct dispatch *d);
/* The spool is open: everything that waits goes into the heap. False without memory. */
bool dispatch_start(struct dispatch *d, struct spool *spool, uint64_t now_ms)
    __attribute__((warn_unused_result));
/* A message is safe now. */
void dispatch_add(struct dispatch *d, uint64_t id);
/* Starts what is due. True when there is more to start at once. now_ms is since the epoch. */
bool dispatch_run(struct dispatch *d, uint64_t now_ms);
/* When something is due next: UINT64_MAX for never. */
uint64_t dispatch_next_ms(const struct dispatch *d);
/* The wall clock jumped by so much: what waited goes on waiting as long as it would have. */
void dispatch_shift(struct dispatch *d, int64_t by_ms);
size_t dispatch_active(const struct dispatch *d);
/* Answers; m is NULL when there is none. */
void dispatch_expanded(struct dispatch *d, uint64_t token, const struct ipc_expanded *m);
void dispatch_delivered(struct dispatch *d, uint64_t token, const struct ipc_delivered *m,
                        bool is_timeout);
void dispatch_transferred(struct dispatch *d, uint64_t token, const struct ipc_transferred *m,
                          bool is_timeout);
/* From time to time. */
void dispatch_tick(struct dispatch *d);
/* Channels have room again. */
void dispatch_resume(struct dispatch *d);

#endif
