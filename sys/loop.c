/* Descriptors live in an epoll set of our own, which libuv watches as one descriptor: a watch then
 * costs one epoll_ctl when it starts and none when its descriptor is closed, where a uv_poll_t
 * takes five, and it can be embedded. Timers, signals and wake-ups from threads are libuv's. */
#include "sys/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "sys/ipc.h"
#include "sys/loop_int.h"
#include "sys/wheel.h"

enum { BATCH = 128, TICK_MS = 8, SIGNALS_MAX = 8 };
#define DELAY_MAX_MS (100ULL * 24 * 3600 * 1000)

struct signal_slot {
    uv_signal_t handle;
    void (*fn)(void *owner, int signum);
    void *owner;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wanted, finished;
    struct work *first, *last; /* waiting */
    struct work *done;         /* finished, newest first */
    unsigned open;             /* submitted, and done not called yet */
    bool is_ending;
    unsigned count;
    pthread_t *threads;
};

struct loop {
    uv_loop_t uv;
    uv_poll_t poll;       /* of epoll_fd */
    uv_prepare_t prepare; /* the end of the turn */
    uv_timer_t tick;      /* drives the wheel */
    uv_async_t async;     /* workers have finished something */
    int epoll_fd;
    bool is_stopping;
    struct epoll_event batch[BATCH]; /* [batch_at, batch_n) is not dispatched yet */
    int batch_at, batch_n;
    struct wheel wheel;
    uint64_t armed_tick; /* what `tick` is set for */
    struct turn_hook *hooks, **hooks_end;
    struct signal_slot signals[SIGNALS_MAX];
    unsigned signals_n;
    struct workers workers;
    char *datagram;
};

/* ---- descriptors ---- */

static uint32_t to_epoll(uint32_t events)
{
    return ((events & WATCH_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
           ((events & WATCH_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
}

static int control(struct loop *l, int op, struct watch *w)
{
    struct epoll_event e = {.events = to_epoll(w->events), .data.ptr = w};
    return epoll_ctl(l->epoll_fd, op, w->fd, &e) == 0 ? 0 : -errno;
}

int watch_start(struct loop *l, struct watch *w, int fd, uint32_t events,
                void (*ready)(struct watch *w, uint32_t events))
{
    assert(!w->is_started);
    *w = (struct watch){.fd = fd, .events = events, .ready = ready};
    int err = events != 0 ? control(l, EPOLL_CTL_ADD, w) : 0;
    w->is_started = err == 0;
    return err;
}

void watch_change(struct loop *l, struct watch *w, uint32_t events)
{
    assert(w->is_started);
    if (w->events == events)
        return;
    /* Without interest it leaves the set: a hang-up would be reported for ever. */
    int op = w->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    w->events = events;
    if (control(l, op, w) != 0)
        abort();
}

static void forget(struct loop *l, struct watch *w)
{
    for (int i = l->batch_at; i < l->batch_n; i++)
        if (l->batch[i].data.ptr == w)
            l->batch[i].data.ptr = NULL;
    w->is_started = false;
    w->events = 0;
}

void watch_stop(struct loop *l, struct watch *w)
{
    if (!w->is_started)
        return;
    if (w->events != 0)
        control(l, EPOLL_CTL_DEL, w);
    forget(l, w);
}

void watch_close(struct loop *l, struct watch *w)
{
    forget(l, w);
    close(w->fd);
}

static void on_epoll(uv_poll_t *handle, int status, int events)
{
    struct loop *l = handle->data;
    (void)events;
    if (status < 0)
        abort();
    int n = epoll_wait(l->epoll_fd, l->batch, BATCH, 0);
    l->batch_n = n > 0 ? n : 0;
    for (l->batch_at = 0; l->batch_at < l->batch_n;) {
        const struct epoll_event *e = &l->batch[l->batch_at++];
        struct watch *w = e->data.ptr;
        if (w == NULL)
            continue;
        uint32_t got = ((e->events & EPOLLIN) != 0 ? WATCH_READ : 0U) |
                       ((e->events & EPOLLOUT) != 0 ? WATCH_WRITE : 0U);
        if ((e->events & (EPOLLERR | EPOLLHUP)) != 0)
            got = WATCH_READ | WATCH_WRITE;
        if ((got &= w->events) != 0)
            w->ready(w, got);
    }
    l->batch_n = 0;
}

/* ---- timers ---- */

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

void timer_set(struct loop *l, struct timer *t, uint64_t delay_ms, void (*fire)(struct timer *t))
{
    timer_stop(l, t);
    t->fire = fire;
    uint64_t delay = delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
    wheel_add(&l->wheel, t, (loop_now_ms(l) + delay + TICK_MS - 1) / TICK_MS);
}

static void on_tick(uv_timer_t *handle)
{
    struct loop *l = handle->data;
    l->armed_tick = WHEEL_NEVER;
    wheel_advance(&l->wheel, loop_now_ms(l) / TICK_MS);
}

static void arm_tick(struct loop *l)
{
    uint64_t next = l->wheel.next_tick;
    if (next == l->armed_tick)
        return;
    l->armed_tick = next;
    if (next == WHEEL_NEVER) {
        uv_timer_stop(&l->tick);
        return;
    }
    uint64_t now = loop_now_ms(l), at = next * TICK_MS;
    uv_timer_start(&l->tick, on_tick, at > now ? at - now : 0, 0);
}

/* ---- the end of the turn ---- */

void turn_hook_queue(struct loop *l, struct turn_hook *h, void (*run)(struct turn_hook *h))
{
    if (h->is_queued)
        return;
    *h = (struct turn_hook){.is_queued = true, .run = run};
    *l->hooks_end = h;
    l->hooks_end = &h->next;
}

void turn_hook_cancel(struct loop *l, struct turn_hook *h)
{
    if (!h->is_queued)
        return;
    for (struct turn_hook **at = &l->hooks; *at != NULL; at = &(*at)->next)
        if (*at == h) {
            *at = h->next;
            if (h->next == NULL)
                l->hooks_end = at;
            break;
        }
    h->is_queued = false;
}

static void run_hooks(struct loop *l)
{
    while (l->hooks != NULL) {
        struct turn_hook *h = l->hooks;
        turn_hook_cancel(l, h);
        h->run(h);
    }
}

static void on_prepare(uv_prepare_t *handle)
{
    struct loop *l = handle->data;
    run_hooks(l);
    arm_tick(l);
}

/* ---- helper threads ---- */

static void *worker_main(void *arg)
{
    struct loop *l = arg;
    struct workers *ws = &l->workers;
    pthread_mutex_lock(&ws->lock);
    for (;;) {
        while (ws->first == NULL && !ws->is_ending)
            pthread_cond_wait(&ws->wanted, &ws->lock);
        if (ws->is_ending)
            break;
        struct work *w = ws->first;
        ws->first = w->next;
        pthread_mutex_unlock(&ws->lock);
        w->run(w);
        pthread_mutex_lock(&ws->lock);
        w->next = ws->done;
        ws->done = w;
        if (w->next == NULL)
            uv_async_send(&l->async);
        pthread_cond_signal(&ws->finished);
    }
    pthread_mutex_unlock(&ws->lock);
    return NULL;
}

static void on_async(uv_async_t *handle)
{
    struct loop *l = handle->data;
    struct workers *ws = &l->workers;
    pthread_mutex_lock(&ws->lock);
    struct work *newest = ws->done, *first = NULL;
    ws->done = NULL;
    for (const struct work *w = newest; w != NULL; w = w->next)
        ws->open--;
    pthread_mutex_unlock(&ws->lock);
    while (newest != NULL) { /* back into the order in which they finished */
        struct work *w = newest;
        newest = w->next;
        w->next = first;
        first = w;
    }
    while (first != NULL) {
        struct work *w = first;
        first = w->next;
        w->next = NULL;
        w->done(w);
    }
}

int loop_start_workers(struct loop *l, unsigned count)
{
    struct workers *ws = &l->workers;
    assert(ws->count == 0);
    if (count == 0)
        return 0;
    ws->threads = calloc(count, sizeof *ws->threads);
    if (ws->threads == NULL)
        return -ENOMEM;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = 0;
    while (ws->count < count && err == 0) {
        err = pthread_create(&ws->threads[ws->count], NULL, worker_main, l);
        if (err == 0)
            ws->count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

void loop_submit(struct loop *l, struct work *w, void (*run)(struct work *w),
                 void (*done)(struct work *w))
{
    struct workers *ws = &l->workers;
    assert(ws->count > 0);
    *w = (struct work){.run = run, .done = done};
    pthread_mutex_lock(&ws->lock);
    if (ws->first == NULL)
        ws->first = w;
    else
        ws->last->next = w;
    ws->last = w;
    ws->open++;
    pthread_cond_signal(&ws->wanted);
    pthread_mutex_unlock(&ws->lock);
}

void loop_finish_work(struct loop *l)
{
    struct workers *ws = &l->workers;
    for (bool is_over = false; !is_over;) {
        pthread_mutex_lock(&ws->lock);
        while (ws->open > 0 && ws->done == NULL)
            pthread_cond_wait(&ws->finished, &ws->lock);
        is_over = ws->open == 0;
        pthread_mutex_unlock(&ws->lock);
        on_async(&l->async);
    }
}

static void end_workers(struct workers *ws)
{
    pthread_mutex_lock(&ws->lock);
    ws->is_ending = true;
    pthread_cond_broadcast(&ws->wanted);
    pthread_mutex_unlock(&ws->lock);
    for (unsigned i = 0; i < ws->count; i++)
        pthread_join(ws->threads[i], NULL);
    free(ws->threads);
    pthread_cond_destroy(&ws->wanted);
    pthread_cond_destroy(&ws->finished);
    pthread_mutex_destroy(&ws->lock);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int signum)
{
    const struct signal_slot *s = handle->data;
    s->fn(s->owner, signum);
}

int loop_on_signal(struct loop *l, int signum, void (*fn)(void *owner, int signum), void *owner)
{
    assert(l->signals_n < SIGNALS_MAX);
    struct signal_slot *s = &l->signals[l->signals_n];
    int err = uv_signal_init(&l->uv, &s->handle);
    if (err != 0)
        return err;
    l->signals_n++;
    s->handle.data = s;
    s->fn = fn;
    s->owner = owner;
    return uv_signal_start(&s->handle, on_signal, signum);
}

/* ---- life ---- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->hooks_end = &l->hooks;
    l->armed_tick = WHEEL_NEVER;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        goto no_epoll;
    if (uv_loop_init(&l->uv) != 0)
        goto no_loop;
    if (uv_poll_init(&l->uv, &l->poll, l->epoll_fd) != 0 ||
        uv_prepare_init(&l->uv, &l->prepare) != 0 || uv_timer_init(&l->uv, &l->tick) != 0 ||
        uv_async_init(&l->uv, &l->async, on_async) != 0 ||
        uv_poll_start(&l->poll, UV_READABLE, on_epoll) != 0 ||
        uv_prepare_start(&l->prepare, on_prepare) != 0)
        goto no_handles;
    l->poll.data = l->prepare.data = l->tick.data = l->async.data = l;
    pthread_mutex_init(&l->workers.lock, NULL);
    pthread_cond_init(&l->workers.wanted, NULL);
    pthread_cond_init(&l->workers.finished, NULL);
    wheel_init(&l->wheel, loop_now_ms(l) / TICK_MS);
    signal(SIGPIPE, SIG_IGN);
    return l;
no_handles:
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_loop_close(&l->uv);
no_loop:
    close(l->epoll_fd);
no_epoll:
    free(l);
    return NULL;
}

char *loop_datagram_room(struct loop *l)
{
    if (l->datagram == NULL)
        l->datagram = malloc(IPC_DATAGRAM_MAX);
    return l->datagram;
}

int loop_run(struct loop *l)
{
    while (!l->is_stopping)
        uv_run(&l->uv, UV_RUN_DEFAULT);
    l->is_stopping = false;
    run_hooks(l);
    return 0;
}

void loop_stop(struct loop *l)
{
    l->is_stopping = true;
    uv_stop(&l->uv);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    end_workers(&l->workers);
    uv_walk(&l->uv, close_handle, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    uv_loop_close(&l->uv);
    close(l->epoll_fd);
    free(l->datagram);
    free(l);
}
