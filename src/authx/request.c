#include "src/authx/request.h"

#include <stdlib.h>

#include "lib/base/secret.h"

static void reply(struct rpc *peer, bool is_find, uint32_t call, enum sasl_answer_code code,
                  slice account)
{
    /* A peer that is gone needs no answer. */
    if (is_find)
        (void)!rpc_reply_user_found(peer, call, &(struct ipc_user_found){(uint8_t)code, account});
    else
        (void)!rpc_reply_verified(peer, call, &(struct ipc_verified){(uint8_t)code, account});
}

static void count(struct requests *all, enum sasl_answer_code code)
{
    switch (code) {
    case SASL_ANSWER_YES:
        all->yes++;
        break;
    case SASL_ANSWER_FAILED:
        all->failed++;
        break;
    case SASL_ANSWER_NO:
    case SASL_ANSWER_UNKNOWN:
    case SASL_ANSWER_DISABLED:
    case SASL_ANSWER_SCOPE:
        all->no++;
        break;
    }
}

static void end(struct request *q, enum sasl_answer_code code, slice account)
{
    struct requests *all = q->all;
    struct request **at = &all->first;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    all->open--;
    timer_stop(all->loop, &q->limit);
    count(all, code);
    if (q->peer != NULL)
        reply(q->peer, q->is_find, q->call, code, account);
    secret_wipe(q->text, q->bytes);
    free(q);
    if (all->open == 0 && all->idle != NULL)
        all->idle(all);
}

static void on_limit(struct timer *t)
{
    struct request *q = CONTAINER_OF(t, struct request, limit);
    struct log_line line;
    log_begin(&line, q->all->log, LOG_WARN, "backend.late");
    log_cstr(&line, "backend", q->backend->name);
    log_slice(&line, "name", q->name);
    log_u64(&line, "after_ms", q->backend->limit_ms);
    log_end(&line);
    q->backend->forget(q->backend, q);
    end(q, SASL_ANSWER_FAILED, (slice){0});
}

static slice keep(struct request *q, slice s)
{
    char *at = q->text + q->bytes;
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    at[s.n] = '\0';
    q->bytes += s.n + 1;
    return slice_of(at, s.n);
}

static struct request *new_request(const struct ipc_message *m)
{
    static const struct ipc_verify none;
    bool is_find = m->type == IPC_FIND_USER;
    const struct ipc_verify *v = is_find ? &none : &m->verify;
    slice name = is_find ? m->find_user.name : v->name;
    size_t room = name.n + v->secret.n + v->as_sent.n + v->session.n + 4;
    struct request *q = calloc(1, sizeof *q + room);
    if (q == NULL)
        return NULL;
    q->is_find = is_find;
    q->name = keep(q, name);
    q->secret = keep(q, v->secret);
    q->as_sent = keep(q, v->as_sent);
    q->session = keep(q, v->session);
    struct ip ip;
    if (ip_from_bytes(v->ip, &ip))
        q->ip = ip_unmap(&ip);
    return q;
}

void request_begin(struct requests *all, struct backend *backend, struct rpc *peer,
                   const struct ipc_message *m)
{
    bool is_find = m->type == IPC_FIND_USER;
    slice name = is_find ? m->find_user.name : m->verify.name;
    /* An empty password is nobody's: to LDAP it means "let me in as nobody" (RFC 4513 5.1.2). */
    bool is_empty = name.n == 0 || (!is_find && m->verify.secret.n == 0);
    if (backend == NULL || is_empty || (is_find && !backend->can_find)) {
        reply(peer, is_find, m->call, backend == NULL ? SASL_ANSWER_FAILED : SASL_ANSWER_NO,
              (slice){0});
        return;
    }
    struct request *q = new_request(m);
    if (q == NULL) {
        reply(peer, is_find, m->call, SASL_ANSWER_FAILED, (slice){0});
        return;
    }
    q->all = all;
    q->backend = backend;
    q->peer = peer;
    q->call = m->call;
    do
        q->id = ++all->last_id;
    while (q->id == 0 || request_by_id(all, q->id) != NULL);
    q->next = all->first;
    all->first = q;
    all->open++;
    timer_set(all->loop, &q->limit, backend->limit_ms, on_limit);
    backend->ask(backend, q);
}

slice request_secret(const struct request *q)
{
    return q->as_sent.n > 0 && !q->is_second ? q->as_sent : q->secret;
}

void request_done(struct request *q, enum sasl_answer_code code, slice account)
{
    bool has_second = !q->is_find && !q->is_second && q->as_sent.n > 0;
    if (code == SASL_ANSWER_NO && has_second && !slice_eq(q->as_sent, q->secret)) {
        q->is_second = true;
        q->is_sent = false;
        q->backend->ask(q->backend, q);
        return;
    }
    bool has_domain = slice_find(account, '@') < account.n;
    end(q, code, has_domain ? account : q->name);
}

struct request *request_by_id(struct requests *all, uint32_t id)
{
    struct request *q = all->first;
    while (q != NULL && q->id != id)
        q = q->next;
    return q;
}

void requests_forget_peer(struct requests *all, const struct rpc *peer)
{
    for (struct request *q = all->first; q != NULL; q = q->next)
        if (q->peer == peer)
            q->peer = NULL;
}

void requests_end(struct requests *all)
{
    while (all->first != NULL) {
        struct request *q = all->first;
        q->backend->forget(q->backend, q);
        end(q, SASL_ANSWER_FAILED, (slice){0});
    }
}
