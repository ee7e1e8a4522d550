#include "src/directory/exchange_int.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/auth/wire.h"
#include "lib/base/base64.h"
#include "lib/base/secret.h"
#include "sys/clock.h"

enum {
    PER_PEER_MAX = 8192,
    SWEEP_MS = 60 * 1000,
    REST_MAX_MS = 15 * 60 * 1000, /* a client's line, the longest delay and a backend together */
};

struct peer_count {
    UT_hash_handle hh;
    struct rpc *peer;
    size_t count;
};

struct exchanges {
    struct directory *directory;
    struct exchange *by_place, *by_id;
    struct peer_count *peers;
    uint64_t last_id;
    struct timer sweep;
};

/* ---- the table ---- */

struct exchanges *exchanges_new(struct directory *d)
{
    struct exchanges *e = calloc(1, sizeof *e);
    if (e != NULL)
        e->directory = d;
    return e;
}

static struct exchange *find_place(struct exchanges *e, struct rpc *peer, uint32_t number)
{
    struct place place = {peer, number};
    struct exchange *x = NULL;
    HASH_FIND(by_place, e->by_place, &place, sizeof place, x);
    return x;
}

struct exchange *exchange_find(struct exchanges *e, uint64_t id)
{
    struct exchange *x = NULL;
    HASH_FIND(by_id, e->by_id, &id, sizeof id, x);
    return x;
}

static struct peer_count *count_of(struct exchanges *e, struct rpc *peer)
{
    struct peer_count *c = NULL;
    HASH_FIND_PTR(e->peers, &peer, c);
    if (c == NULL && (c = calloc(1, sizeof *c)) != NULL) {
        c->peer = peer;
        HASH_ADD_PTR(e->peers, peer, c);
    }
    return c;
}

void exchange_end_attempt(struct exchange *x, enum guess_outcome outcome)
{
    struct guess *g = &x->directory->guess;
    if (!x->is_trying)
        return;
    x->is_trying = false;
    guess_end(g, &x->who, outcome, outcome == GUESS_WRONG ? x->mark : 0, clock_mono_ms());
}

/* Invariant 4; also where a hash only seemed to be computed: else it would show in the delays that
 * follow which names are accounts. */
static enum guess_outcome outcome_of_leaving(const struct exchange *x)
{
    bool is_hashing = x->waiting == WAITS_HASH || (x->waiting == WAITS_SEEMING && !x->is_repeat);
    return is_hashing ? GUESS_WRONG : GUESS_NEITHER;
}

void exchange_free(struct exchange *x)
{
    struct exchanges *e = x->all;
    struct peer_count *c = count_of(e, x->place.peer);
    exchange_end_attempt(x, outcome_of_leaving(x));
    timer_stop(e->directory->loop, &x->timer);
    HASH_DELETE(by_place, e->by_place, x);
    HASH_DELETE(by_id, e->by_id, x);
    if (c != NULL && c->count > 0)
        c->count--;
    sasl_clear(&x->sasl);
    arena_wipe(&x->kept);
    arena_release(&x->kept);
    secret_wipe(x, sizeof *x);
    free(x);
}

void exchanges_forget(struct exchanges *e, struct rpc *peer)
{
    struct exchange *x, *next;
    struct peer_count *c = NULL;
    HASH_ITER (by_place, e->by_place, x, next)
        if (x->place.peer == peer)
            exchange_free(x);
    HASH_FIND_PTR(e->peers, &peer, c);
    if (c != NULL) {
        HASH_DEL(e->peers, c);
        free(c);
    }
}

void exchanges_free(struct exchanges *e)
{
    struct exchange *x, *next;
    struct peer_count *c, *other;
    if (e == NULL)
        return;
    HASH_ITER (by_place, e->by_place, x, next)
        exchange_free(x);
    HASH_ITER (hh, e->peers, c, other) {
        HASH_DEL(e->peers, c);
        free(c);
    }
    timer_stop(e->directory->loop, &e->sweep);
    free(e);
}

size_t exchanges_count(const struct exchanges *e)
{
    return HASH_CNT(by_place, e->by_place);
}

static void on_sweep(struct timer *t)
{
    struct exchanges *e = CONTAINER_OF(t, struct exchanges, sweep);
    struct exchange *x, *next;
    uint64_t now_ms = clock_mono_ms();
    HASH_ITER (by_place, e->by_place, x, next)
        if (x->waiting == WAITS_CLIENT && now_ms - x->since_ms > REST_MAX_MS)
            exchange_free(x);
    if (e->by_place != NULL)
        timer_set(e->directory->loop, &e->sweep, SWEEP_MS, on_sweep);
}

/* ---- answers to smtpd ---- */

void exchange_reply(struct exchange *x, const struct ipc_auth_step *step)
{
    directory_replied(x->directory, rpc_reply_auth_step(x->place.peer, x->call, step));
}

/* Nobody wants its end any more; an auth that is open gets its answer all the same. */
static void give_up(struct exchange *x)
{
    if (x->waiting != WAITS_CLIENT)
        exchange_reply(x, &(struct ipc_auth_step){.result = AUTH_IS_UNAVAILABLE});
    exchange_free(x);
}

void exchanges_drop(struct exchanges *e, struct rpc *peer, uint32_t number)
{
    struct exchange *x = find_place(e, peer, number);
    if (x != NULL)
        give_up(x);
}

void exchange_go_on(struct exchange *x)
{
    while (x->sasl.step == SASL_NEED)
        if (!exchange_ask(x))
            return;
    switch (x->sasl.step) {
    case SASL_CHALLENGE:
        exchange_reply(x, &(struct ipc_auth_step){.result = AUTH_IS_CHALLENGE,
                                                  .challenge = x->sasl.challenge});
        exchange_wait(x, WAITS_CLIENT);
        return;
    case SASL_OK:
        exchange_done(x);
        return;
    case SASL_FAIL:
    case SASL_NEED:
        exchange_failed(x);
        return;
    }
}

/* ---- steps ---- */

static bool make_nonce(struct exchange *x)
{
    unsigned char random[EXCHANGE_NONCE_RANDOM_BYTES];
    struct buf text = {.p = x->nonce, .cap = sizeof x->nonce, .max = sizeof x->nonce};
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    base64_encode(&text, slice_of(random, sizeof random));
    x->facts.nonce = buf_slice(&text);
    return text.err == BUF_OK;
}

static bool keep(struct exchange *x, const struct ipc_auth *m)
{
    const struct directory *d = x->directory;
    struct sasl_facts *f = &x->facts;
    const struct sasl_ground ground = {
        .allowed = sasl_allowed(d->conf),
        .is_tls = (m->flags & AUTH_FLAG_TLS) != 0,
        .has_binding = m->exporter.n > 0 || m->end_point.n > 0,
        .has_certificate = m->certificate.n > 0,
    };
    /* What was announced, as far as it still holds: a mechanism that has been allowed since is no
     * downgrade. */
    f->offered = sasl_offer(&ground) & m->offered;
    f->is_tls = ground.is_tls;
    f->fake_secret = slice_of(d->fake_secret, sizeof d->fake_secret);
    f->fake_hash = slice_cstr(d->fake_hash);
    /* Copies: a reload may come before the end. */
    if (d->conf->oauth.n > 0 &&
        (!arena_copy(&x->kept, d->conf->oauth.v[0].scope, &f->token_scope) ||
         !arena_copy(&x->kept, d->conf->oauth.v[0].configuration, &f->token_configuration)))
        return false;
    struct ip ip;
    if (!ip_from_bytes(m->ip, &ip) || m->session.n == 0)
        return false;
    x->who.ip = ip_unmap(&ip);
    x->is_unlimited = directory_is_unlimited(d, &x->who.ip);
    return make_nonce(x) && arena_copy(&x->kept, m->exporter, &f->tls_exporter) &&
           arena_copy(&x->kept, m->end_point, &f->tls_end_point) &&
           arena_copy(&x->kept, m->certificate, &f->certificate) &&
           arena_copy(&x->kept, m->session, &x->session) &&
           arena_copy(&x->kept, m->client, &x->client);
}

static struct exchange *exchange_new(struct exchanges *e, struct rpc *peer,
                                     const struct ipc_auth *m)
{
    struct peer_count *c = count_of(e, peer);
    struct exchange *x = c == NULL || c->count >= PER_PEER_MAX ? NULL : calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    c->count++;
    x->all = e;
    x->directory = e->directory;
    x->place = (struct place){peer, m->exchange};
    x->id = ++e->last_id;
    arena_init(&x->kept, EXCHANGE_KEPT_MAX_BYTES);
    sasl_init(&x->sasl, &x->facts);
    HASH_ADD(by_place, e->by_place, place, sizeof x->place, x);
    HASH_ADD(by_id, e->by_id, id, sizeof x->id, x);
    if (!timer_is_set(&e->sweep))
        timer_set(e->directory->loop, &e->sweep, SWEEP_MS, on_sweep);
    return x;
}

/* What smtpd could not decode. */
static enum sasl_cause fault_cause(uint8_t fault)
{
    return fault == AUTH_WIRE_CANCEL     ? SASL_CAUSE_CANCELLED
           : fault == AUTH_WIRE_TOO_LONG ? SASL_CAUSE_TOO_LONG
           : fault == AUTH_WIRE_NOMEM    ? SASL_CAUSE_NO_MEMORY
                                         : SASL_CAUSE_SYNTAX;
}

static void start(struct exchange *x, const struct ipc_auth *m)
{
    if (!keep(x, m))
        sasl_abandon(&x->sasl, SASL_CAUSE_NO_MEMORY);
    else if (m->fault != AUTH_WIRE_OK)
        sasl_abandon(&x->sasl, fault_cause(m->fault));
    else
        sasl_start(&x->sasl, m->mechanism,
                   (m->flags & AUTH_FLAG_INITIAL) != 0 ? &m->response : NULL);
}

void exchanges_step(struct exchanges *e, struct rpc *peer, const struct ipc_message *message)
{
    const struct ipc_auth *m = &message->auth;
    struct exchange *x = find_place(e, peer, m->exchange);
    bool is_start = (m->flags & AUTH_FLAG_START) != 0;
    /* Whose end has not come through to us. */
    if (x != NULL && (is_start || x->waiting != WAITS_CLIENT)) {
        give_up(x);
        x = NULL;
    }
    if (is_start)
        x = exchange_new(e, peer, m);
    if (x == NULL) {
        const struct ipc_auth_step step = {.result = AUTH_IS_UNAVAILABLE};
        directory_replied(e->directory, rpc_reply_auth_step(peer, message->call, &step));
        return;
    }
    x->call = message->call;
    if (is_start)
        start(x, m);
    else if (m->fault != AUTH_WIRE_OK)
        sasl_abandon(&x->sasl, fault_cause(m->fault));
    else
        sasl_feed(&x->sasl, m->response);
    exchange_go_on(x);
}
