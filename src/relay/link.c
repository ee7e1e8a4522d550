/* link: one connection to a server, and the client on it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/relay/relay.h"
#include "sys/answers.h"

enum {
    CONNECT_MS = 30 * 1000,
    CLOSE_MS = 1000,
    PIECE_BYTES = 32 * 1024,
};

enum link_state {
    LINK_OPENING, /* no connection yet */
    LINK_OPEN,
    LINK_CLOSING, /* out of its host's list; gone with on_closed */
};

struct link {
    struct link *next; /* of its host's */
    struct host *host; /* NULL when closing */
    struct relay *relay;
    uint64_t id;
    enum link_state state;
    int fd; /* ours while opening */
    struct watch connecting;
    struct conn *conn;
    struct client client;
    struct timer timer;
    struct transfer *transfer; /* NULL: idle */
    uint64_t served;           /* messages before this one */
    bool is_greeted;           /* our hello was answered: the server works */
};

static void serve(struct link *l);
static void connected(struct link *l, int fd);

static uint64_t now_ms(const struct link *l)
{
    return loop_now_ms(l->relay->role->loop);
}

/* ---- the end ---- */

static void leave_host(struct link *l)
{
    struct host *h = l->host;
    struct link **at = &h->links;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    h->link_count--;
    l->host = NULL;
}

static void link_free(struct link *l)
{
    timer_stop(l->relay->role->loop, &l->timer);
    watch_stop(l->relay->role->loop, &l->connecting);
    if (l->fd >= 0)
        (void)close(l->fd); /* nothing was written */
    if (l->state != LINK_OPENING)
        client_release(&l->client);
    free(l);
}

/* What it was about to send is put off, and the host with it. */
static void cannot_connect(struct link *l, int error)
{
    struct host *h = l->host;
    struct transfer *t = l->transfer;
    const char *name = strerrorname_np(error);
    struct buf why;
    buf_init(&why, 1024);
    buf_addf(&why, "4.4.1 no connection to %s (%s)", h->name, name != NULL ? name : "?");
    leave_host(l);
    link_free(l);
    host_put_first(h, t);
    host_failed(h, buf_slice(&why));
    buf_release(&why);
    host_kick(h);
}

/* The client has had enough of it. */
static void hang_up(struct link *l)
{
    struct host *h = l->host;
    l->state = LINK_CLOSING;
    timer_stop(l->relay->role->loop, &l->timer);
    leave_host(l);
    if (l->client.fault == CLIENT_NO_FAULT)
        conn_close(l->conn, CLOSE_MS);
    else
        conn_abort(l->conn);
    host_kick(h);
}

/* ---- messages ---- */

static void begin(struct link *l, struct transfer *t)
{
    l->transfer = t;
    transfer_rewind(t);
    client_send(&l->client, &t->message, now_ms(l));
}

/* The server closed an idle connection just when we took it up again: that was no try. */
static bool was_stale(const struct link *l)
{
    const struct transfer *t = l->transfer;
    bool is_stale = l->served > 0 && !t->is_again &&
                    (l->client.fault == CLIENT_CLOSED || l->client.fault == CLIENT_NO_SERVICE);
    for (size_t i = 0; is_stale && i < t->message.rcpt_count; i++)
        is_stale = t->rcpts[i].result == CLIENT_LATER &&
                   (t->rcpts[i].stage == CLIENT_AT_MAIL || t->rcpts[i].stage == CLIENT_AT_IDLE ||
                    t->rcpts[i].stage == CLIENT_AT_GONE || t->rcpts[i].stage == CLIENT_AT_RSET);
    return is_stale;
}

/* Nothing was said about this message, but of the server. */
static bool is_about_host(const struct link *l)
{
    return !l->is_greeted && l->client.fault != CLIENT_NO_FAULT &&
           l->client.fault != CLIENT_ABORTED && l->client.fault != CLIENT_NO_MEMORY;
}

static void finish(struct link *l)
{
    struct transfer *t = l->transfer;
    struct buf why;
    buf_init(&why, 8192);
    l->transfer = NULL;
    if (is_about_host(l)) {
        client_rcpt_print(&why, &t->rcpts[0]);
        relay_answer(l->relay, t);
        host_failed(l->host, buf_slice(&why));
    } else {
        relay_answer(l->relay, t);
    }
    buf_release(&why);
    client_next(&l->client);
    l->served++;
}

static void finish_or_repeat(struct link *l)
{
    struct transfer *t = l->transfer;
    if (!was_stale(l)) {
        finish(l);
        return;
    }
    t->is_again = true;
    l->transfer = NULL;
    client_next(&l->client);
    host_put_first(l->host, t);
}

static void next_message(struct link *l)
{
    struct transfer *t = host_next(l->host);
    bool is_kept = !l->relay->role->is_draining && l->relay->conf->relay.idle > 0;
    if (t != NULL)
        begin(l, t);
    else if (!is_kept)
        client_quit(&l->client, now_ms(l));
}

/* ---- what the client wants ---- */

static void give_text(struct link *l)
{
    char room[PIECE_BYTES];
    slice piece;
    bool is_last;
    int err = transfer_read(l->transfer, room, sizeof room, &piece, &is_last);
    if (err == 0) {
        client_text(&l->client, piece, is_last, now_ms(l));
        return;
    }
    struct log_line line;
    log_begin(&line, l->relay->role->log, LOG_ERROR, "transfer.unreadable");
    log_error(&line, err);
    log_end(&line);
    client_fail(&l->client, CLIENT_ABORTED);
}

static void on_timer(struct timer *timer)
{
    struct link *l = CONTAINER_OF(timer, struct link, timer);
    if (l->state == LINK_OPENING) {
        cannot_connect(l, ETIMEDOUT);
        return;
    }
    if (client_want(&l->client) == CLIENT_WANTS_MESSAGE)
        client_quit(&l->client, now_ms(l));
    else if (l->transfer != NULL && now_ms(l) >= l->transfer->ends_ms)
        client_fail(&l->client, CLIENT_TIMEOUT);
    else
        client_tick(&l->client, now_ms(l));
    serve(l);
}

static void set_timer(struct link *l)
{
    uint64_t at = l->client.deadline_ms;
    if (client_want(&l->client) == CLIENT_WANTS_MESSAGE)
        at = now_ms(l) + l->relay->conf->relay.idle;
    else if (l->transfer != NULL && l->transfer->ends_ms < at)
        at = l->transfer->ends_ms;
    if (at != UINT64_MAX)
        timer_set(l->relay->role->loop, &l->timer, at > now_ms(l) ? at - now_ms(l) : 0, on_timer);
}

/* False: nothing more can be done now. */
static bool serve_once(struct link *l)
{
    switch (client_want(&l->client)) {
    case CLIENT_WANTS_NOTHING:
        return false;
    case CLIENT_WANTS_MESSAGE:
        next_message(l);
        return client_want(&l->client) != CLIENT_WANTS_MESSAGE;
    case CLIENT_WANTS_TEXT:
        /* Strictly more than that, or on_drain would not come. */
        if (conn_unsent(l->conn) > CONN_OUT_HIGH_BYTES)
            return false;
        give_text(l);
        return true;
    case CLIENT_WANTS_RESULT:
        finish_or_repeat(l);
        return true;
    case CLIENT_WANTS_CLOSE:
        hang_up(l);
        return false;
    }
    return false;
}

static void serve(struct link *l)
{
    bool goes_on;
    do {
        if (!l->is_greeted && l->client.stage > CLIENT_AT_HELLO &&
            l->client.stage != CLIENT_AT_GONE) {
            l->is_greeted = true;
            host_works(l->host);
        }
        goes_on = serve_once(l);
        if (l->client.out.n > 0 && l->state == LINK_OPEN)
            conn_write(l->conn, buf_slice(&l->client.out));
        buf_clear(&l->client.out);
    } while (goes_on);
    if (l->state != LINK_OPEN)
        return;
    set_timer(l);
}

/* ---- the connection ---- */

static size_t on_data(void *user, struct conn *c, slice in)
{
    struct link *l = user;
    size_t n = in.n;
    (void)c;
    while (in.n > 0 && l->state == LINK_OPEN) {
        client_feed(&l->client, &in, now_ms(l));
        serve(l);
    }
    return n;
}

static void on_eof(void *user, struct conn *c)
{
    struct link *l = user;
    (void)c;
    client_fail(&l->client, CLIENT_CLOSED);
    serve(l);
}

static void on_drain(void *user, struct conn *c)
{
    (void)c;
    serve(user);
}

static void on_closed(void *user, struct conn *c, enum conn_end end, slice detail)
{
    struct link *l = user;
    (void)c, (void)detail;
    if (l->state == LINK_OPEN) {
        struct host *h = l->host;
        client_fail(&l->client, end == CONN_END_LOCAL ? CLIENT_NO_MEMORY : CLIENT_CLOSED);
        if (l->transfer != NULL)
            finish_or_repeat(l);
        leave_host(l);
        host_kick(h);
    }
    link_free(l);
}

static const struct conn_ops conn_ops = {.on_data = on_data,
                                         .on_eof = on_eof,
                                         .on_drain = on_drain,
                                         .on_closed = on_closed};

static void connected(struct link *l, int fd)
{
    const struct client_options options = {CLIENT_LMTP, l->relay->conf->server.host};
    l->conn = conn_new(l->relay->conns, fd, &conn_ops, l);
    if (l->conn == NULL) {
        cannot_connect(l, ENOMEM);
        return;
    }
    l->state = LINK_OPEN;
    client_init(&l->client, &options, now_ms(l));
    begin(l, l->transfer);
    serve(l);
}

static void on_connecting(struct watch *w, uint32_t events)
{
    struct link *l = CONTAINER_OF(w, struct link, connecting);
    int error = 0, fd = l->fd;
    socklen_t n = sizeof error;
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error != 0) {
        cannot_connect(l, error);
        return;
    }
    watch_stop(l->relay->role->loop, w);
    l->fd = -1;
    connected(l, fd);
}

static socklen_t address_of(const struct conf_endpoint *at, struct sockaddr_storage *ret)
{
    *ret = (struct sockaddr_storage){0};
    if (at->ip.family == IP_V4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(at->port);
        memcpy(&v4->sin_addr, at->ip.bytes, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(at->port);
    memcpy(&v6->sin6_addr, at->ip.bytes, 16);
    return sizeof *v6;
}

/* 0: on its way; else -errno. */
static int connect_tcp(struct link *l, const struct conf_endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t n = address_of(at, &address);
    int one = 1;
    l->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return -errno;
    /* Small commands go out at once; without it all is only slower. */
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(l->fd, (const struct sockaddr *)&address, n) != 0 && errno != EINPROGRESS)
        return -errno;
    return watch_start(l->relay->role->loop, &l->connecting, l->fd, WATCH_WRITE, on_connecting);
}

static int ask_master(const struct link *l, uint32_t index)
{
    const struct ipc_unix_open ask = {.generation = l->relay->role->generation,
                                      .place = UNIX_LMTP,
                                      .index = index};
    return rpc_call_unix_open(l->relay->role->master, l->id, &ask);
}

void link_new(struct host *h, struct transfer *t)
{
    struct link *l = calloc(1, sizeof *l);
    struct conf_endpoint at;
    uint32_t index;
    if (l == NULL) {
        transfer_put_off(t, SLICE_LIT("4.3.0 there is no memory here"));
        relay_answer(h->relay, t);
        return;
    }
    *l = (struct link){.next = h->links,
                       .host = h,
                       .relay = h->relay,
                       .id = ++h->relay->next_link,
                       .fd = -1,
                       .transfer = t};
    h->links = l;
    h->link_count++;
    timer_set(l->relay->role->loop, &l->timer, CONNECT_MS, on_timer);
    int err = !host_place(h, &at, &index) ? -ENOENT
              : at.port != 0              ? connect_tcp(l, &at)
                                          : ask_master(l, index);
    if (err == 0)
        return;
    leave_host(l);
    link_free(l);
    host_put_first(h, t);
    host_failed(h, SLICE_LIT("4.3.5 the configuration has no such server, or it cannot be asked"));
}

bool link_reuse(struct host *h, struct transfer *t)
{
    struct link *l = h->links;
    while (l != NULL && !(l->state == LINK_OPEN && l->transfer == NULL &&
                          client_want(&l->client) == CLIENT_WANTS_MESSAGE))
        l = l->next;
    if (l == NULL)
        return false;
    begin(l, t);
    serve(l);
    return true;
}

void link_opened(struct relay *r, uint64_t id, int fd, int error)
{
    for (struct host *h = r->hosts; h != NULL; h = h->next)
        for (struct link *l = h->links; l != NULL; l = l->next)
            if (l->id == id) {
                if (fd >= 0)
                    connected(l, fd);
                else
                    cannot_connect(l, error);
                return;
            }
    /* It was given up meanwhile. */
    if (fd >= 0)
        (void)close(fd);
}

void links_abort(struct host *h, bool all)
{
    for (struct link *l = h->links, *next; l != NULL; l = next) {
        next = l->next;
        if (l->state == LINK_OPENING) {
            if (all)
                cannot_connect(l, ECANCELED);
        } else if (l->transfer != NULL && (all || l->client.stage < CLIENT_AT_FINAL)) {
            client_fail(&l->client, CLIENT_ABORTED);
            serve(l);
        }
    }
}

void links_quit(struct host *h)
{
    for (struct link *l = h->links, *next; l != NULL; l = next) {
        next = l->next;
        if (l->state == LINK_OPEN && client_want(&l->client) == CLIENT_WANTS_MESSAGE) {
            client_quit(&l->client, now_ms(l));
            serve(l);
        }
    }
}

void links_free(struct host *h)
{
    for (struct link *l = h->links, *next; l != NULL; l = next) {
        next = l->next;
        transfer_free(l->transfer);
        leave_host(l);
        link_free(l);
    }
}
