#include "src/authx/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/secret.h"

enum { READ_BYTES = 4096 };

static void log_link(const struct link *l, enum log_level level, const char *event, int err,
                     const char *why)
{
    struct log_line line;
    struct buf to;
    buf_init(&to, 1024);
    conf_socket_print(&to, &l->to);
    log_begin(&line, l->role->log, level, event);
    log_cstr(&line, "backend", l->name);
    log_slice(&line, "socket", buf_slice(&to));
    if (why != NULL)
        log_cstr(&line, "why", why);
    log_error(&line, err);
    log_end(&line);
    buf_release(&to);
}

static void attempt(struct link *l);

static void on_pause_over(struct timer *t)
{
    attempt(CONTAINER_OF(t, struct link, timer));
}

static void close_fd(struct link *l)
{
    timer_stop(l->role->loop, &l->timer);
    watch_stop(l->role->loop, &l->watch);
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    secret_release(&l->in);
    secret_release(&l->out);
    l->sent = 0;
}

static void lose(struct link *l, int err, const char *why)
{
    bool was_open = l->state == LINK_OPEN;
    if (!l->is_told)
        log_link(l, LOG_WARN, "backend.down", err, why);
    l->is_told = true;
    close_fd(l);
    l->state = LINK_DOWN;
    l->attempt++; /* what was asked of master for the old one is nobody's */
    if (was_open)
        l->pause_ms = 0;
    timer_set(l->role->loop, &l->timer, l->pause_ms, on_pause_over);
    uint64_t longer = l->pause_ms == 0 ? LINK_PAUSE_MIN_MS : l->pause_ms * 2;
    l->pause_ms = longer < LINK_PAUSE_MAX_MS ? longer : LINK_PAUSE_MAX_MS;
    l->ops->lost(l, was_open);
}

static void on_greeting_late(struct timer *t)
{
    lose(CONTAINER_OF(t, struct link, timer), ETIMEDOUT, NULL);
}

/* ---- bytes ---- */

static void take_lines(struct link *l)
{
    uint32_t attempt_now = l->attempt;
    size_t taken = 0;
    while (l->attempt == attempt_now) {
        slice rest = slice_tail(buf_slice(&l->in), taken);
        size_t n = slice_find(rest, '\n');
        if (n == rest.n)
            break;
        taken += n + 1;
        if (!l->ops->line(l, slice_head(rest, n))) {
            lose(l, 0, "it speaks something else");
            return;
        }
    }
    if (l->attempt == attempt_now)
        buf_drop(&l->in, taken);
}

static void read_some(struct link *l)
{
    char *room = buf_reserve(&l->in, READ_BYTES);
    if (room == NULL) {
        lose(l, 0, "a line without end");
        return;
    }
    ssize_t n = recv(l->fd, room, READ_BYTES, 0);
    if (n > 0) {
        l->in.n += (size_t)n;
        take_lines(l);
    } else if (n == 0) {
        lose(l, 0, "closed by the other side");
    } else if (errno != EAGAIN && errno != EINTR) {
        lose(l, errno, NULL);
    }
}

void link_flush(struct link *l)
{
    if (l->state != LINK_GREETING && l->state != LINK_OPEN)
        return;
    while (l->sent < l->out.n) {
        ssize_t n = send(l->fd, l->out.p + l->sent, l->out.n - l->sent, MSG_NOSIGNAL);
        if (n < 0)
            break; /* what is wrong is seen when it is read */
        l->sent += (size_t)n;
    }
    bool is_all = l->sent == l->out.n;
    if (is_all) {
        secret_release(&l->out);
        l->sent = 0;
    }
    watch_change(l->role->loop, &l->watch, WATCH_READ | (is_all ? 0U : WATCH_WRITE));
}

static void on_ready(struct watch *w, uint32_t events)
{
    struct link *l = CONTAINER_OF(w, struct link, watch);
    if ((events & WATCH_WRITE) != 0)
        link_flush(l);
    if ((events & WATCH_READ) != 0)
        read_some(l);
}

/* ---- connecting ---- */

static void connected(struct link *l)
{
    l->state = LINK_GREETING;
    l->watch.ready = on_ready;
    l->ops->hello(l);
    link_flush(l);
}

static void on_connected(struct watch *w, uint32_t events)
{
    struct link *l = CONTAINER_OF(w, struct link, watch);
    int err = 0;
    socklen_t n = sizeof err;
    (void)events;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
        err = errno;
    if (err != 0)
        lose(l, err, NULL);
    else
        connected(l);
}

/* 0, -EINPROGRESS included, or -errno. */
static int connect_tcp(struct link *l)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(l->to.at.port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(l->to.at.port)};
    bool is_v6 = l->to.at.ip.family == IP_V6;
    memcpy(&v4.sin_addr, l->to.at.ip.bytes, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, l->to.at.ip.bytes, sizeof v6.sin6_addr);
    const struct sockaddr *at = is_v6 ? (const void *)&v6 : (const void *)&v4;
    l->fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return -errno;
    int one = 1; /* one short line, and its answer is waited for */
    if (setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        (connect(l->fd, at, is_v6 ? sizeof v6 : sizeof v4) != 0 && errno != EINPROGRESS))
        return -errno;
    return watch_start(l->role->loop, &l->watch, l->fd, WATCH_WRITE, on_connected);
}

static void on_attempt_failed(struct timer *t)
{
    struct link *l = CONTAINER_OF(t, struct link, timer);
    lose(l, l->error, NULL);
}

static uint64_t token_of(const struct link *l)
{
    return (uint64_t)l->place << 32 | l->attempt;
}

static void attempt(struct link *l)
{
    const struct ipc_unix_open ask = {.generation = l->role->generation, .place = l->place};
    l->state = LINK_CONNECTING;
    l->attempt++;
    l->tried_at_ms = loop_now_ms(l->role->loop);
    timer_set(l->role->loop, &l->timer, LINK_GREETING_MS, on_greeting_late);
    int err =
        l->to.path.n > 0 ? rpc_call_unix_open(l->role->master, token_of(l), &ask) : connect_tcp(l);
    l->error = err;
    if (err != 0) /* never from inside link_wake */
        timer_set(l->role->loop, &l->timer, 0, on_attempt_failed);
}

bool link_unix_opened(struct link *l, uint64_t token, int error, int fd)
{
    if (l->state != LINK_CONNECTING || l->to.path.n == 0 || token != token_of(l))
        return false;
    if (fd < 0) {
        lose(l, error, NULL);
        return true;
    }
    l->fd = fd;
    int err = watch_start(l->role->loop, &l->watch, fd, WATCH_READ, on_ready);
    if (err != 0)
        lose(l, err, NULL);
    else
        connected(l);
    return true;
}

void link_greeted(struct link *l)
{
    timer_stop(l->role->loop, &l->timer);
    l->state = LINK_OPEN;
    l->pause_ms = LINK_PAUSE_MIN_MS;
    l->is_told = false;
    log_link(l, LOG_INFO, "backend.up", 0, NULL);
}

bool link_wake(struct link *l)
{
    if (l->state != LINK_DOWN)
        return true;
    if (loop_now_ms(l->role->loop) - l->tried_at_ms < LINK_PAUSE_MIN_MS && l->tried_at_ms != 0)
        return false;
    timer_stop(l->role->loop, &l->timer);
    attempt(l);
    return l->state != LINK_DOWN;
}

void link_start(struct link *l)
{
    l->fd = -1;
    l->pause_ms = LINK_PAUSE_MIN_MS;
    buf_init(&l->in, LINK_LINE_MAX);
    buf_init(&l->out, LINK_OUT_MAX);
    /* When this turn is over: the configuration is not quite taken yet. */
    timer_set(l->role->loop, &l->timer, 0, on_pause_over);
}

void link_stop(struct link *l)
{
    if (l->role != NULL)
        close_fd(l);
    l->state = LINK_DOWN;
}
