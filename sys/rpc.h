/* rpc: typed messages and calls over a chan.
 *
 *   rpc_send_NAME(r, &fields)            for each SEND of ipc.def
 *   rpc_call_NAME(r, token, &fields)     for each CALL
 *   rpc_reply_NAME(r, call, &fields)     for each REPLY; rpc_reply_more_NAME for the first of a run
 *
 * each gives 0 or
 *   -EAGAIN    the channel is full or the credits are used up: stop reading clients and try again
 *              when `writable` is called (never from a reply)
 *   -EPIPE     the peer is gone
 *   -EMSGSIZE  a field, or all together, is too long (EBADF: a descriptor that must be there is
 * not) On 0 the descriptors in the fields belong to the channel (duplicate what you want to keep);
 * on failure they are still the caller's. Slices are copied before the return.
 *
 * Invariants:
 * 1. A call that gave 0 completes exactly once: `answer` is called with RPC_ANSWER, RPC_TIMEOUT or
 *    RPC_GONE, never before the call returns; RPC_MORE may come before RPC_ANSWER any number of
 *    times, each with a fresh time limit. A call that failed does not complete.
 * 2. A call is known by the caller's token, a number: what it meant may be dead by then.
 * 3. A credit comes back with the reply, also with one that comes after the time-out (which is then
 *    dropped): the receiver never has more open calls than the row allows.
 * 4. Every message is held against the matrix both when sent (our bug: abort) and when received.
 *    A message that is wrong in any way condemns the peer: the channel is closed, `gone` says why.
 * 5. The first message both ways is hello; `open` is called when the peer's was right. What is
 *    sent before waits in the channel.
 * 6. Who receives calls must reply to each exactly once, however late. While replies that are owed
 *    do not leave (the peer does not read) no further calls are read. */
#ifndef CANDOR_SYS_RPC_H
#define CANDOR_SYS_RPC_H

#include "sys/chan.h"

struct rpc;

enum rpc_result { RPC_ANSWER, RPC_MORE, RPC_TIMEOUT, RPC_GONE };
const char *rpc_result_name(enum rpc_result result);

struct rpc_ops {
    /* Hello was right. */
    void (*open)(void *owner, struct rpc *r);
    /* A SEND, or a CALL to be answered with rpc_reply_NAME(r, m->call, ...), now or later. What of
     * its descriptors is not taken (ipc_take_fd) is closed after the return. */
    void (*message)(void *owner, struct rpc *r, struct ipc_message *m);
    /* m is NULL but for RPC_ANSWER and RPC_MORE. call is the type that was asked. */
    void (*answer)(void *owner, struct rpc *r, enum ipc_type call, uint64_t token,
                   enum rpc_result result, struct ipc_message *m);
    /* After an -EAGAIN: there is room, or a credit, again. */
    void (*writable)(void *owner, struct rpc *r);
    /* The channel is closed and every open call has completed with RPC_GONE. error: 0 closed by
     * the peer, -errno failed. why: not IPC_OK when the peer is condemned. The owner calls
     * rpc_free, here or later. */
    void (*gone)(void *owner, struct rpc *r, int error, enum ipc_err why);
};

struct rpc_options {
    struct loop *loop;
    int fd; /* taken */
    enum role_id self, peer;
    uint32_t self_instance, peer_instance;
    const struct rpc_ops *ops; /* members may be NULL where nothing is to be done */
    void *owner;
    uint32_t limit_ms; /* 0: the table's time limits; else this for every call (tests) */
};

/* Sends hello. NULL: no memory, fd is closed. */
struct rpc *rpc_new(const struct rpc_options *options);
/* Closes. Open calls do not complete any more: their owner ends with it. May be called from any
 * callback. NULL is ignored. */
void rpc_free(struct rpc *r);

/* As if the peer had closed: every open call completes with RPC_GONE, then `gone` is called. */
void rpc_close(struct rpc *r);

enum role_id rpc_peer(const struct rpc *r);
uint32_t rpc_peer_instance(const struct rpc *r);
/* Is an rpc_send or rpc_call of any type refused right now for want of room? For owners that stop
 * reading clients before they are refused. */
bool rpc_is_full(const struct rpc *r);
/* Calls of ours that are not answered, timed out ones included. */
size_t rpc_open_calls(const struct rpc *r);
/* Calls of the peer that we have not answered. */
size_t rpc_owed_replies(const struct rpc *r);
/* Sends what waits, without the loop: for the last word before an exit. */
void rpc_flush(struct rpc *r);

/* What the typed functions stand on. */
int rpc_put_send(struct rpc *r, enum ipc_type type, const void *fields)
    __attribute__((warn_unused_result));
int rpc_put_call(struct rpc *r, enum ipc_type type, uint64_t token, const void *fields)
    __attribute__((warn_unused_result));
int rpc_put_reply(struct rpc *r, enum ipc_type type, uint32_t call, bool more, const void *fields)
    __attribute__((warn_unused_result));

/* clang-format off */
#define SEND(name, NAME, ...)                                                                      \
    __attribute__((warn_unused_result)) static inline int rpc_send_##name(                         \
        struct rpc *r, const struct ipc_##name *fields)                                            \
    {                                                                                              \
        return rpc_put_send(r, IPC_##NAME, fields);                                                \
    }
#define CALL(name, NAME, ...)                                                                      \
    __attribute__((warn_unused_result)) static inline int rpc_call_##name(                         \
        struct rpc *r, uint64_t token, const struct ipc_##name *fields)                            \
    {                                                                                              \
        return rpc_put_call(r, IPC_##NAME, token, fields);                                         \
    }
#define REPLY(name, NAME, ...)                                                                     \
    __attribute__((warn_unused_result)) static inline int rpc_reply_##name(                        \
        struct rpc *r, uint32_t call, const struct ipc_##name *fields)                             \
    {                                                                                              \
        return rpc_put_reply(r, IPC_##NAME, call, false, fields);                                  \
    }                                                                                              \
    __attribute__((warn_unused_result)) static inline int rpc_reply_more_##name(                   \
        struct rpc *r, uint32_t call, const struct ipc_##name *fields)                             \
    {                                                                                              \
        return rpc_put_reply(r, IPC_##NAME, call, true, fields);                                   \
    }
#include "sys/ipc.def"
/* clang-format on */

#endif
