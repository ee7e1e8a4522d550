/* smtpd: speaks SMTP with clients. Two classes of it run, mx (port 25) and submit (465, 587), so
 * that a stranger's parser never shares memory with a user's password.
 *
 * It holds client connections and nothing else: whether a mailbox exists it asks directory, what a
 * client is called resolver, how many sessions there are counters, signatures come from keys, and
 * messages go to queue. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/smtpd/answers.h"
#include "src/smtpd/client.h"

/* Listeners open when all peers are there, or after this time with those that are. */
enum { GATE_MS = 3000, ACCEPT_AGAIN_MS = 100, ACCEPTS_A_TURN = 64 };

static struct server self;

/* ---- listeners ---- */

static void accept_again(struct timer *t);

static void accept_client(struct listener *l, int fd, const struct sockaddr_storage *from)
{
    struct ip ip = {0};
    uint16_t port = 0;
    if (from->ss_family == AF_UNIX) {
        /* A program of this machine: it has no address. */
    } else if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        ip.family = IP_V4;
        memcpy(ip.bytes, &v4->sin_addr, 4);
        port = ntohs(v4->sin_port);
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        ip.family = IP_V6;
        memcpy(ip.bytes, &v6->sin6_addr, 16);
        ip = ip_unmap(&ip);
        port = ntohs(v6->sin6_port);
    }
    client_new(l->server, l->index, fd, &ip, port);
}

static void on_listener(struct watch *w, uint32_t events)
{
    struct listener *l = CONTAINER_OF(w, struct listener, watch);
    struct server *s = l->server;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from;
        socklen_t n = sizeof from;
        int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept_client(l, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct log_line line;
            log_begin(&line, s->role->log, LOG_ERROR, "smtp.accept-failed");
            log_error(&line, errno);
            log_end(&line);
            watch_change(s->role->loop, w, 0);
            timer_set(s->role->loop, &s->again, ACCEPT_AGAIN_MS, accept_again);
            return;
        }
        if (errno == EAGAIN)
            return; /* other errors are of one connection that is gone already */
    }
}

static bool may_listen(const struct listener *l)
{
    const struct conf *c = l->server->rules->conf;
    if (l->fd < 0 || !l->server->is_open || l->index >= c->listen.n)
        return false;
    /* Without a certificate there is nothing to say on a TLS port: the backlog waits. */
    return c->listen.v[l->index].tls != CONF_TLS_IMPLICIT || tls_is_ready(l->server->tls);
}

static void start_listeners(struct server *s)
{
    for (size_t i = 0; i < SERVER_LISTENERS; i++) {
        struct listener *l = &s->listeners[i];
        if (!may_listen(l))
            continue;
        if (l->watch.is_started)
            watch_change(s->role->loop, &l->watch, WATCH_READ);
        else if (watch_start(s->role->loop, &l->watch, l->fd, WATCH_READ, on_listener) != 0)
            role_fail(s->role, "smtp.listen-failed", ENOMEM);
    }
}

static void accept_again(struct timer *t)
{
    start_listeners(CONTAINER_OF(t, struct server, again));
}

static void close_listener(struct listener *l)
{
    if (l->watch.is_started)
        watch_stop(l->server->role->loop, &l->watch);
    if (l->fd >= 0)
        (void)close(l->fd); /* master holds it too */
    l->fd = -1;
}

static void open_gate(struct timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, gate);
    s->is_open = true;
    start_listeners(s);
}

static bool wants_tls(const struct conf *c)
{
    for (size_t i = 0; i < c->listen.n; i++)
        if (c->listen.v[i].tls != CONF_TLS_NONE)
            return c->tls.certificates.n > 0;
    return false;
}

/* Has everybody come whom a message needs? Then there is no reason to keep clients waiting. */
static void look_at_gate(struct server *s)
{
    static const enum role_id needed[] = {ROLE_QUEUE, ROLE_DIRECTORY};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (role_peer(s->role, needed[i], 0) == NULL)
            return;
    if (wants_tls(s->rules->conf) && !tls_is_ready(s->tls))
        return;
    timer_stop(s->role->loop, &s->gate);
    open_gate(&s->gate);
}

/* ---- peers ---- */

void server_count_out(struct server *s, const struct ip *ip)
{
    struct rpc *counters = role_peer(s->role, ROLE_COUNTERS, 0);
    if (counters == NULL)
        return; /* its counts are gone with it */
    if (rpc_send_session_close(counters, &(struct ipc_session_close){ip_bytes(ip)}) == -EAGAIN)
        buf_add(&s->closed, slice_of(ip, sizeof *ip));
}

static void count_out_again(struct server *s)
{
    struct buf waiting = s->closed;
    buf_init(&s->closed, waiting.max);
    for (size_t at = 0; at + sizeof(struct ip) <= waiting.n; at += sizeof(struct ip)) {
        struct ip ip;
        memcpy(&ip, waiting.p + at, sizeof ip);
        server_count_out(s, &ip);
    }
    buf_release(&waiting);
}

static int ask_signature(void *user, uint64_t id, slice key_id, uint16_t scheme, slice tbs)
{
    struct server *s = user;
    struct rpc *keys = role_peer(s->role, ROLE_KEYS, 0);
    if (keys == NULL)
        return -EPIPE;
    return rpc_call_sign(keys, id,
                         &(struct ipc_sign){.key_id = key_id, .scheme = scheme, .text = tbs});
}

static void on_peer(struct role *r, struct rpc *peer)
{
    (void)peer;
    look_at_gate(r->self);
}

static void on_gone(struct role *r, struct rpc *peer)
{
    struct server *s = r->self;
    if (rpc_peer(peer) == ROLE_COUNTERS) {
        buf_clear(&s->closed);
        buf_clear(&s->orphans);
        client_forget_counts(s);
    }
    if (rpc_peer(peer) == ROLE_DIRECTORY)
        client_forget_exchanges(s);
    if (rpc_peer(peer) == ROLE_QUEUE)
        s->space_is_low = false;
}

static void on_writable(struct role *r, struct rpc *peer)
{
    struct server *s = r->self;
    if (rpc_peer(peer) == ROLE_COUNTERS)
        count_out_again(s);
    client_put_again(s);
}

static void on_admin(struct server *s, struct rpc *peer, const struct ipc_message *m)
{
    struct buf json;
    buf_init(&json, 512);
    buf_addf(&json,
             "{\"role\":\"%s\",\"open\":%u,\"sessions\":%llu,\"messages\":%llu,\"refusals\":%llu,"
             "\"cache_hits\":%llu,\"cache_misses\":%llu}",
             role_name(s->role->id), s->client_count, (unsigned long long)s->sessions,
             (unsigned long long)s->messages, (unsigned long long)s->refusals,
             (unsigned long long)s->recipients.hits, (unsigned long long)s->recipients.misses);
    /* A reply is never refused for want of room; a peer that is gone needs none. */
    (void)!rpc_reply_admin_answer(peer, m->call, &(struct ipc_admin_answer){buf_slice(&json)});
    buf_release(&json);
}

static void on_message(struct role *r, struct rpc *peer, struct ipc_message *m)
{
    struct server *s = r->self;
    int err = 0;
    if (m->type == IPC_GENERATION_PAGE) {
        err = genpage_open(&s->generation, m->generation_page.fd);
    } else if (m->type == IPC_CERTIFICATE) {
        const struct ipc_certificate *c = &m->certificate;
        err = tls_certificate(s->tls, c->index, c->count, c->key_id, c->names, c->chain);
        look_at_gate(s);
        start_listeners(s);
    } else if (m->type == IPC_AUTHORITIES) {
        err = authorities_take(s, m->authorities.file, m->authorities.certificates);
    } else if (m->type == IPC_TICKET_KEYS) {
        err = tls_ticket_keys(s->tls, m->ticket_keys.keys);
    } else if (m->type == IPC_PRESSURE) {
        s->space_is_low = m->pressure.level != 0;
    } else if (m->type == IPC_REVOKE) {
        client_revoke(s, &m->revoke);
    } else if (m->type == IPC_ADMIN) {
        on_admin(s, peer, m);
    }
    if (err != 0) {
        struct log_line line;
        log_begin(&line, r->log, LOG_ERROR, "ipc.refused");
        log_cstr(&line, "message", ipc_name(m->type));
        log_error(&line, err);
        log_end(&line);
    }
}

/* ---- the role's life ---- */

static void allow_many_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* with fewer there are fewer clients, no less */
    }
}

static bool apply_tls_policy(struct server *s, const struct conf *c)
{
    struct log_line line;
    int err = tls_policy(s->tls, c->tls.min_version == CONF_TLS_1_3, c->tls.ciphers);
    if (err == 0)
        return true;
    log_begin(&line, s->role->log, LOG_ERROR, "tls.ciphers-refused");
    log_slice(&line, "ciphers", c->tls.ciphers);
    log_error(&line, err);
    log_end(&line);
    return false;
}

static int smtpd_open(struct role *r, slice text)
{
    static const struct tls_ops tls_ops = {.sign = ask_signature};
    uint64_t seed;
    struct server *s = &self;
    r->self = s;
    s->role = r;
    for (uint32_t i = 0; i < SERVER_LISTENERS; i++)
        s->listeners[i] = (struct listener){.server = s, .index = i, .fd = -1};
    effects_init(&s->fx);
    buf_init(&s->closed, 1024 * 1024);
    buf_init(&s->orphans, 1024 * 1024);
    s->generation.fd = -1;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return -EIO;
    recipient_cache_init(&s->recipients, SERVER_RECIPIENTS_CACHED, seed);
    crowd_init(&s->crowd, seed);
    allow_many_descriptors();
    s->rules = ruleset_new(text);
    s->conns = conn_set_new(r->loop);
    s->tls = tls_new(&tls_ops, s);
    if (s->rules == NULL || s->conns == NULL || s->tls == NULL)
        return -ENOMEM;
    (void)apply_tls_policy(s, s->rules->conf); /* with wrong ciphers the default is the safe way */
    timer_set(r->loop, &s->gate, GATE_MS, open_gate);
    return 0;
}

static bool smtpd_reconfigure(struct role *r, slice text)
{
    struct server *s = r->self;
    struct ruleset *rules = ruleset_new(text);
    if (rules == NULL)
        return false;
    if (!apply_tls_policy(s, rules->conf)) {
        ruleset_unref(rules);
        return false;
    }
    ruleset_unref(s->rules);
    s->rules = rules;
    authorities_apply(s);
    start_listeners(s);
    return true;
}

static void smtpd_listener(struct role *r, uint32_t index, int fd)
{
    struct server *s = r->self;
    if (index >= SERVER_LISTENERS) {
        if (fd >= 0)
            (void)close(fd); /* master's copy stays; conf allows fewer listeners than this */
        return;
    }
    struct listener *l = &s->listeners[index];
    int on = 1;
    close_listener(l);
    l->fd = fd;
    /* Inherited by what is accepted: replies are written once a turn, nothing is to be held back.
     */
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    start_listeners(s);
}

void server_look_at_drain(struct server *s)
{
    if (s->role->is_draining && s->client_count == 0)
        role_drained(s->role);
}

static void drain_late(struct timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, drain);
    client_drain_all(s, true);
    server_look_at_drain(s);
}

static void smtpd_drain(struct role *r)
{
    struct server *s = r->self;
    for (size_t i = 0; i < SERVER_LISTENERS; i++)
        close_listener(&s->listeners[i]);
    timer_stop(r->loop, &s->again);
    timer_stop(r->loop, &s->gate);
    client_drain_all(s, false);
    timer_set(r->loop, &s->drain, s->rules->conf->timeouts.drain, drain_late);
    server_look_at_drain(s);
}

static void smtpd_close(struct role *r)
{
    struct server *s = r->self;
    for (size_t i = 0; i < SERVER_LISTENERS; i++)
        close_listener(&s->listeners[i]);
    conn_set_end(s->conns);
    timer_stop(r->loop, &s->gate);
    timer_stop(r->loop, &s->again);
    timer_stop(r->loop, &s->drain);
    conn_set_free(s->conns);
    authorities_release(s);
    tls_free(s->tls);
    ruleset_unref(s->rules);
    recipient_cache_release(&s->recipients);
    genpage_close(&s->generation);
    effects_release(&s->fx);
    buf_release(&s->closed);
    buf_release(&s->orphans);
    free(s->clients);
    free(s->serials);
    free(s->free_places);
}

static const struct role_spec spec = {
    .roles = ROLES_SMTPD,
    .open = smtpd_open,
    .reconfigure = smtpd_reconfigure,
    .peer = on_peer,
    .gone = on_gone,
    .message = on_message,
    .answer = answers_take,
    .writable = on_writable,
    .listener = smtpd_listener,
    .drain = smtpd_drain,
    .close = smtpd_close,
};

int main(int argc, char **argv)
{
    return role_main(&spec, argc, argv);
}
