#include "src/web/visitors.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/web/http.h"

enum {
    TICK_MS = 250,
    ACCEPTS_A_TURN = 64,
    CROWDED_LOG_MS = 60 * 1000,
    /* When all places are taken: who has had so long makes room, so many at a time. */
    PATIENCE_WAITS_MS = 1000,
    PATIENCE_ASKS_MS = 5000,
    PATIENCE_LISTENS_MS = 5000,
    LEAVE_AT_ONCE = 32,
};

/* ---- lists ---- */

static bool is_empty(const struct place *list)
{
    return list->next == list;
}

static void leave(struct place *p)
{
    p->prev->next = p->next;
    p->next->prev = p->prev;
}

static void join(struct place *list, struct place *p)
{
    p->prev = list->prev;
    p->next = list;
    list->prev->next = p;
    list->prev = p;
}

/* Who is in this state longest, if that is so long. */
static struct visitor *longest(struct web *w, enum visitor_state state, uint64_t at_least_ms)
{
    struct place *list = &w->visitors[state];
    struct visitor *v = CONTAINER_OF(list->next, struct visitor, place);
    if (is_empty(list) || loop_now_ms(w->role->loop) - v->since_ms < at_least_ms)
        return NULL;
    return v;
}

void visitor_enter(struct visitor *v, enum visitor_state state)
{
    if (v->state == VISITOR_LEAVES)
        return;
    leave(&v->place);
    join(&v->web->visitors[state], &v->place);
    v->state = state;
    v->since_ms = loop_now_ms(v->web->role->loop);
}

/* libmicrohttpd sees the end of the connection and closes it. */
static void send_off(struct visitor *v)
{
    (void)shutdown(v->fd, SHUT_RDWR); /* who is gone already is as good */
    visitor_enter(v, VISITOR_LEAVES);
    http_wake(v->web);
}

void visitor_wait(struct visitor *v)
{
    if (v->web->role->is_draining)
        send_off(v);
    else
        visitor_enter(v, VISITOR_WAITS);
}

/* ---- room ---- */

static bool is_full(const struct web *w)
{
    return w->visitor_count >= w->conf->limits.web_connections;
}

/* A proxy on this machine comes for everybody. */
static bool is_unlimited(const struct web *w, const struct ip *ip)
{
    const struct conf_nets *nets = &w->conf->limits.unlimited;
    if (ip->family == IP_NONE || ip_is_loopback(ip))
        return true;
    for (size_t i = 0; i < nets->n; i++)
        if (ip_net_has(&nets->v[i], ip))
            return true;
    return false;
}

static void log_crowded(struct web *w)
{
    struct log_line line;
    uint64_t now = loop_now_ms(w->role->loop);
    if (now < w->crowded_log_ms)
        return;
    w->crowded_log_ms = now + CROWDED_LOG_MS;
    log_begin(&line, w->role->log, LOG_WARN, "http.crowded");
    log_u64(&line, "in_all", w->visitor_count);
    log_u64(&line, "ended_so_far", w->crowded);
    log_end(&line);
}

/* So that connections that only wait, or drip, or never read their answer keep nobody out. */
static void make_room(struct web *w)
{
    static const struct {
        enum visitor_state state;
        uint64_t patience_ms;
    } whom[] = {{VISITOR_WAITS, PATIENCE_WAITS_MS},
                {VISITOR_ASKS, PATIENCE_ASKS_MS},
                {VISITOR_LISTENS, PATIENCE_LISTENS_MS}};
    unsigned n = 0;
    for (size_t i = 0; i < sizeof whom / sizeof whom[0]; i++) {
        struct visitor *v;
        while (n < LEAVE_AT_ONCE && (v = longest(w, whom[i].state, whom[i].patience_ms)) != NULL) {
            send_off(v);
            w->crowded++;
            n++;
        }
    }
    log_crowded(w);
}

/* ---- doors ---- */

static void on_listener(struct watch *watch, uint32_t events);

/* Opens or closes all of them. */
static void set_doors(struct web *w)
{
    for (size_t i = 0; i < WEB_LISTENERS; i++) {
        struct listener *l = &w->listeners[i];
        if (l->fd < 0)
            continue;
        uint32_t events = w->is_paused || w->is_starved ? 0 : WATCH_READ;
        if (l->watch.is_started)
            watch_change(w->role->loop, &l->watch, events);
        else if (watch_start(w->role->loop, &l->watch, l->fd, events, on_listener) != 0)
            role_fail(w->role, "http.listen-failed", ENOMEM);
    }
}

static void on_tick(struct timer *t);

static void want_tick(struct web *w)
{
    if (!timer_is_set(&w->tick))
        timer_set(w->role->loop, &w->tick, TICK_MS, on_tick);
}

static void pause_doors(struct web *w)
{
    set_doors(w);
    want_tick(w);
}

/* There may be room again. */
static void open_doors(struct web *w)
{
    w->is_paused = w->is_paused && is_full(w);
    set_doors(w);
}

/* libmicrohttpd reads until less comes than it has room for, and then waits for news: of an end
 * that came along with the last bytes there is none. */
static void see_who_is_gone(struct web *w, enum visitor_state state)
{
    struct place *list = &w->visitors[state], *next;
    for (struct place *p = list->next; p != list; p = next) {
        struct visitor *v = CONTAINER_OF(p, struct visitor, place);
        char c;
        next = p->next;
        if (recv(v->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            send_off(v);
    }
}

static void on_tick(struct timer *t)
{
    struct web *w = CONTAINER_OF(t, struct web, tick);
    const struct conf_timeouts *limit = &w->conf->timeouts;
    struct visitor *v;
    see_who_is_gone(w, VISITOR_WAITS);
    see_who_is_gone(w, VISITOR_ASKS);
    while ((v = longest(w, VISITOR_WAITS, limit->web_request)) != NULL)
        send_off(v); /* he had nothing more to ask */
    while ((v = longest(w, VISITOR_ASKS, limit->web_request)) != NULL ||
           (v = longest(w, VISITOR_LISTENS, limit->web_answer)) != NULL) {
        send_off(v);
        w->timed_out++;
    }
    if (w->is_paused && is_full(w))
        make_room(w);
    w->is_starved = false;
    open_doors(w);
    if (w->visitor_count > 0 || w->is_paused)
        want_tick(w);
}

static struct ip address_of(const struct sockaddr_storage *from)
{
    struct ip ip = {0};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        ip.family = IP_V4;
        memcpy(ip.bytes, &v4->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        ip.family = IP_V6;
        memcpy(ip.bytes, &v6->sin6_addr, 16);
        ip = ip_unmap(&ip);
    }
    return ip; /* of a program of this machine (unix): none */
}

/* fd is taken. */
static void let_in(struct web *w, int fd, const struct sockaddr_storage *from, socklen_t n)
{
    struct ip ip = address_of(from);
    bool is_counted = !is_unlimited(w, &ip);
    struct visitor *v =
        is_counted && crowd_count(&w->crowd, &ip) >= w->conf->limits.web_connections_per_address
            ? NULL
            : calloc(1, sizeof *v);
    if (v == NULL) {
        w->crowded++;
        log_crowded(w);
        (void)close(fd); /* a socket */
        return;
    }
    *v = (struct visitor){.web = w,
                          .ip = ip,
                          .fd = fd,
                          .is_counted = is_counted,
                          .since_ms = loop_now_ms(w->role->loop)};
    if (is_counted)
        crowd_add(&w->crowd, &ip);
    join(&w->visitors[VISITOR_WAITS], &v->place);
    w->visitor_count++;
    w->connections++;
    w->arriving = v;
    enum MHD_Result ok = MHD_add_connection(w->daemon, fd, (const struct sockaddr *)from, n);
    if (w->arriving !=
        NULL) /* it did not come to a connection; the socket is closed all the same */
        visitor_free(v);
    w->arriving = NULL;
    if (ok == MHD_NO) {
        w->is_starved = true; /* no memory */
        pause_doors(w);
    }
    want_tick(w);
    http_wake(w);
}

static void on_listener(struct watch *watch, uint32_t events)
{
    struct listener *l = CONTAINER_OF(watch, struct listener, watch);
    struct web *w = l->web;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        if (is_full(w)) {
            make_room(w);
            w->is_paused = true;
            pause_doors(w);
            return;
        }
        int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            let_in(w, fd, &from, n);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct log_line line;
            log_begin(&line, w->role->log, LOG_ERROR, "http.accept-failed");
            log_error(&line, errno);
            log_end(&line);
            w->is_starved = true;
            pause_doors(w);
            return;
        } else if (errno == EAGAIN) {
            return; /* other errors are of one connection that is gone already */
        }
    }
}

static void close_door(struct listener *l)
{
    if (l->watch.is_started)
        watch_stop(l->web->role->loop, &l->watch);
    if (l->fd >= 0)
        (void)close(l->fd); /* master holds it too */
    l->fd = -1;
}

void visitors_listen(struct web *w, uint32_t index, int fd)
{
    if (index >= WEB_LISTENERS) {
        if (fd >= 0)
            (void)close(fd); /* master has no such number */
        return;
    }
    close_door(&w->listeners[index]);
    w->listeners[index].fd = fd;
    set_doors(w);
}

void visitors_close_doors(struct web *w)
{
    for (size_t i = 0; i < WEB_LISTENERS; i++)
        close_door(&w->listeners[i]);
}

/* ---- begin and end ---- */

void visitors_init(struct web *w, uint64_t seed)
{
    crowd_init(&w->crowd, seed);
    for (uint32_t i = 0; i < WEB_LISTENERS; i++)
        w->listeners[i] = (struct listener){.web = w, .fd = -1};
    for (size_t i = 0; i < VISITOR_STATES; i++)
        w->visitors[i].next = w->visitors[i].prev = &w->visitors[i];
}

static void look_at_drain(struct web *w)
{
    if (w->role->is_draining && w->visitor_count == 0 && w->daemon != NULL)
        role_drained(w->role);
}

void visitor_free(struct visitor *v)
{
    struct web *w = v->web;
    leave(&v->place);
    if (v->is_counted)
        crowd_remove(&w->crowd, &v->ip);
    w->visitor_count--;
    request_free(v->request);
    free(v);
    if (w->is_paused)
        open_doors(w);
    look_at_drain(w);
}

static void send_all_off(struct web *w, enum visitor_state state)
{
    struct visitor *v;
    while ((v = longest(w, state, 0)) != NULL)
        send_off(v);
}

static void drain_late(struct timer *t)
{
    struct web *w = CONTAINER_OF(t, struct web, drain);
    for (size_t state = 0; state < VISITOR_LEAVES; state++)
        send_all_off(w, (enum visitor_state)state);
}

void visitors_drain(struct web *w)
{
    visitors_close_doors(w);
    send_all_off(w, VISITOR_WAITS);
    timer_set(w->role->loop, &w->drain, w->conf->timeouts.drain, drain_late);
    look_at_drain(w);
}

void visitors_release(struct web *w)
{
    visitors_close_doors(w);
    timer_stop(w->role->loop, &w->tick);
    timer_stop(w->role->loop, &w->drain);
}
