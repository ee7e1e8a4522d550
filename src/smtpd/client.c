#include "src/smtpd/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/smtp/envelope.h"
#include "lib/smtp/queueid.h"
#include "src/smtpd/store.h"
#include "sys/clock.h"

enum { CLOSE_MS = 5000, MEMFD_BYTES = 1024 * 1024, CROWD_ROOM = 16, CROWD_LOG_MS = 1000 };

/* One commit has an envelope, a header section (limits header-size in keys.def) and Received; a
 * body is beside them only when it and the header section are small. */
enum { HEADER_SIZE_MAX = 96 * 1024, ADDED_ROOM = 16 * 1024 };
_Static_assert(ENVELOPE_MAX_BYTES + HEADER_SIZE_MAX + ADDED_ROOM <= IPC_DATAGRAM_MAX,
               "the largest commit fits a datagram");

/* A question whose channel was full; the key of a commit is in the session. */
struct waiting_ask {
    struct waiting_ask *next;
    uint32_t id;
    enum question_kind kind;
    size_t key_n;
    char key[];
};

struct client {
    struct server *server;
    struct conn *conn;
    struct session *session; /* NULL before an implicit handshake is done */
    struct ruleset *rules;
    struct timer timer;
    struct store store;
    struct session_commit commit; /* while its answer is open */
    struct waiting_ask *waiting;
    struct client *next_stalled;
    uint32_t number;
    uint32_t listener;
    uint32_t admit_ask; /* not 0: counters are being asked */
    uint32_t file_asks;
    uint32_t
        open_file_ask; /* not 0: a file for the body was asked for, nothing is read until then */
    uint64_t timer_at_ms;
    struct ip ip;
    uint16_t port;
    bool is_stalled; /* in server->stalled */
    bool is_counted; /* counters know of this session */
    bool is_crowd;   /* in server->crowd */
    bool is_live;    /* in server->live_count */
    bool is_paused;  /* conn holds bytes that the session has not taken */
    bool is_closing;
    bool has_eof;
    bool has_commit; /* c->commit is to be asked for, or has been */
    bool store_failed;
};

/* ---- tokens: which client, which question ---- */

static uint64_t token_of(const struct client *c, uint32_t id)
{
    return (uint64_t)c->number << 32 | id;
}

static void carry_out(struct client *c);

static uint64_t now_ms(const struct client *c)
{
    return loop_now_ms(c->server->role->loop);
}

static int64_t wall_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

static void give(struct client *c, uint32_t id, const struct answer *answer)
{
    session_answer(c->session, id, answer, now_ms(c), wall_s(), &c->server->fx);
    carry_out(c);
}

static bool takes_bytes(const struct client *c)
{
    return c->session != NULL && !c->is_closing && c->open_file_ask == 0 &&
           !session_is_waiting(c->session);
}

/* Closing may take its time, and who is being refused takes no place from anybody. */
static void end_life(struct client *c)
{
    if (c->is_live)
        c->server->live_count--;
    c->is_live = false;
}

static void begin_close(struct client *c)
{
    c->is_closing = true;
    end_life(c);
    conn_close(c->conn, CLOSE_MS);
}

/* After whatever may have ended the session's waiting. */
static void go_on(struct client *c)
{
    if (!takes_bytes(c))
        return;
    if (c->is_paused) {
        c->is_paused = false;
        conn_resume(c->conn);
    } else if (c->has_eof) {
        begin_close(c);
    }
}

/* ---- questions ---- */

static void stall(struct client *c, uint32_t id, enum question_kind kind, slice key)
{
    struct waiting_ask *w = malloc(sizeof *w + key.n);
    if (w == NULL) {
        const struct answer none = {.state = ANSWER_FAILED};
        give(c, id, &none);
        return;
    }
    *w = (struct waiting_ask){.next = c->waiting, .id = id, .kind = kind, .key_n = key.n};
    if (key.n > 0)
        memcpy(w->key, key.p, key.n);
    c->waiting = w;
    if (!c->is_stalled) {
        c->is_stalled = true;
        c->next_stalled = c->server->stalled;
        c->server->stalled = c;
    }
}

static int ask_commit(struct client *c, struct rpc *queue, uint32_t id)
{
    const struct session_commit *m = &c->commit;
    struct ipc_commit fields = {
        .file = m->stored ? c->store.file : 0,
        .body_bytes = m->body_bytes,
        .envelope = m->envelope,
        .added = m->added,
        .header = m->header,
        .body = m->body,
        .fd = m->stored && c->store.file == 0 ? c->store.fd : -1,
    };
    int err = rpc_call_commit(queue, token_of(c, id), &fields);
    if (err == 0) {
        if (fields.fd >= 0)
            c->store.fd = -1; /* the channel's now */
        c->store.file = 0;
        store_release(&c->store);
    }
    return err;
}

static int ask_recipient(struct client *c, struct rpc *directory, uint32_t id, slice key)
{
    const struct ipc_rcpt_check fields = {.address = key, .smtputf8 = 1};
    return rpc_call_rcpt_check(directory, token_of(c, id), &fields);
}

/* Whom a kind of question goes to. */
static struct rpc *peer_for(struct client *c, enum question_kind kind)
{
    enum role_id peer = kind == QUESTION_ADMIT         ? ROLE_COUNTERS
                        : kind == QUESTION_CLIENT_NAME ? ROLE_RESOLVER
                        : kind == QUESTION_RECIPIENT   ? ROLE_DIRECTORY
                                                       : ROLE_QUEUE;
    return role_peer(c->server->role, peer, 0);
}

static bool is_unlimited(const struct ruleset *rules, const struct ip *ip)
{
    const struct conf_nets *nets = &rules->conf->limits.unlimited;
    for (size_t i = 0; i < nets->n; i++)
        if (ip_net_has(&nets->v[i], ip))
            return true;
    return false;
}

/* What needs no asking: false when somebody has to be asked. */
static bool answer_here(struct client *c, enum question_kind kind, slice key, struct answer *ret)
{
    struct server *s = c->server;
    slice canonical;
    *ret = (struct answer){.state = ANSWER_GIVEN};
    switch (kind) {
    case QUESTION_ADMIT:
        if (s->live_count > s->rules->conf->limits.sessions) {
            ret->code = ADMIT_TOO_MANY;
            return true;
        }
        return is_unlimited(c->rules, &c->ip);
    case QUESTION_SPACE:
        if (role_peer(s->role, ROLE_QUEUE, 0) == NULL)
            ret->state = ANSWER_FAILED;
        ret->code = s->space_is_low ? SPACE_LOW : SPACE_YES;
        return true;
    case QUESTION_RECIPIENT:
        ret->code = RECIPIENT_YES;
        return recipient_cache_find(&s->recipients, key, genpage_read(&s->generation), &canonical);
    case QUESTION_CLIENT_NAME:
    case QUESTION_COMMIT:
    case QUESTION_AUTH:
    case QUESTION_SENDER:
    case QUESTION_EXPN:
        break;
    }
    return false;
}

static void put_ask(struct client *c, uint32_t id, enum question_kind kind, slice key)
{
    struct rpc *peer = peer_for(c, kind);
    int err = -EPIPE;
    if (peer != NULL) {
        switch (kind) {
        case QUESTION_ADMIT:
            err = rpc_call_session_open(peer, token_of(c, id), &(struct ipc_session_open){key});
            c->admit_ask = err == 0 ? id : 0;
            break;
        case QUESTION_CLIENT_NAME:
            err = rpc_call_dns_ptr(peer, token_of(c, id), &(struct ipc_dns_ptr){key});
            break;
        case QUESTION_RECIPIENT:
            err = ask_recipient(c, peer, id, key);
            break;
        case QUESTION_COMMIT:
            err = ask_commit(c, peer, id);
            break;
        case QUESTION_SPACE:
        case QUESTION_AUTH:
        case QUESTION_SENDER:
        case QUESTION_EXPN:
            break;
        }
    }
    if (err == -EAGAIN) {
        stall(c, id, kind, key);
    } else if (err != 0) {
        struct answer none = {.state = ANSWER_FAILED};
        if (kind == QUESTION_COMMIT) {
            none = (struct answer){.state = ANSWER_GIVEN,
                                   .code = err == -EPIPE ? COMMIT_NOT_ASKED : COMMIT_FAILED};
        }
        give(c, id, &none);
    }
}

void client_put_again(struct server *s)
{
    struct client *c = s->stalled;
    s->stalled = NULL;
    while (c != NULL) {
        struct client *next = c->next_stalled;
        struct waiting_ask *w = c->waiting;
        c->is_stalled = false;
        c->waiting = NULL;
        while (w != NULL) {
            struct waiting_ask *rest = w->next;
            if (c->session != NULL)
                put_ask(c, w->id, w->kind, slice_of(w->key, w->key_n));
            free(w);
            w = rest;
        }
        c = next;
    }
}

/* ---- the body's store ---- */

static void lose_store(struct client *c, int err)
{
    session_store_failed(c->session, err == -ENOSPC || err == -EDQUOT);
    store_release(&c->store);
    c->store_failed = true;
}

/* Not asked for yet, since the channel was full: its slices go with the transaction. */
static void forget_commit(struct client *c)
{
    struct waiting_ask **at = &c->waiting;
    c->has_commit = false;
    c->commit = (struct session_commit){0};
    while (*at != NULL) {
        struct waiting_ask *w = *at;
        if (w->kind == QUESTION_COMMIT) {
            *at = w->next;
            free(w);
        } else {
            at = &w->next;
        }
    }
}

static void drop_store(struct client *c)
{
    struct rpc *queue = role_peer(c->server->role, ROLE_QUEUE, 0);
    /* A full channel is no harm: queue drops its files when it or we end. */
    if (c->store.file != 0 && queue != NULL)
        (void)!rpc_send_file_drop(queue, &(struct ipc_file_drop){c->store.file});
    store_release(&c->store);
    c->store_failed = false;
    c->open_file_ask = 0;
}

static void store_more(struct client *c, slice bytes)
{
    if (c->store_failed)
        return;
    int err = store_append(&c->store, bytes);
    if (err == 0 && c->store.file == 0 && c->open_file_ask == 0 && c->store.bytes > MEMFD_BYTES) {
        struct rpc *queue = role_peer(c->server->role, ROLE_QUEUE, 0);
        uint32_t id = ++c->file_asks;
        err = queue == NULL ? -EPIPE
                            : rpc_call_file_open(queue, token_of(c, id), &(struct ipc_file_open){});
        c->open_file_ask = err == 0 ? id : 0;
    }
    if (err != 0)
        lose_store(c, err);
}

/* The whole message is here: to queue, once its file is there. */
static void start_commit(struct client *c)
{
    int err = 0;
    if (c->open_file_ask != 0)
        return;
    if (c->commit.stored)
        err = c->store_failed ? -EIO : store_finish(&c->store);
    if (err == 0) {
        put_ask(c, c->commit.ask_id, QUESTION_COMMIT, (slice){0});
        return;
    }
    const struct answer failed = {.state = ANSWER_GIVEN, .code = COMMIT_FAILED};
    drop_store(c);
    give(c, c->commit.ask_id, &failed);
}

void client_file(struct server *s, uint64_t token, uint64_t file, int fd, int err)
{
    struct client *c = server_client(s, (uint32_t)(token >> 32));
    if (c == NULL || c->open_file_ask != (uint32_t)token) {
        struct rpc *queue = role_peer(s->role, ROLE_QUEUE, 0);
        if (fd >= 0)
            (void)close(fd); /* nothing was written to it */
        if (file != 0 && queue != NULL)
            (void)!rpc_send_file_drop(queue, &(struct ipc_file_drop){file});
        return;
    }
    c->open_file_ask = 0;
    if (err == 0)
        err = store_move(&c->store, file, fd);
    if (err != 0)
        lose_store(c, err);
    if (c->has_commit)
        start_commit(c);
    go_on(c);
}

/* ---- the log ---- */

static void log_finding(struct client *c, const struct finding *f)
{
    struct log_line line;
    const struct reason *r = reason_of(f->reason);
    c->server->refusals++;
    log_begin(&line, c->server->role->log, LOG_INFO, "smtp.refused");
    log_slice(&line, "session", session_id(c->session));
    log_cstr(&line, "reason", r->id);
    log_u64(&line, "code", r->basic);
    if (f->about_n > 0)
        log_slice(&line, "about", slice_of(f->about, f->about_n));
    log_end(&line);
}

static void log_accepted(struct client *c, uint64_t id)
{
    char text[QUEUEID_CHARS];
    struct log_line line;
    c->server->messages++;
    log_begin(&line, c->server->role->log, LOG_INFO, "smtp.accepted");
    log_slice(&line, "session", session_id(c->session));
    log_slice(&line, "queue_id", queueid_print(id, text));
    log_slice(&line, "from", c->commit.reverse_path);
    log_u64(&line, "recipients", c->commit.recipients);
    log_u64(&line, "bytes", c->commit.header.n + c->commit.body_bytes);
    log_end(&line);
}

static void log_closed(struct client *c, enum conn_end end, slice detail)
{
    static const char *const ends[] = {
        [CONN_END_DONE] = "done",       [CONN_END_PEER] = "peer",       [CONN_END_TLS] = "tls",
        [CONN_END_TIMEOUT] = "timeout", [CONN_END_ABORTED] = "aborted", [CONN_END_LOCAL] = "local",
    };
    struct log_line line;
    struct buf ip;
    buf_init(&ip, 64);
    ip_print(&ip, &c->ip);
    log_begin(&line, c->server->role->log, LOG_INFO, "smtp.end");
    log_slice(&line, "client", buf_slice(&ip));
    log_u64(&line, "port", c->port);
    if (c->session != NULL) {
        log_slice(&line, "session", session_id(c->session));
        log_u64(&line, "messages", session_messages(c->session));
    }
    log_cstr(&line, "end", ends[end]);
    if (detail.n > 0)
        log_slice(&line, "detail", detail);
    log_end(&line);
    buf_release(&ip);
}

/* ---- effects ---- */

static void on_timer(struct timer *t);

/* The timer is only moved when it would be late; when it is early it looks again. */
static void schedule(struct client *c)
{
    uint64_t at = session_deadline_ms(c->session), now = now_ms(c);
    if (timer_is_set(&c->timer) && c->timer_at_ms <= at)
        return;
    c->timer_at_ms = at;
    timer_set(c->server->role->loop, &c->timer, at > now ? at - now : 0, on_timer);
}

static void on_timer(struct timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);
    if (c->is_closing)
        return;
    session_tick(c->session, now_ms(c), &c->server->fx);
    carry_out(c);
    go_on(c);
}

static void carry_out(struct client *c)
{
    struct server *s = c->server;
    struct effects *fx = &s->fx;
    struct session_ask asks[SESSION_ASKS];
    size_t ask_count = fx->ask_count;
    if (fx->store.n > 0)
        store_more(c, buf_slice(&fx->store));
    if (fx->discard) {
        drop_store(c);
        forget_commit(c);
    }
    for (size_t i = 0; i < fx->finding_count; i++)
        log_finding(c, &fx->findings[i]);
    if (fx->reply.n > 0)
        conn_write(c->conn, buf_slice(&fx->reply));
    if (fx->start_tls)
        conn_start_tls(c->conn, s->tls, (uint32_t)c->rules->conf->timeouts.tls);
    if (fx->close)
        begin_close(c);
    bool has_commit = fx->has_commit;
    if (has_commit)
        c->commit = fx->commit;
    memcpy(asks, fx->asks, ask_count * sizeof asks[0]);
    effects_clear(fx);
    if (has_commit) {
        c->has_commit = true;
        start_commit(c);
    }
    for (size_t i = 0; i < ask_count; i++) {
        struct answer here;
        if (answer_here(c, asks[i].kind, asks[i].key, &here))
            give(c, asks[i].id, &here);
        else
            put_ask(c, asks[i].id, asks[i].kind, asks[i].key);
    }
    if (!c->is_closing)
        schedule(c);
}

void client_answer(struct server *s, uint64_t token, const struct answer *answer)
{
    struct client *c = server_client(s, (uint32_t)(token >> 32));
    if (c == NULL || c->session == NULL)
        return;
    uint32_t id = (uint32_t)token;
    if (c->has_commit && id == c->commit.ask_id) {
        c->has_commit = false;
        if (answer->state == ANSWER_GIVEN && answer->code == COMMIT_DONE)
            log_accepted(c, answer->number);
    }
    give(c, id, answer);
    go_on(c);
}

void client_admitted(struct server *s, uint64_t token, bool is_counted)
{
    struct client *c = server_client(s, (uint32_t)(token >> 32));
    struct ip ip;
    if (c != NULL && c->admit_ask == (uint32_t)token) {
        c->admit_ask = 0;
        c->is_counted = is_counted;
    } else if (server_take_orphan(s, token, &ip) && is_counted) {
        server_count_out(s, &ip);
    }
}

void client_forget_counts(struct server *s)
{
    for (uint32_t i = 0; i < s->place_count; i++)
        if (s->clients[i] != NULL)
            s->clients[i]->is_counted = false;
}

void client_remember_recipient(struct server *s, uint64_t token,
                               const struct ipc_rcpt_verdict *verdict)
{
    const struct client *c = server_client(s, (uint32_t)(token >> 32));
    slice address;
    if (c != NULL && c->session != NULL && session_open_key(c->session, (uint32_t)token, &address))
        recipient_cache_add(&s->recipients, address, verdict->generation, verdict->canonical);
}

/* ---- the connection ---- */

static bool begin_session(struct client *c)
{
    struct server *s = c->server;
    struct session_client who = {.ip = c->ip, .port = c->port, .tls = conn_is_tls(c->conn)};
    const struct session_policy *policy =
        ruleset_policy(c->rules, c->listener, tls_is_ready(s->tls));
    if (getrandom(who.random, sizeof who.random, 0) != (ssize_t)sizeof who.random)
        return false;
    c->session = session_new(policy, &who, now_ms(c), wall_s(), &s->fx);
    if (c->session == NULL)
        return false;
    s->sessions++;
    s->live_count++;
    c->is_live = true;
    carry_out(c);
    return true;
}

static size_t on_data(void *user, struct conn *conn, slice in)
{
    struct client *c = user;
    size_t took = 0;
    (void)conn;
    while (took < in.n && takes_bytes(c)) {
        size_t n =
            session_feed(c->session, slice_tail(in, took), now_ms(c), wall_s(), &c->server->fx);
        took += n;
        carry_out(c);
        if (n == 0 && takes_bytes(c))
            break;
    }
    if (c->is_closing)
        return in.n;
    c->is_paused = took < in.n;
    return took;
}

static void on_eof(void *user, struct conn *conn)
{
    struct client *c = user;
    (void)conn;
    c->has_eof = true;
    if (c->session == NULL)
        begin_close(c);
    go_on(c);
}

static void on_tls(void *user, struct conn *conn, const struct tls_facts *facts, slice why)
{
    struct client *c = user;
    struct session_tls tls = {0};
    (void)why;
    if (facts != NULL)
        tls = (struct session_tls){facts->version, facts->cipher, facts->sni};
    if (c->session == NULL) {
        if (facts == NULL)
            return; /* on_closed follows */
        if (!begin_session(c)) {
            conn_abort(conn);
            return;
        }
    }
    session_tls_done(c->session, facts == NULL ? NULL : &tls, now_ms(c), &c->server->fx);
    carry_out(c);
    go_on(c);
}

static void on_closed(void *user, struct conn *conn, enum conn_end end, slice detail)
{
    struct client *c = user;
    struct server *s = c->server;
    (void)conn;
    log_closed(c, end, detail);
    timer_stop(s->role->loop, &c->timer);
    end_life(c);
    if (c->is_crowd)
        crowd_remove(&s->crowd, &c->ip);
    if (c->is_counted)
        server_count_out(s, &c->ip);
    else if (c->admit_ask != 0)
        server_orphan(s, token_of(c, c->admit_ask), &c->ip);
    for (struct client **at = &s->stalled; c->is_stalled && *at != NULL; at = &(*at)->next_stalled)
        if (*at == c) {
            *at = c->next_stalled;
            break;
        }
    while (c->waiting != NULL) {
        struct waiting_ask *next = c->waiting->next;
        free(c->waiting);
        c->waiting = next;
    }
    drop_store(c);
    session_free(c->session);
    ruleset_unref(c->rules);
    server_remove_client(s, c->number);
    free(c);
    server_look_at_drain(s);
}

static const struct conn_ops ops = {.on_data = on_data,
                                    .on_eof = on_eof,
                                    .on_tls = on_tls,
                                    .on_closed = on_closed};

/* As many connections again as sessions may be in a handshake, or on their way out with a refusal
 * that they have yet to read. More are ended without a word: they must not take the others' places.
 */
static bool is_crowded(struct server *s, const struct ip *ip, bool is_unlimited)
{
    const struct conf *conf = s->rules->conf;
    uint64_t here = crowd_count(&s->crowd, ip), now = loop_now_ms(s->role->loop);
    if (s->client_count < 2 * conf->limits.sessions + CROWD_ROOM &&
        (is_unlimited || here < 2 * conf->limits.sessions_per_address + CROWD_ROOM))
        return false;
    s->crowded_out++;
    if (now >= s->crowd_log_ms) {
        struct log_line line;
        struct buf text;
        buf_init(&text, 64);
        ip_print(&text, ip);
        log_begin(&line, s->role->log, LOG_WARN, "smtp.crowded");
        log_slice(&line, "client", buf_slice(&text));
        log_u64(&line, "from_here", here);
        log_u64(&line, "in_all", s->client_count);
        log_u64(&line, "ended_so_far", s->crowded_out);
        log_end(&line);
        buf_release(&text);
        s->crowd_log_ms = now + CROWD_LOG_MS;
    }
    return true;
}

void client_new(struct server *s, uint32_t listener, int fd, const struct ip *ip, uint16_t port)
{
    bool unlimited = is_unlimited(s->rules, ip);
    struct client *c = is_crowded(s, ip, unlimited) ? NULL : calloc(1, sizeof *c);
    if (c == NULL || !server_add_client(s, c, &c->number)) {
        free(c);
        (void)close(fd); /* nothing was said on it */
        return;
    }
    c->server = s;
    c->rules = ruleset_ref(s->rules);
    c->listener = listener;
    c->ip = *ip;
    c->port = port;
    store_init(&c->store);
    c->conn = conn_new(s->conns, fd, &ops, c);
    if (c->conn == NULL) {
        ruleset_unref(c->rules);
        server_remove_client(s, c->number);
        free(c);
        return;
    }
    c->is_crowd = !unlimited;
    if (c->is_crowd)
        crowd_add(&s->crowd, ip);
    if (s->rules->conf->listen.v[listener].tls == CONF_TLS_IMPLICIT)
        conn_start_tls(c->conn, s->tls, (uint32_t)c->rules->conf->timeouts.tls);
    else if (!begin_session(c))
        conn_abort(c->conn);
}

void client_drain_all(struct server *s, bool force)
{
    for (uint32_t i = 0; i < s->place_count; i++) {
        struct client *c = s->clients[i];
        if (c == NULL || c->is_closing)
            continue;
        if (c->session == NULL) {
            conn_abort(c->conn);
            continue;
        }
        session_shutdown(c->session, &s->fx);
        carry_out(c);
        if (force && !c->is_closing)
            begin_close(c);
    }
}
