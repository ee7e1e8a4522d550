#include "sys/rpc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/secret.h"

enum { SLOTS_CHUNK = 64, CHUNKS_MAX = 1024, NO_SLOT = UINT16_MAX + 1 };

enum slot_state {
    SLOT_FREE,
    SLOT_OPEN, /* will complete */
    SLOT_LATE, /* has completed with RPC_TIMEOUT; the reply is still to come */
};

/* A call of ours. Its id on the wire is generation << 16 | index, so that a reply for an earlier
 * use of the slot is seen. */
struct slot {
    struct rpc *rpc;
    struct timer timer;
    uint64_t token;
    enum ipc_type type;
    uint32_t index, next_free;
    uint16_t generation; /* never 0: an id is not 0 */
    enum slot_state state;
};

struct rpc {
    struct rpc_options options;
    struct chan *chan;
    struct slot *chunks[CHUNKS_MAX]; /* slots do not move: their timers are linked */
    uint32_t slots_n, first_free;
    uint32_t open[IPC_COUNT]; /* calls of ours without a reply */
    uint32_t owed[IPC_COUNT]; /* calls of the peer without a reply */
    size_t open_all, owed_all;
    struct turn_hook broken; /* ends r, outside of the owner's code */
    unsigned busy;
    bool is_hello_here, is_broken, is_gone, is_freed;
    bool wants_writable; /* a send or call was refused */
    bool is_credit_back; /* in this datagram */
};

const char *rpc_result_name(enum rpc_result result)
{
    switch (result) {
    case RPC_ANSWER:
        return "answer";
    case RPC_MORE:
        return "more";
    case RPC_TIMEOUT:
        return "timeout";
    case RPC_GONE:
        return "gone";
    }
    return "?";
}

/* Callbacks may free r: its memory stays until the outermost one has returned. */
static void enter(struct rpc *r)
{
    r->busy++;
}

static void release(struct rpc *r)
{
    for (uint32_t i = 0; i < r->slots_n; i += SLOTS_CHUNK)
        free(r->chunks[i / SLOTS_CHUNK]);
    free(r);
}

static bool leave(struct rpc *r)
{
    if (--r->busy > 0 || !r->is_freed)
        return !r->is_freed;
    release(r);
    return false;
}

/* ---- slots ---- */

static struct slot *slot_at(struct rpc *r, uint32_t index)
{
    return &r->chunks[index / SLOTS_CHUNK][index % SLOTS_CHUNK];
}

static bool add_chunk(struct rpc *r)
{
    if (r->slots_n == CHUNKS_MAX * SLOTS_CHUNK)
        return false;
    struct slot *chunk = calloc(SLOTS_CHUNK, sizeof *chunk);
    if (chunk == NULL)
        return false;
    r->chunks[r->slots_n / SLOTS_CHUNK] = chunk;
    for (uint32_t i = SLOTS_CHUNK; i-- > 0;) {
        chunk[i] = (struct slot){.rpc = r,
                                 .index = r->slots_n + i,
                                 .generation = 1,
                                 .next_free = r->first_free};
        r->first_free = r->slots_n + i;
    }
    r->slots_n += SLOTS_CHUNK;
    return true;
}

static struct slot *take_slot(struct rpc *r)
{
    if (r->first_free == NO_SLOT && !add_chunk(r))
        return NULL;
    struct slot *s = slot_at(r, r->first_free);
    r->first_free = s->next_free;
    return s;
}

static void give_slot(struct rpc *r, struct slot *s)
{
    timer_stop(r->options.loop, &s->timer);
    s->state = SLOT_FREE;
    s->generation = s->generation == UINT16_MAX ? 1 : (uint16_t)(s->generation + 1);
    s->next_free = r->first_free;
    r->first_free = s->index;
    r->open[s->type]--;
    r->open_all--;
    r->is_credit_back = true;
}

static struct slot *find_slot(struct rpc *r, uint32_t id)
{
    uint32_t index = id & UINT16_MAX;
    if (index >= r->slots_n)
        return NULL;
    struct slot *s = slot_at(r, index);
    return s->state != SLOT_FREE && s->generation == id >> 16 ? s : NULL;
}

/* ---- out ---- */

static int put(struct rpc *r, enum ipc_type type, uint32_t call, bool more, const void *fields)
{
    size_t n, nfds;
    int *fds;
    bool is_owed = ipc_kind(type) == IPC_KIND_REPLY;
    assert(ipc_may_send(type, r->options.self, r->options.peer));
    if (r->is_gone || r->is_broken || chan_is_gone(r->chan))
        return -EPIPE;
    enum ipc_err err = ipc_measure(type, fields, &n, &nfds);
    if (err != IPC_OK)
        return err == IPC_BAD_FDS ? -EBADF : -EMSGSIZE;
    char *to = chan_reserve(r->chan, n, nfds, is_owed, &fds);
    if (to == NULL) {
        r->wants_writable = true;
        return -EAGAIN;
    }
    ipc_write(type, call, more, fields, to, fds);
    if (ipc_is_secret(type))
        chan_is_secret(r->chan);
    return 0;
}

int rpc_put_send(struct rpc *r, enum ipc_type type, const void *fields)
{
    assert(ipc_kind(type) == IPC_KIND_SEND);
    return put(r, type, 0, false, fields);
}

static void on_timeout(struct timer *t);

static void set_limit(struct rpc *r, struct slot *s)
{
    uint32_t limit_ms = r->options.limit_ms;
    timer_set(r->options.loop, &s->timer, limit_ms != 0 ? limit_ms : ipc_limit_ms(s->type),
              on_timeout);
}

static void on_timeout(struct timer *t)
{
    struct slot *s = CONTAINER_OF(t, struct slot, timer);
    struct rpc *r = s->rpc;
    s->state = SLOT_LATE;
    enter(r);
    r->options.ops->answer(r->options.owner, r, s->type, s->token, RPC_TIMEOUT, NULL);
    leave(r);
}

int rpc_put_call(struct rpc *r, enum ipc_type type, uint64_t token, const void *fields)
{
    assert(ipc_kind(type) == IPC_KIND_CALL);
    if (r->is_gone)
        return -EPIPE;
    struct slot *s = r->open[type] < ipc_credits(type) ? take_slot(r) : NULL;
    if (s == NULL) {
        r->wants_writable = true;
        return -EAGAIN;
    }
    int err = put(r, type, (uint32_t)s->generation << 16 | s->index, false, fields);
    if (err != 0) {
        s->next_free = r->first_free;
        r->first_free = s->index;
        return err;
    }
    s->state = SLOT_OPEN;
    s->token = token;
    s->type = type;
    r->open[type]++;
    r->open_all++;
    set_limit(r, s);
    return 0;
}

/* Closes, completes what is open, tells the owner. */
static void end(struct rpc *r, int error, enum ipc_err why)
{
    const struct rpc_options *o = &r->options;
    if (r->is_gone)
        return;
    r->is_gone = true;
    chan_free(r->chan);
    r->chan = NULL;
    turn_hook_cancel(o->loop, &r->broken);
    enter(r);
    for (uint32_t i = 0; i < r->slots_n && !r->is_freed; i++) {
        struct slot *s = slot_at(r, i);
        enum slot_state was = s->state;
        if (was == SLOT_FREE)
            continue;
        give_slot(r, s);
        if (was == SLOT_OPEN)
            o->ops->answer(o->owner, r, s->type, s->token, RPC_GONE, NULL);
    }
    if (!r->is_freed && o->ops->gone != NULL)
        o->ops->gone(o->owner, r, error, why);
    leave(r);
}

static void on_broken(struct turn_hook *h)
{
    end(CONTAINER_OF(h, struct rpc, broken), -ENOBUFS, IPC_OK);
}

int rpc_put_reply(struct rpc *r, enum ipc_type type, uint32_t call, bool more, const void *fields)
{
    assert(ipc_kind(type) == IPC_KIND_REPLY && (!more || ipc_is_run(type)));
    enum ipc_type asked = ipc_call_of(type);
    assert(r->is_gone || r->owed[asked] > 0);
    int err = put(r, type, call, more, fields);
    if (err == -EAGAIN) {
        /* Past the hard bound: he asks and does not read, or there is no memory. */
        r->is_broken = true;
        turn_hook_queue(r->options.loop, &r->broken, on_broken);
        return -EPIPE;
    }
    if (err == 0 && !more) {
        r->owed[asked]--;
        r->owed_all--;
    }
    if (err == 0 && chan_is_full(r->chan))
        chan_pause(r->chan, true);
    return err;
}

/* ---- in ---- */

static void drop_fds(struct ipc_message *m)
{
    int *fds[IPC_FDS_MAX];
    size_t n = ipc_fds(m, fds);
    for (size_t i = 0; i < n; i++)
        close(*fds[i]);
}

static enum ipc_err take_hello(struct rpc *r, const struct ipc_hello *hello)
{
    const struct rpc_options *o = &r->options;
    if (hello->table_hash != ipc_table_hash() || hello->role != o->peer ||
        hello->instance != o->peer_instance)
        return IPC_BAD_HELLO;
    r->is_hello_here = true;
    if (o->ops->open != NULL)
        o->ops->open(o->owner, r);
    return IPC_OK;
}

static enum ipc_err take_reply(struct rpc *r, struct ipc_message *m)
{
    const struct rpc_options *o = &r->options;
    struct slot *s = find_slot(r, m->call);
    if (s == NULL || ipc_reply_of(s->type) != m->type)
        return IPC_NO_CALL;
    bool is_open = s->state == SLOT_OPEN;
    enum ipc_type type = s->type;
    uint64_t token = s->token;
    if (!m->more)
        give_slot(r, s);
    else if (is_open)
        set_limit(r, s);
    if (is_open)
        o->ops->answer(o->owner, r, type, token, m->more ? RPC_MORE : RPC_ANSWER, m);
    return IPC_OK;
}

static enum ipc_err take_message(struct rpc *r, struct ipc_message *m)
{
    const struct rpc_options *o = &r->options;
    if (!r->is_hello_here)
        return m->type == IPC_HELLO ? take_hello(r, &m->hello) : IPC_BAD_HELLO;
    if (m->type == IPC_HELLO)
        return IPC_BAD_HELLO;
    if (ipc_kind(m->type) == IPC_KIND_REPLY)
        return take_reply(r, m);
    if (ipc_kind(m->type) == IPC_KIND_CALL) {
        if (r->owed[m->type] >= ipc_credits(m->type))
            return IPC_NO_CREDIT;
        r->owed[m->type]++;
        r->owed_all++;
    }
    o->ops->message(o->owner, r, m);
    return IPC_OK;
}

/* One message off the datagram. Who may not send it is refused before it is decoded. */
static enum ipc_err take_next(struct rpc *r, struct ipc_reader *in)
{
    enum ipc_type type;
    struct ipc_message m;
    slice whole = in->rest;
    enum ipc_err err = ipc_peek(in, &type);
    if (err == IPC_OK && !ipc_may_send(type, r->options.peer, r->options.self))
        err = IPC_NOT_ALLOWED;
    if (err == IPC_OK)
        err = ipc_take(in, &m);
    if (err != IPC_OK)
        return err;
    err = take_message(r, &m);
    drop_fds(&m);
    if (ipc_is_secret(type))
        secret_wipe((char *)whole.p, whole.n - in->rest.n); /* as chan.h permits */
    return err;
}

static void tell_writable(struct rpc *r)
{
    const struct rpc_options *o = &r->options;
    if (!r->wants_writable || rpc_is_full(r))
        return;
    r->wants_writable = false;
    if (o->ops->writable != NULL)
        o->ops->writable(o->owner, r);
}

static bool is_over(const struct rpc *r)
{
    return r->is_freed || r->is_gone || r->is_broken;
}

static void on_datagram(void *owner, slice bytes, int *fds, size_t nfds)
{
    struct rpc *r = owner;
    struct ipc_reader in = {bytes, fds, nfds};
    enum ipc_err err = IPC_OK;
    enter(r);
    r->is_credit_back = false;
    while (in.rest.n > 0 && err == IPC_OK && !is_over(r))
        err = take_next(r, &in);
    if (err == IPC_OK && in.rest.n == 0 && in.nfds > 0)
        err = IPC_BAD_FDS;
    for (size_t i = 0; i < in.nfds; i++)
        close(in.fds[i]);
    if (!r->is_freed && err != IPC_OK)
        end(r, -EBADMSG, err);
    else if (!is_over(r) && r->is_credit_back)
        tell_writable(r);
    leave(r);
}

static void on_gone(void *owner, int error)
{
    end(owner, error, error == -EBADMSG ? IPC_TRUNCATED : IPC_OK);
}

static void on_drained(void *owner)
{
    struct rpc *r = owner;
    enter(r);
    chan_pause(r->chan, false);
    tell_writable(r);
    leave(r);
}

/* ---- life ---- */

struct rpc *rpc_new(const struct rpc_options *options)
{
    static const struct chan_ops chan_ops = {on_datagram, on_gone, on_drained};
    struct rpc *r = calloc(1, sizeof *r);
    if (r == NULL) {
        close(options->fd);
        return NULL;
    }
    r->options = *options;
    r->first_free = NO_SLOT;
    r->chan = chan_new(options->loop, options->fd, &chan_ops, r);
    const struct ipc_hello hello = {.table_hash = ipc_table_hash(),
                                    .role = options->self,
                                    .instance = options->self_instance};
    if (r->chan == NULL || rpc_send_hello(r, &hello) != 0) {
        chan_free(r->chan);
        free(r);
        return NULL;
    }
    return r;
}

void rpc_free(struct rpc *r)
{
    if (r == NULL || r->is_freed)
        return;
    chan_free(r->chan);
    r->chan = NULL;
    r->is_gone = true;
    turn_hook_cancel(r->options.loop, &r->broken);
    for (uint32_t i = 0; i < r->slots_n; i++)
        timer_stop(r->options.loop, &slot_at(r, i)->timer);
    if (r->busy > 0)
        r->is_freed = true;
    else
        release(r);
}

void rpc_close(struct rpc *r)
{
    end(r, 0, IPC_OK);
}

enum role_id rpc_peer(const struct rpc *r)
{
    return r->options.peer;
}

uint32_t rpc_peer_instance(const struct rpc *r)
{
    return r->options.peer_instance;
}

bool rpc_is_full(const struct rpc *r)
{
    return !r->is_gone && chan_is_full(r->chan);
}

size_t rpc_open_calls(const struct rpc *r)
{
    return r->open_all;
}

size_t rpc_owed_replies(const struct rpc *r)
{
    return r->owed_all;
}

void rpc_flush(struct rpc *r)
{
    if (!r->is_gone)
        chan_flush(r->chan);
}
