/* client: the connection and the effects of its session. */

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "src/smtpd/client_int.h"
#include "sys/clock.h"

enum { CLOSE_MS = 5000, EOF_MS = 2000, CROWD_ROOM = 16, CROWD_LOG_MS = 1000 };

uint64_t client_token(const struct client *c, uint32_t id)
{
    return (uint64_t)c->number << 32 | id;
}

uint64_t client_now_ms(const struct client *c)
{
    return loop_now_ms(c->server->role->loop);
}

int64_t client_wall_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

void client_give(struct client *c, uint32_t id, const struct answer *answer)
{
    session_answer(c->session, id, answer, client_now_ms(c), client_wall_s(), &c->server->fx);
    client_carry_out(c);
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

void client_begin_close(struct client *c)
{
    c->is_closing = true;
    end_life(c);
    conn_close(c->conn, CLOSE_MS);
}

void client_go_on(struct client *c)
{
    if (!takes_bytes(c))
        return;
    if (c->is_paused) {
        c->is_paused = false;
        conn_resume(c->conn);
    } else if (c->has_eof) {
        client_begin_close(c);
    }
}

bool client_is_unlimited(const struct ruleset *rules, const struct ip *ip)
{
    const struct conf_nets *nets = &rules->conf->limits.unlimited;
    if (ip_size(ip) == 0)
        return true; /* a program of this machine, by a socket with its own rights */
    for (size_t i = 0; i < nets->n; i++)
        if (ip_net_has(&nets->v[i], ip))
            return true;
    return false;
}

/* ---- effects ---- */

static void on_timer(struct timer *t);

/* Whoever hangs up while he is being made to wait for the answer to a password does not keep his
 * place here: guessers would take everybody's. UINT64_MAX: he has not. */
static uint64_t given_up_at_ms(const struct client *c)
{
    return c->has_eof && c->has_exchange ? c->eof_at_ms + EOF_MS : UINT64_MAX;
}

/* The timer is only moved when it would be late; when it is early it looks again. */
static void schedule(struct client *c)
{
    uint64_t at = session_deadline_ms(c->session), now = client_now_ms(c);
    if (given_up_at_ms(c) < at)
        at = given_up_at_ms(c);
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
    if (client_now_ms(c) >= given_up_at_ms(c)) {
        client_begin_close(c);
        return;
    }
    session_tick(c->session, client_now_ms(c), &c->server->fx);
    client_forget_late_step(c);
    client_carry_out(c);
    client_go_on(c);
}

void client_carry_out(struct client *c)
{
    struct server *s = c->server;
    struct effects *fx = &s->fx;
    struct session_ask asks[SESSION_ASKS];
    size_t ask_count = fx->ask_count;
    if (fx->store.n > 0)
        body_append(c, buf_slice(&fx->store));
    if (fx->discard) {
        body_drop(c);
        body_forget_commit(c);
    }
    for (size_t i = 0; i < fx->finding_count; i++)
        client_log_finding(c, &fx->findings[i]);
    if (fx->reply.n > 0)
        conn_write(c->conn, buf_slice(&fx->reply));
    if (fx->has_client)
        (void)client_become(c, &fx->client.ip, fx->client.port); /* counters decide, not we */
    if (fx->start_tls)
        conn_start_tls(c->conn, s->tls, c->listener, (uint32_t)c->rules->conf->timeouts.tls);
    if (fx->close)
        client_begin_close(c);
    bool has_commit = fx->has_commit, has_auth = fx->has_auth;
    if (has_commit)
        c->commit = fx->commit;
    if (has_auth)
        c->auth = fx->auth;
    memcpy(asks, fx->asks, ask_count * sizeof asks[0]);
    effects_clear(fx);
    if (has_commit) {
        c->has_commit = true;
        body_commit(c);
    }
    if (has_auth)
        client_ask(c, c->auth.ask_id, QUESTION_AUTH, (slice){0});
    for (size_t i = 0; i < ask_count; i++)
        client_ask(c, asks[i].id, asks[i].kind, asks[i].key);
    if (!c->is_closing)
        schedule(c);
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
    c->session = session_new(policy, &who, client_now_ms(c), client_wall_s(), &s->fx);
    if (c->session == NULL)
        return false;
    s->sessions++;
    s->live_count++;
    c->is_live = true;
    client_carry_out(c);
    return true;
}

static size_t on_data(void *user, struct conn *conn, slice in)
{
    struct client *c = user;
    size_t took = 0;
    (void)conn;
    if (c->proxy != NULL) {
        took = door_take(c, in);
        if (c->session == NULL)
            return took; /* what is left begins the handshake */
    } else if (c->session != NULL && !c->is_closing && !takes_bytes(c)) {
        session_bytes_wait(c->session, client_now_ms(c), &c->server->fx);
        client_carry_out(c);
    }
    while (took < in.n && takes_bytes(c)) {
        size_t n = session_feed(c->session, slice_tail(in, took), client_now_ms(c), client_wall_s(),
                                &c->server->fx);
        took += n;
        client_carry_out(c);
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
    c->eof_at_ms = client_now_ms(c);
    if (c->session == NULL)
        client_begin_close(c);
    client_go_on(c);
    if (c->session != NULL && !c->is_closing)
        schedule(c);
}

static void on_tls(void *user, struct conn *conn, const struct tls_facts *facts, slice why)
{
    struct client *c = user;
    struct session_tls tls = {0};
    (void)why;
    if (facts != NULL)
        tls = (struct session_tls){facts->version, facts->cipher, facts->sni, facts->has_binding,
                                   facts->has_certificate};
    if (c->session == NULL) {
        if (facts == NULL)
            return; /* on_closed follows */
        if (!begin_session(c)) {
            conn_abort(conn);
            return;
        }
    }
    session_tls_done(c->session, facts == NULL ? NULL : &tls, client_now_ms(c), &c->server->fx);
    client_carry_out(c);
    client_go_on(c);
}

static void on_plain(void *user, struct conn *conn)
{
    (void)conn;
    door_plain(user);
}

static void on_closed(void *user, struct conn *conn, enum conn_end end, slice detail)
{
    struct client *c = user;
    struct server *s = c->server;
    (void)conn;
    client_log_closed(c, end, detail);
    timer_stop(s->role->loop, &c->timer);
    end_life(c);
    if (c->is_crowd)
        crowd_remove(&s->crowd, &c->ip);
    client_forget_questions(c);
    client_exchange_drop(c);
    body_drop(c);
    door_close(c);
    session_free(c->session);
    ruleset_unref(c->rules);
    server_remove_client(s, c->number);
    free(c);
    server_look_at_drain(s);
}

static const struct conn_ops ops = {.on_data = on_data,
                                    .on_eof = on_eof,
                                    .on_tls = on_tls,
                                    .on_plain = on_plain,
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

static void count_crowd(struct client *c)
{
    c->is_crowd = !client_is_unlimited(c->server->rules, &c->ip);
    if (c->is_crowd)
        crowd_add(&c->server->crowd, &c->ip);
}

bool client_become(struct client *c, const struct ip *ip, uint16_t port)
{
    struct server *s = c->server;
    if (c->is_crowd)
        crowd_remove(&s->crowd, &c->ip);
    if (c->is_counted)
        server_count_out(s, &c->ip);
    else if (c->admit_ask != 0)
        server_orphan(s, client_token(c, c->admit_ask), &c->ip);
    c->is_counted = false;
    c->admit_ask = 0;
    c->ip = *ip;
    c->port = port;
    bool fits = !is_crowded(s, ip, client_is_unlimited(s->rules, ip));
    count_crowd(c);
    return fits;
}

void client_begin(struct client *c)
{
    struct server *s = c->server;
    if (c->rules->conf->listen.v[c->listener].tls == CONF_TLS_IMPLICIT) {
        conn_start_tls(c->conn, s->tls, c->listener, (uint32_t)c->rules->conf->timeouts.tls);
        conn_tls_comes_first(c->conn);
    } else if (!begin_session(c)) {
        conn_abort(c->conn);
    }
}

void client_new(struct server *s, uint32_t listener, int fd, const struct ip *ip, uint16_t port)
{
    /* All connections of a load balancer come from one address. */
    bool unlimited = client_is_unlimited(s->rules, ip) || door_is_proxy(s->rules, listener, ip);
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
    count_crowd(c);
    door_open(c);
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
        client_carry_out(c);
        if (force && !c->is_closing)
            client_begin_close(c);
    }
}
