/* chan: datagrams with descriptors over one end of a SOCK_SEQPACKET pair.
 *
 * What is written in a turn of the loop is gathered and leaves in as few datagrams as possible at
 * its end, one sendmsg each; one recvmsg is done for a readable event.
 *
 * Invariants:
 * 1. Nothing buffers without bound: past CHAN_SOFT_BLOCKS of unsent datagrams chan_is_full() is
 *    true and chan_reserve refuses what is not owed; past CHAN_HARD_BLOCKS it refuses everything.
 * 2. Order is kept. A message lies whole in one datagram, its descriptors beside it.
 * 3. A datagram that the kernel cut, or whose descriptors were lost, is an error of the sender.
 * 4. `gone` is called at most once, and nothing after it. */
#ifndef CANDOR_SYS_CHAN_H
#define CANDOR_SYS_CHAN_H

#include "sys/ipc.h"
#include "sys/loop.h"

enum { CHAN_SOFT_BLOCKS = 8, CHAN_HARD_BLOCKS = 64 }; /* of IPC_DATAGRAM_MAX each */

struct chan;

struct chan_ops {
    /* bytes live until the return, and may be overwritten. The descriptors belong to the callee. */
    void (*datagram)(void *owner, slice bytes, int *fds, size_t nfds);
    /* The other end is closed (error 0), or it failed (-errno; -EBADMSG: invariant 3). */
    void (*gone)(void *owner, int error);
    /* After chan_is_full() was true: it is so no more. */
    void (*drained)(void *owner);
};

/* Takes fd, which becomes non-blocking, and closes it in the end. NULL: no memory, fd is closed. */
struct chan *chan_new(struct loop *l, int fd, const struct chan_ops *ops, void *owner);
/* Closes. What was not sent is lost, unless chan_flush came before. No callback follows; may be
 * called from one. NULL is ignored. */
void chan_free(struct chan *c);

/* Room for one message of n <= IPC_DATAGRAM_MAX bytes and nfds <= IPC_FDS_MAX descriptors, which
 * the caller fills before it returns to the loop. The descriptors stored there belong to the
 * channel, which closes them once sent. NULL when full (is_owed: only at the hard bound) or gone.
 */
char *chan_reserve(struct chan *c, size_t n, size_t nfds, bool is_owed, int **ret_fds);
/* What was just reserved shall leave no trace here once it is sent. */
void chan_is_secret(struct chan *c);
bool chan_is_full(const struct chan *c);
bool chan_is_gone(const struct chan *c);
/* Sends now what the socket takes, instead of at the end of the turn. */
void chan_flush(struct chan *c);
/* Stops and resumes reading; counted not: the last call holds. */
void chan_pause(struct chan *c, bool is_paused);

/* A pair of ends for a wire: non-blocking, close-on-exec. 0 or -errno. */
int chan_pair(int ret_fds[2]) __attribute__((warn_unused_result));

#endif
