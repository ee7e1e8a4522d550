/* transfer: one message on its way to one server, from queue's question to its answer. It owns a
 * copy of all that came in the datagram, and the descriptor of a long body. */
#ifndef CANDOR_RELAY_TRANSFER_H
#define CANDOR_RELAY_TRANSFER_H

#include "lib/client/client.h"
#include "sys/ipc.h"

struct transfer {
    struct transfer *next; /* in its host's row */
    uint64_t job;          /* queue's number */
    uint32_t call;         /* to be answered */
    uint64_t epoch;        /* of the queue that asked */
    uint64_t started_ms, ends_ms;
    bool is_again;   /* it was tried on a connection that had been idle, and had died */
    struct buf kept; /* what the slices point to */
    slice host, head, body;
    int fd; /* the body's; -1: it is in body */
    uint64_t body_bytes;
    uint64_t at; /* how much of head and body has been read */
    struct client_message message;
    struct client_rcpt *rcpts;
};

/* Takes m's descriptor. -EBADMSG: queue and we do not understand each other; -ENOMEM. */
int transfer_new(struct ipc_transfer *m, uint32_t call, uint64_t epoch, struct transfer **ret)
    __attribute__((warn_unused_result));
void transfer_free(struct transfer *t);
/* From the first byte again. */
void transfer_rewind(struct transfer *t);
/* The next piece of the text, at most n bytes, *ret in room (or in t); is_last with the last one. 0
 * or -errno (-ENODATA: the file is shorter than was said). */
int transfer_read(struct transfer *t, char *room, size_t n, slice *ret, bool *ret_is_last)
    __attribute__((warn_unused_result));
/* No server was asked: all of them later, with these words. */
void transfer_put_off(struct transfer *t, slice words);
/* As ipc.def has them. False without memory. */
bool transfer_outcomes(const struct transfer *t, struct buf *out)
    __attribute__((warn_unused_result));

#endif
