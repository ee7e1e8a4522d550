/* questions: whom a session's question goes to, what waits while a channel is full, and the answers
 * on their way back. */
#include <errno.h>
#include <stdlib.h>

#include "src/smtpd/client_int.h"

/* ---- questions ---- */

static void stall(struct client *c, uint32_t id, enum question_kind kind, slice key)
{
    struct waiting_ask *w = malloc(sizeof *w + key.n);
    if (w == NULL) {
        const struct answer none = {.state = ANSWER_FAILED};
        client_give(c, id, &none);
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

static int ask_recipient(struct client *c, struct rpc *directory, uint32_t id, slice key)
{
    const struct ipc_rcpt_check fields = {.size_bytes = session_declared_bytes(c->session),
                                          .address = key,
                                          .smtputf8 = 1};
    return rpc_call_rcpt_check(directory, client_token(c, id), &fields);
}

static int ask_sender(struct client *c, struct rpc *directory, uint32_t id, slice key)
{
    const struct ipc_sender_check fields = {.pass = session_pass(c->session),
                                            .session = session_id(c->session),
                                            .address = key};
    return rpc_call_sender_check(directory, client_token(c, id), &fields);
}

static int ask_expn(struct client *c, struct rpc *directory, uint32_t id, slice key)
{
    const struct ipc_expn fields = {.pass = session_pass(c->session), .address = key};
    return rpc_call_expn(directory, client_token(c, id), &fields);
}

/* Whom a kind of question goes to. */
static struct rpc *peer_for(struct client *c, enum question_kind kind)
{
    static const enum role_id peers[] = {
        [QUESTION_ADMIT] = ROLE_COUNTERS,   [QUESTION_CLIENT_NAME] = ROLE_RESOLVER,
        [QUESTION_SPACE] = ROLE_QUEUE,      [QUESTION_RECIPIENT] = ROLE_DIRECTORY,
        [QUESTION_COMMIT] = ROLE_QUEUE,     [QUESTION_AUTH] = ROLE_DIRECTORY,
        [QUESTION_SENDER] = ROLE_DIRECTORY, [QUESTION_EXPN] = ROLE_DIRECTORY,
    };
    return role_peer(c->server->role, peers[kind], 0);
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
        return client_is_unlimited(c->rules, &c->ip);
    case QUESTION_SPACE:
        if (role_peer(s->role, ROLE_QUEUE, 0) == NULL)
            ret->state = ANSWER_FAILED;
        ret->code = s->space_is_low ? SPACE_LOW : SPACE_YES;
        return true;
    case QUESTION_RECIPIENT:
        ret->code = RECIPIENT_YES;
        return recipient_cache_find(&s->recipients, key, genpage_read(&s->generation), &canonical);
    case QUESTION_AUTH:
        return client_exchange_answer_here(c, ret);
    case QUESTION_CLIENT_NAME:
    case QUESTION_COMMIT:
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
            err = rpc_call_session_open(peer, client_token(c, id), &(struct ipc_session_open){key});
            c->admit_ask = err == 0 ? id : 0;
            break;
        case QUESTION_CLIENT_NAME:
            err = rpc_call_dns_ptr(peer, client_token(c, id), &(struct ipc_dns_ptr){key});
            break;
        case QUESTION_RECIPIENT:
            err = ask_recipient(c, peer, id, key);
            break;
        case QUESTION_COMMIT:
            err = body_ask_queue(c, peer, id);
            break;
        case QUESTION_AUTH:
            err = client_exchange_ask(c, peer, id);
            break;
        case QUESTION_SENDER:
            err = ask_sender(c, peer, id, key);
            break;
        case QUESTION_EXPN:
            err = ask_expn(c, peer, id, key);
            break;
        case QUESTION_SPACE:
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
        client_give(c, id, &none);
    }
}

void client_ask(struct client *c, uint32_t id, enum question_kind kind, slice key)
{
    struct answer here;
    if (answer_here(c, kind, key, &here))
        client_give(c, id, &here);
    else
        put_ask(c, id, kind, key);
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
            /* A session that ends has let go of what it asked. */
            if (c->session != NULL && !c->is_closing)
                put_ask(c, w->id, w->kind, slice_of(w->key, w->key_n));
            free(w);
            w = rest;
        }
        c = next;
    }
}

void client_forget_questions(struct client *c)
{
    struct server *s = c->server;
    if (c->is_counted)
        server_count_out(s, &c->ip);
    else if (c->admit_ask != 0)
        server_orphan(s, client_token(c, c->admit_ask), &c->ip);
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
}

/* ---- answers ---- */

void client_answer(struct server *s, uint64_t token, const struct answer *answer)
{
    struct client *c = server_client(s, (uint32_t)(token >> 32));
    if (c == NULL || c->session == NULL)
        return;
    uint32_t id = (uint32_t)token;
    if (c->has_commit && id == c->commit.ask_id) {
        c->has_commit = false;
        if (answer->state == ANSWER_GIVEN && answer->code == COMMIT_DONE)
            client_log_accepted(c, answer->number);
    }
    if (c->auth.ask_id != 0 && id == c->auth.ask_id) {
        c->auth = (struct session_auth){0};
        client_exchange_answered(c, answer);
    }
    client_give(c, id, answer);
    client_go_on(c);
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
