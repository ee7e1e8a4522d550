#include "sys/chan.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "sys/loop_int.h"

enum { RETRY_MS = 10 };

/* One datagram that is gathered or waits. */
struct block {
    struct block *next;
    size_t n, nfds;
    bool is_secret;
    int fds[IPC_FDS_MAX];
    char bytes[IPC_DATAGRAM_MAX];
};

struct chan {
    struct loop *loop;
    const struct chan_ops *ops;
    void *owner;
    struct watch watch;
    struct turn_hook hook;      /* flushes */
    struct timer retry;         /* the kernel was short of something that wakes nobody */
    struct block *first, *last; /* to be sent */
    struct block *spare;        /* kept for the next turn */
    unsigned count;             /* of blocks to be sent */
    unsigned busy;              /* callbacks that run: the memory must stay */
    bool is_gone, is_freed, is_paused;
    bool is_blocked;    /* the socket is full */
    bool is_write_dead; /* nobody reads any more; what he wrote may still be read */
    bool was_full;
};

int chan_pair(int ret_fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds) == 0
               ? 0
               : -errno;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

static void drop_first(struct chan *c)
{
    struct block *b = c->first;
    close_all(b->fds, b->nfds);
    if (b->is_secret)
        secret_wipe(b->bytes, b->n);
    c->first = b->next;
    if (c->first == NULL)
        c->last = NULL;
    c->count--;
    if (c->spare == NULL)
        c->spare = b;
    else
        free(b);
}

static void set_events(struct chan *c)
{
    bool reads = !c->is_paused || c->is_write_dead;
    watch_change(c->loop, &c->watch,
                 (reads ? WATCH_READ : 0U) | (c->is_blocked ? WATCH_WRITE : 0U));
}

static void shut(struct chan *c)
{
    if (c->is_gone)
        return;
    c->is_gone = true;
    watch_stop(c->loop, &c->watch);
    turn_hook_cancel(c->loop, &c->hook);
    timer_stop(c->loop, &c->retry);
    close(c->watch.fd);
    while (c->first != NULL)
        drop_first(c);
}

static void enter(struct chan *c)
{
    c->busy++;
}

/* False when c was freed in the callback: it is no more. */
static bool leave(struct chan *c)
{
    if (--c->busy > 0 || !c->is_freed)
        return !c->is_freed;
    free(c);
    return false;
}

static bool end(struct chan *c, int error)
{
    if (c->is_gone)
        return true;
    shut(c);
    enter(c);
    c->ops->gone(c->owner, error);
    return leave(c);
}

/* ---- out ---- */

static int send_block(int fd, struct block *b)
{
    union {
        char room[CMSG_SPACE(sizeof b->fds)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = b->bytes, .iov_len = b->n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (b->nfds > 0) {
        msg.msg_control = control.room;
        msg.msg_controllen = CMSG_SPACE(b->nfds * sizeof b->fds[0]);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(b->nfds * sizeof b->fds[0]);
        memcpy(CMSG_DATA(cmsg), b->fds, b->nfds * sizeof b->fds[0]);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static void flush(struct chan *c);

static void on_retry(struct timer *t)
{
    flush(CONTAINER_OF(t, struct chan, retry));
}

static void on_hook(struct turn_hook *h)
{
    struct chan *c = CONTAINER_OF(h, struct chan, hook);
    if (!c->is_blocked) /* else the watch says when */
        flush(c);
}

static void flush(struct chan *c)
{
    int err = 0;
    while (c->first != NULL && (err = send_block(c->watch.fd, c->first)) == 0)
        drop_first(c);
    c->is_blocked = false;
    switch (-err) {
    case 0:
        break;
    case EAGAIN:
        c->is_blocked = true;
        break;
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS:
        timer_set(c->loop, &c->retry, RETRY_MS, on_retry);
        break;
    case EPIPE:
    case ECONNRESET:
        /* His last words may wait in the socket; reading ends the channel. */
        c->is_write_dead = true;
        while (c->first != NULL)
            drop_first(c);
        break;
    default:
        end(c, err);
        return;
    }
    set_events(c);
    if (c->was_full && c->count < CHAN_SOFT_BLOCKS / 2) {
        c->was_full = false;
        enter(c);
        c->ops->drained(c->owner);
        leave(c);
    }
}

void chan_flush(struct chan *c)
{
    if (!c->is_gone)
        flush(c);
}

static struct block *add_block(struct chan *c)
{
    struct block *b = c->spare != NULL ? c->spare : malloc(sizeof *b);
    if (b == NULL)
        return NULL;
    c->spare = NULL;
    b->next = NULL;
    b->n = b->nfds = 0;
    b->is_secret = false;
    if (c->last == NULL)
        c->first = b;
    else
        c->last->next = b;
    c->last = b;
    c->count++;
    return b;
}

char *chan_reserve(struct chan *c, size_t n, size_t nfds, bool is_owed, int **ret_fds)
{
    assert(n <= IPC_DATAGRAM_MAX && nfds <= IPC_FDS_MAX);
    if (c->is_gone || c->is_write_dead)
        return NULL;
    struct block *b = c->last;
    if (b == NULL || n > IPC_DATAGRAM_MAX - b->n || nfds > IPC_FDS_MAX - b->nfds) {
        unsigned limit = is_owed ? CHAN_HARD_BLOCKS : CHAN_SOFT_BLOCKS;
        b = c->count < limit ? add_block(c) : NULL;
        if (b == NULL || c->count >= CHAN_SOFT_BLOCKS)
            c->was_full = true;
        if (b == NULL)
            return NULL;
    }
    char *room = b->bytes + b->n;
    *ret_fds = b->fds + b->nfds;
    b->n += n;
    b->nfds += nfds;
    turn_hook_queue(c->loop, &c->hook, on_hook);
    return room;
}

void chan_is_secret(struct chan *c)
{
    c->last->is_secret = true;
}

bool chan_is_full(const struct chan *c)
{
    return c->count >= CHAN_SOFT_BLOCKS;
}

bool chan_is_gone(const struct chan *c)
{
    return c->is_gone || c->is_write_dead;
}

/* ---- in ---- */

struct incoming {
    ssize_t n; /* or -errno */
    int fds[IPC_FDS_MAX];
    size_t nfds;
    bool is_cut;
};

static void receive(int fd, char *room, struct incoming *ret)
{
    union {
        char room[CMSG_SPACE(sizeof ret->fds)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = room, .iov_len = IPC_DATAGRAM_MAX};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof control.room};
    unsigned resets = 0;
    do
        ret->n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    /* ECONNRESET: he closed without reading all; it is said once, before what he sent. */
    while (ret->n < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    ret->nfds = 0;
    ret->is_cut = false;
    if (ret->n < 0) {
        ret->n = -errno;
        return;
    }
    ret->is_cut = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&msg); m != NULL; m = CMSG_NXTHDR(&msg, m))
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_RIGHTS) {
            size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof ret->fds[0];
            memcpy(ret->fds + ret->nfds, CMSG_DATA(m), n * sizeof ret->fds[0]);
            ret->nfds += n;
        }
}

static void read_one(struct chan *c)
{
    struct incoming in;
    char *room = loop_datagram_room(c->loop);
    if (room == NULL) {
        end(c, -ENOMEM);
        return;
    }
    receive(c->watch.fd, room, &in);
    if (in.n == -EAGAIN)
        return;
    if (in.n <= 0 || in.is_cut) {
        close_all(in.fds, in.nfds);
        end(c, in.is_cut ? -EBADMSG : (int)in.n);
        return;
    }
    c->ops->datagram(c->owner, slice_of(room, (size_t)in.n), in.fds, in.nfds);
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct chan *c = CONTAINER_OF(w, struct chan, watch);
    enter(c);
    if ((events & WATCH_WRITE) != 0)
        flush(c);
    if ((events & WATCH_READ) != 0 && !c->is_gone)
        read_one(c);
    leave(c);
}

void chan_pause(struct chan *c, bool is_paused)
{
    if (c->is_gone || c->is_paused == is_paused)
        return;
    c->is_paused = is_paused;
    set_events(c);
}

/* ---- life ---- */

struct chan *chan_new(struct loop *l, int fd, const struct chan_ops *ops, void *owner)
{
    struct chan *c = calloc(1, sizeof *c);
    int flags = fcntl(fd, F_GETFL);
    if (c == NULL || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        goto fail;
    c->loop = l;
    c->ops = ops;
    c->owner = owner;
    if (watch_start(l, &c->watch, fd, WATCH_READ, on_ready) != 0)
        goto fail;
    return c;
fail:
    close(fd);
    free(c);
    return NULL;
}

void chan_free(struct chan *c)
{
    if (c == NULL)
        return;
    shut(c);
    free(c->spare);
    c->spare = NULL;
    if (c->busy > 0)
        c->is_freed = true;
    else
        free(c);
}
