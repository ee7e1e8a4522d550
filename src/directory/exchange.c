#include "src/directory/exchange.h"

#include <stdlib.h>
#include <sys/random.h>
#include <uthash.h>

#include "lib/auth/prep.h"
#include "lib/auth/wire.h"
#include "lib/base/base64.h"
#include "lib/base/secret.h"
#include "src/directory/certificate.h"
#include "src/directory/notes.h"
#include "sys/answers.h"
#include "sys/clock.h"
#include "sys/directory/sender.h"

/* The hash function that uthash writes into us falls through its switch on purpose. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

enum {
    PER_PEER_MAX = 8192,
    SWEEP_MS = 60 * 1000,
    REST_MAX_MS = 15 * 60 * 1000, /* a client's line, the longest delay and a backend together */
    NONCE_RANDOM_BYTES = 18,
    KEPT_MAX_BYTES = 64 * 1024,
};

/* What an exchange waits for; but for the client, smtpd waits too. */
enum waiting { WAITS_CLIENT, WAITS_DELAY, WAITS_HASH, WAITS_SEEMING, WAITS_BACKEND };

struct place {
    struct rpc *peer;
    uint64_t number;
};

struct exchange {
    UT_hash_handle by_place, by_id;
    struct place place;
    uint64_t id;
    struct exchanges *all;
    uint32_t call; /* to be answered, unless it waits for the client */
    enum waiting waiting;
    struct timer timer;
    uint64_t since_ms;

    struct sasl sasl;
    struct sasl_facts facts;
    char nonce[NONCE_RANDOM_BYTES / 3 * 4];
    struct arena kept; /* what stands in the facts, and: */
    slice session, client, account;
    bool is_unlimited;

    /* The attempt, once the name is known. */
    struct guess_who who;
    bool is_begun, is_trying; /* begun: not ended yet */
    bool is_repeat;
    uint32_t mark;
    struct guess_decision refused; /* verdict GUESS_REFUSE: why */
    bool is_account;               /* there is one of this name */
    bool wants_app_password;
    slice old_hash; /* of an account whose forms are to be made anew */
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

static void go_on(struct exchange *x);

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

static struct exchange *find_id(struct exchanges *e, uint64_t id)
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

static void end_attempt(struct exchange *x, enum guess_outcome outcome)
{
    struct guess *g = &x->all->directory->guess;
    if (!x->is_trying)
        return;
    x->is_trying = false;
    guess_end(g, &x->who, outcome, outcome == GUESS_WRONG ? x->mark : 0, clock_mono_ms());
}

static void exchange_free(struct exchange *x)
{
    struct exchanges *e = x->all;
    struct peer_count *c = count_of(e, x->place.peer);
    end_attempt(x, x->waiting == WAITS_HASH ? GUESS_WRONG : GUESS_NEITHER);
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

static void reply(struct exchange *x, const struct ipc_auth_step *step)
{
    directory_replied(x->all->directory, rpc_reply_auth_step(x->place.peer, x->call, step));
}

/* Nobody wants its end any more; an auth that is open gets its answer all the same. */
static void give_up(struct exchange *x)
{
    if (x->waiting != WAITS_CLIENT)
        reply(x, &(struct ipc_auth_step){.result = AUTH_IS_UNAVAILABLE});
    exchange_free(x);
}

void exchanges_drop(struct exchanges *e, struct rpc *peer, uint32_t number)
{
    struct exchange *x = find_place(e, peer, number);
    if (x != NULL)
        give_up(x);
}

static void log_attempt(const struct exchange *x, const char *event, struct log_line *line)
{
    struct buf ip;
    const struct sasl *s = &x->sasl;
    buf_init(&ip, 64);
    ip_print(&ip, &x->who.ip);
    log_begin(line, x->all->directory->log, LOG_INFO, event);
    log_slice(line, "session", x->session);
    log_slice(line, "ip", buf_slice(&ip));
    if (s->mechanism != SASL_MECHANISM_COUNT)
        log_slice(line, "mechanism", sasl_mechanism_get(s->mechanism)->name);
    buf_release(&ip);
}

static void log_failed(const struct exchange *x, slice cause)
{
    struct log_line line;
    slice name = x->account.n > 0 ? x->account : x->sasl.name;
    log_attempt(x, "auth.failed", &line);
    if (name.n > 0)
        log_slice(&line, "account", name);
    log_slice(&line, "cause", cause);
    if (x->refused.verdict == GUESS_REFUSE) {
        log_cstr(&line, "of", guess_level_word(x->refused.level));
        log_u64(&line, "failures", x->refused.failures);
    }
    if (x->is_repeat)
        log_cstr(&line, "repeated", "yes");
    log_end(&line);
}

static void finish(struct exchange *x, enum auth_result result)
{
    reply(x, &(struct ipc_auth_step){.result = (uint8_t)result});
    exchange_free(x);
}

static enum auth_result result_of(enum sasl_reason reason)
{
    switch (reason) {
    case SASL_REASON_NONE:
    case SASL_UNAVAILABLE:
        return AUTH_IS_UNAVAILABLE;
    case SASL_WRONG:
        return AUTH_IS_WRONG;
    case SASL_MALFORMED:
        return AUTH_IS_MALFORMED;
    case SASL_CANCELLED:
        return AUTH_IS_CANCELLED;
    case SASL_UNKNOWN_MECHANISM:
        return AUTH_IS_UNKNOWN;
    case SASL_UNSUPPORTED:
        return AUTH_IS_UNSUPPORTED;
    case SASL_NEEDS_TLS:
        return AUTH_IS_IN_CLEAR;
    }
    return AUTH_IS_UNAVAILABLE;
}

static void finish_failed(struct exchange *x)
{
    bool is_wrong = x->sasl.reason == SASL_WRONG && x->is_begun;
    log_failed(x, sasl_cause_word(x->sasl.cause));
    if (is_wrong && !x->is_unlimited && x->account.n > 0)
        notes_guessed(x->all->directory->notes, x->account, x->is_account, &x->who.ip);
    end_attempt(x, is_wrong && !x->is_repeat ? GUESS_WRONG : GUESS_NEITHER);
    finish(x, result_of(x->sasl.reason));
}

static void finish_refused(struct exchange *x, const struct guess_decision *d)
{
    x->refused = *d;
    log_failed(x, SLICE_LIT("too-many"));
    finish(x, AUTH_IS_TOO_MANY);
}

static bool make_pass(const struct exchange *x, struct buf *out)
{
    struct directory *d = x->all->directory;
    const struct sasl_result *r = &x->sasl.result;
    uint64_t now_ms = clock_wall_ms();
    const struct pass pass = {.account = r->account,
                              .session = x->session,
                              .credential = r->credential,
                              .is_unlimited = x->is_unlimited,
                              .issued_at_ms = now_ms,
                              .expires_at_ms = now_ms + d->conf->auth.session};
    return pass_print(out, &pass, slice_of(d->keys.pass, sizeof d->keys.pass));
}

/* The right password of an account with an imported hash: its forms of today are made when there is
 * time. */
static void renew_forms(const struct exchange *x, slice password)
{
    struct directory *d = x->all->directory;
    struct directory_salt salts[DIRECTORY_DIGESTS];
    struct arena arena;
    slice stored;
    arena_init(&arena, KEPT_MAX_BYTES);
    /* What cannot be stored by today's rules stays as it was imported. */
    if (prep_sasl(&arena, password, PREP_STORED, &stored) == PREP_OK &&
        directory_salts(d->db, x->account, true, salts) == 0)
        hashing_make(d->hashing, x->account, stored, x->old_hash, salts);
    arena_wipe(&arena);
    arena_release(&arena);
}

static void note_done(const struct exchange *x)
{
    struct directory *d = x->all->directory;
    const struct sasl_result *r = &x->sasl.result;
    const struct directory_use use = {.account = r->account,
                                      .credential = r->credential,
                                      .at = (int64_t)(clock_wall_ms() / 1000),
                                      .ip = x->who.ip,
                                      .client = x->client,
                                      .mechanism = sasl_mechanism_get(x->sasl.mechanism)->name};
    struct log_line line;
    notes_signed_in(d->notes, &use);
    usage_signed_in(&d->usage, r->account, &x->who.ip, clock_wall_ms());
    log_attempt(x, "auth.done", &line);
    log_slice(&line, "account", r->account);
    if (!slice_eq(r->authorization, r->account))
        log_slice(&line, "as", r->authorization);
    log_u64(&line, "credential", r->credential);
    if (r->is_bound)
        log_cstr(&line, "bound", "yes");
    log_end(&line);
}

static void finish_done(struct exchange *x)
{
    const struct sasl_result *r = &x->sasl.result;
    struct buf pass;
    if (x->wants_app_password && r->credential == DIRECTORY_MAIN_PASSWORD) {
        log_failed(x, SLICE_LIT("app-password-wanted"));
        end_attempt(x, GUESS_NEITHER);
        finish(x, AUTH_IS_TOO_WEAK);
        return;
    }
    buf_init(&pass, PASS_MAX_BYTES);
    if (make_pass(x, &pass)) {
        end_attempt(x, GUESS_RIGHT);
        note_done(x);
        reply(x, &(struct ipc_auth_step){.result = AUTH_IS_DONE,
                                         .credential = r->credential,
                                         .account = r->account,
                                         .pass = buf_slice(&pass)});
        senders_watch(x->all->directory, r->account);
        exchange_free(x);
    } else {
        log_failed(x, SLICE_LIT("no-memory"));
        finish(x, AUTH_IS_UNAVAILABLE);
    }
    secret_release(&pass);
}

/* ---- delays ---- */

static void wait_for(struct exchange *x, enum waiting what)
{
    x->waiting = what;
    x->since_ms = clock_mono_ms();
}

static void on_timer(struct timer *t)
{
    struct exchange *x = CONTAINER_OF(t, struct exchange, timer);
    struct directory *d = x->all->directory;
    bool is_delay = x->waiting == WAITS_DELAY;
    x->waiting = WAITS_CLIENT;
    if (is_delay) {
        struct guess_decision decision = guess_again(&d->guess, &x->who, clock_mono_ms());
        if (decision.verdict == GUESS_REFUSE) {
            x->is_trying = false;
            finish_refused(x, &decision);
            return;
        }
    } else {
        sasl_answer(&x->sasl, &(struct sasl_answer){.code = SASL_ANSWER_NO});
    }
    go_on(x);
}

static void wait_ms(struct exchange *x, enum waiting what, uint64_t ms)
{
    wait_for(x, what);
    timer_set(x->all->directory->loop, &x->timer, ms, on_timer);
}

enum may { MAY_GO, MAY_WAIT, MAY_NOT };

/* An attempt begins, or is begun already. MAY_NOT: x is gone. */
static enum may begin_attempt(struct exchange *x)
{
    struct directory *d = x->all->directory;
    if (x->is_begun || x->is_unlimited) {
        x->is_begun = true;
        return MAY_GO;
    }
    struct guess_decision decision = guess_begin(&d->guess, &x->who, clock_mono_ms());
    if (decision.verdict == GUESS_REFUSE) {
        finish_refused(x, &decision);
        return MAY_NOT;
    }
    x->is_begun = x->is_trying = true;
    if (decision.verdict == GUESS_GO)
        return MAY_GO;
    wait_ms(x, WAITS_DELAY, decision.delay_ms);
    return MAY_WAIT;
}

/* ---- questions: true when the answer is in ---- */

static bool give(struct exchange *x, const struct sasl_answer *answer)
{
    sasl_answer(&x->sasl, answer);
    return true;
}

static bool give_code(struct exchange *x, enum sasl_answer_code code)
{
    return give(x, &(struct sasl_answer){.code = code});
}

/* A name without a domain, where the configuration has one for it. */
static slice whole_name(struct directory *d, slice name)
{
    slice domain = d->conf->auth.default_domain;
    char *room;
    if (domain.n == 0 || slice_find(name, '@') < name.n ||
        (room = arena_take(&d->scratch, name.n + 1 + domain.n)) == NULL)
        return name;
    memcpy(room, name.p, name.n);
    room[name.n] = '@';
    memcpy(room + name.n + 1, domain.p, domain.n);
    return slice_of(room, name.n + 1 + domain.n);
}

static bool ask_credentials(struct exchange *x)
{
    struct directory *d = x->all->directory;
    struct directory_credentials kept = {0};
    slice account = {0};
    int err;
    arena_wipe(&d->scratch);
    slice name = whole_name(d, x->sasl.question.name);
    if (!directory_look_for_changes(d) ||
        (err = directory_sign_in_name(d->db, &d->rules, &d->scratch, name, &account)) != 0 ||
        (x->account.n == 0 && !arena_copy(&x->kept, account, &x->account)))
        return give_code(x, SASL_ANSWER_FAILED);
    x->who.account = x->account;
    if (begin_attempt(x) != MAY_GO)
        return false;
    err = directory_credentials(d->db, &d->rules, &d->scratch, name, &x->who.ip,
                                (int64_t)(clock_wall_ms() / 1000), &kept);
    if (err != 0) {
        directory_log_failure(d, "directory.credentials", err);
        kept.answer = (struct sasl_answer){.code = SASL_ANSWER_FAILED};
    }
    x->is_account = kept.answer.code == SASL_ANSWER_YES || kept.answer.code == SASL_ANSWER_DISABLED;
    x->wants_app_password = kept.wants_app_password;
    if (kept.is_old && kept.answer.count > 0 &&
        !arena_copy(&x->kept, kept.answer.credentials[0].text, &x->old_hash))
        x->old_hash = (slice){0};
    give(x, &kept.answer);
    arena_wipe(&d->scratch);
    return true;
}

/* As long as a hash takes, and then no. */
static bool seem_to_hash(struct exchange *x)
{
    struct directory *d = x->all->directory;
    uint32_t pick = 0;
    if (getrandom(&pick, sizeof pick, 0) != (ssize_t)sizeof pick)
        pick = 0;
    wait_ms(x, WAITS_SEEMING, hashing_typical_ms(d->hashing, pick));
    return false;
}

static bool ask_backend_password(struct exchange *x)
{
    const struct sasl_question *q = &x->sasl.question;
    struct rpc *authx = x->all->directory->peer_of(x->all->directory, ROLE_AUTHX);
    const struct ipc_verify fields = {.name = q->name,
                                      .secret = q->secret,
                                      .as_sent = q->as_sent,
                                      .ip = ip_bytes(&x->who.ip),
                                      .session = x->session};
    if (authx == NULL || rpc_call_verify(authx, x->id, &fields) != 0)
        return give_code(x, SASL_ANSWER_FAILED);
    wait_for(x, WAITS_BACKEND);
    return false;
}

static bool ask_password(struct exchange *x)
{
    struct directory *d = x->all->directory;
    const struct sasl_question *q = &x->sasl.question;
    if (q->hash.n == 0)
        return ask_backend_password(x);
    x->mark = guess_mark(&d->guess, x->account, q->secret, genpage_read(&d->page));
    x->is_repeat = x->is_trying && guess_is_repeat(&d->guess, &x->who, x->mark);
    if (x->is_repeat || (q->is_fake && !guess_may_hash_stranger(&d->guess, clock_mono_ms())))
        return seem_to_hash(x);
    enum hash_lane lane = x->who.is_known || x->is_unlimited ? HASH_KNOWN : HASH_STRANGER;
    if (!hashing_verify(d->hashing, lane, x->id, q->secret, q->as_sent, q->hash))
        return give_code(x, SASL_ANSWER_FAILED);
    wait_for(x, WAITS_HASH);
    return false;
}

static bool ask_token(struct exchange *x)
{
    const struct sasl_question *q = &x->sasl.question;
    struct rpc *fetch = x->all->directory->peer_of(x->all->directory, ROLE_FETCH);
    const struct ipc_token_check fields = {.token = q->secret, .name = q->name};
    if (begin_attempt(x) != MAY_GO)
        return false;
    if (fetch == NULL || rpc_call_token_check(fetch, x->id, &fields) != 0)
        return give_code(x, SASL_ANSWER_FAILED);
    wait_for(x, WAITS_BACKEND);
    return false;
}

static bool ask_certificate(struct exchange *x)
{
    struct directory *d = x->all->directory;
    struct sasl_answer answer = {.code = SASL_ANSWER_FAILED};
    arena_wipe(&d->scratch);
    if (directory_look_for_changes(d)) {
        int err = certificate_look_up(d, x->sasl.question.secret, &answer);
        if (err != 0)
            directory_log_failure(d, "directory.certificate", err);
    }
    return give(x, &answer);
}

static bool ask_act_as(struct exchange *x)
{
    struct directory *d = x->all->directory;
    const struct sasl_question *q = &x->sasl.question;
    slice other;
    arena_wipe(&d->scratch);
    slice name = whole_name(d, q->identity);
    int may = directory_sign_in_name(d->db, &d->rules, &d->scratch, name, &other);
    if (may == 0)
        may = slice_eq(other, q->name)
                  ? 1
                  : directory_may_send_as(d->db, &d->rules, &d->scratch, q->name, name);
    return give_code(x, may < 0 ? SASL_ANSWER_FAILED : may == 1 ? SASL_ANSWER_YES : SASL_ANSWER_NO);
}

/* False: it waits, or x is gone. */
static bool answer_question(struct exchange *x)
{
    switch (x->sasl.question.kind) {
    case SASL_ASK_CREDENTIALS:
        return ask_credentials(x);
    case SASL_ASK_PASSWORD:
        return ask_password(x);
    case SASL_ASK_CERTIFICATE:
        return ask_certificate(x);
    case SASL_ASK_TOKEN:
        return ask_token(x);
    case SASL_ASK_ACT_AS:
        return ask_act_as(x);
    case SASL_QUESTION_COUNT:
        break;
    }
    return give_code(x, SASL_ANSWER_FAILED);
}

/* ---- late answers ---- */

void exchanges_verified(struct exchanges *e, uint64_t id, enum hash_result result)
{
    struct exchange *x = find_id(e, id);
    if (x == NULL || x->waiting != WAITS_HASH)
        return;
    x->waiting = WAITS_CLIENT;
    if (result == HASH_FAILED && !x->sasl.question.is_fake) {
        struct log_line line;
        log_begin(&line, e->directory->log, LOG_WARN, "auth.hash");
        log_slice(&line, "account", x->account);
        log_cstr(&line, "problem", "crypt(3) cannot verify the stored hash");
        log_end(&line);
    }
    if (result == HASH_FITS && x->old_hash.n > 0 && !x->sasl.question.is_fake)
        renew_forms(x, x->sasl.question.secret);
    give_code(x, result == HASH_FITS ? SASL_ANSWER_YES : SASL_ANSWER_NO);
    go_on(x);
}

/* A token may name anybody: the account must be one of ours and be enabled. */
static void answer_token(struct exchange *x, const struct ipc_token_checked *t)
{
    struct directory *d = x->all->directory;
    struct directory_credentials kept = {0};
    struct sasl_answer answer = {.code = (enum sasl_answer_code)t->code};
    if (t->code > SASL_ANSWER_SCOPE)
        answer.code = SASL_ANSWER_FAILED;
    arena_wipe(&d->scratch);
    if (answer.code == SASL_ANSWER_YES) {
        int err = directory_credentials(d->db, &d->rules, &d->scratch, whole_name(d, t->account),
                                        &x->who.ip, (int64_t)(clock_wall_ms() / 1000), &kept);
        answer.code = err != 0         ? SASL_ANSWER_FAILED
                      : kept.is_unseen ? SASL_ANSWER_UNKNOWN
                                       : kept.answer.code;
        answer.account = kept.answer.account;
        if (err != 0)
            directory_log_failure(d, "directory.token", err);
    }
    give(x, &answer);
    arena_wipe(&d->scratch);
}

/* A backend may call the account otherwise than the client did, if it answers for all of that
 * domain: nobody becomes by it who is another's to verify. Empty: the account that was asked for.
 */
static slice name_of_backend(struct exchange *x, slice said)
{
    struct directory *d = x->all->directory;
    slice account = {0}, domain = slice_tail(x->account, slice_rfind(x->account, '@') + 1);
    if (said.n == 0 || domain.n == 0 || !directory_has_backend(&d->rules, domain) ||
        directory_sign_in_name(d->db, &d->rules, &d->scratch, said, &account) != 0)
        return (slice){0};
    slice other = slice_tail(account, slice_rfind(account, '@') + 1);
    return slice_eq(other, domain) ? account : (slice){0};
}

static void answer_password(struct exchange *x, const struct ipc_verified *v)
{
    struct sasl_answer answer = {.code = SASL_ANSWER_FAILED};
    if (v->code <= SASL_ANSWER_DISABLED)
        answer.code = (enum sasl_answer_code)v->code;
    arena_wipe(&x->all->directory->scratch);
    if (answer.code == SASL_ANSWER_YES)
        answer.account = name_of_backend(x, v->account);
    give(x, &answer);
}

void exchanges_answered(struct exchanges *e, uint64_t token, const struct ipc_message *m)
{
    struct exchange *x = find_id(e, token);
    if (x == NULL || x->waiting != WAITS_BACKEND)
        return;
    x->waiting = WAITS_CLIENT;
    if (m != NULL && m->type == IPC_VERIFIED)
        answer_password(x, &m->verified);
    else if (m != NULL && m->type == IPC_TOKEN_CHECKED)
        answer_token(x, &m->token_checked);
    else
        give_code(x, SASL_ANSWER_FAILED);
    go_on(x);
}

static void go_on(struct exchange *x)
{
    while (x->sasl.step == SASL_NEED)
        if (!answer_question(x))
            return;
    switch (x->sasl.step) {
    case SASL_CHALLENGE:
        reply(x,
              &(struct ipc_auth_step){.result = AUTH_IS_CHALLENGE, .challenge = x->sasl.challenge});
        wait_for(x, WAITS_CLIENT);
        return;
    case SASL_OK:
        finish_done(x);
        return;
    case SASL_FAIL:
    case SASL_NEED:
        finish_failed(x);
        return;
    }
}

/* ---- steps ---- */

static bool make_nonce(struct exchange *x)
{
    unsigned char random[NONCE_RANDOM_BYTES];
    struct buf text = {.p = x->nonce, .cap = sizeof x->nonce, .max = sizeof x->nonce};
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    base64_encode(&text, slice_of(random, sizeof random));
    x->facts.nonce = buf_slice(&text);
    return text.err == BUF_OK;
}

static bool keep(struct exchange *x, const struct ipc_auth *m)
{
    const struct directory *d = x->all->directory;
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
    x->place = (struct place){peer, m->exchange};
    x->id = ++e->last_id;
    arena_init(&x->kept, KEPT_MAX_BYTES);
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
    go_on(x);
}
