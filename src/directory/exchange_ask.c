/* What an exchange asks, and the answers: of the database at once, of everybody else late. */
#include <sys/random.h>

#include "lib/auth/prep.h"
#include "src/directory/certificate.h"
#include "src/directory/exchange_int.h"
#include "src/directory/revocations.h"
#include "sys/clock.h"
#include "sys/directory/sender.h"

/* ---- delays ---- */

void exchange_wait(struct exchange *x, enum waiting what)
{
    x->waiting = what;
    x->since_ms = clock_mono_ms();
}

static void on_timer(struct timer *t)
{
    struct exchange *x = CONTAINER_OF(t, struct exchange, timer);
    struct directory *d = x->directory;
    bool is_delay = x->waiting == WAITS_DELAY;
    x->waiting = WAITS_CLIENT;
    if (is_delay) {
        struct guess_decision decision = guess_again(&d->guess, &x->who, clock_mono_ms());
        if (decision.verdict == GUESS_REFUSE) {
            x->is_trying = false;
            exchange_refused(x, &decision);
            return;
        }
    } else {
        sasl_answer(&x->sasl, &(struct sasl_answer){.code = SASL_ANSWER_NO});
    }
    exchange_go_on(x);
}

static void wait_ms(struct exchange *x, enum waiting what, uint64_t ms)
{
    exchange_wait(x, what);
    timer_set(x->directory->loop, &x->timer, ms, on_timer);
}

enum may { MAY_GO, MAY_WAIT, MAY_NOT };

/* An attempt begins, or is begun already. MAY_NOT: x is gone. */
static enum may begin_attempt(struct exchange *x)
{
    struct directory *d = x->directory;
    if (x->is_begun || x->is_unlimited) {
        x->is_begun = true;
        return MAY_GO;
    }
    struct guess_decision decision = guess_begin(&d->guess, &x->who, clock_mono_ms());
    if (decision.verdict == GUESS_REFUSE) {
        exchange_refused(x, &decision);
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

static bool ask_credentials(struct exchange *x)
{
    struct directory *d = x->directory;
    struct directory_credentials kept = {0};
    slice account = {0};
    int err;
    arena_wipe(&d->scratch);
    slice name = x->sasl.question.name;
    if (!directory_look_for_changes(d) ||
        (err = directory_sign_in_name(d->db, &d->rules, &d->scratch, name, &account)) != 0 ||
        (x->account.n == 0 && !arena_copy(&x->kept, account, &x->account)))
        return give_code(x, SASL_ANSWER_FAILED);
    x->who.account = x->account;
    if (begin_attempt(x) != MAY_GO)
        return false;
    x->revocations = revocations_last(d->revocations);
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
    struct directory *d = x->directory;
    uint32_t pick = 0;
    if (getrandom(&pick, sizeof pick, 0) != (ssize_t)sizeof pick)
        pick = 0;
    wait_ms(x, WAITS_SEEMING, hashing_typical_ms(d->hashing, pick));
    return false;
}

static bool ask_backend_password(struct exchange *x)
{
    const struct sasl_question *q = &x->sasl.question;
    struct rpc *authx = x->directory->peer_of(x->directory, ROLE_AUTHX);
    const struct ipc_verify fields = {.name = q->name,
                                      .secret = q->secret,
                                      .as_sent = q->as_sent,
                                      .ip = ip_bytes(&x->who.ip),
                                      .session = x->session};
    if (authx == NULL || rpc_call_verify(authx, x->id, &fields) != 0)
        return give_code(x, SASL_ANSWER_FAILED);
    exchange_wait(x, WAITS_BACKEND);
    return false;
}

static bool ask_password(struct exchange *x)
{
    struct directory *d = x->directory;
    const struct sasl_question *q = &x->sasl.question;
    if (q->hash.n == 0)
        return ask_backend_password(x);
    x->mark = guess_mark(&d->guess, x->account, q->secret, genpage_read(&d->page));
    x->is_repeat = x->is_trying && guess_is_repeat(&d->guess, &x->who, x->mark);
    enum hash_lane lane = x->who.is_known || x->is_unlimited ? HASH_KNOWN : HASH_STRANGER;
    /* Before it is asked who it is: else a flood would tell accounts from other names. */
    if (!x->is_repeat && hashing_is_full(d->hashing, lane))
        return give_code(x, SASL_ANSWER_FAILED);
    if (x->is_repeat || (q->is_fake && !guess_may_hash_stranger(&d->guess, clock_mono_ms())))
        return seem_to_hash(x);
    if (!hashing_verify(d->hashing, lane, x->id, q->secret, q->as_sent, q->hash))
        return give_code(x, SASL_ANSWER_FAILED);
    exchange_wait(x, WAITS_HASH);
    return false;
}

static bool ask_token(struct exchange *x)
{
    const struct sasl_question *q = &x->sasl.question;
    struct rpc *fetch = x->directory->peer_of(x->directory, ROLE_FETCH);
    const struct ipc_token_check fields = {.token = q->secret, .name = q->name};
    if (begin_attempt(x) != MAY_GO)
        return false;
    if (fetch == NULL || rpc_call_token_check(fetch, x->id, &fields) != 0)
        return give_code(x, SASL_ANSWER_FAILED);
    exchange_wait(x, WAITS_BACKEND);
    return false;
}

static bool ask_certificate(struct exchange *x)
{
    struct directory *d = x->directory;
    struct sasl_answer answer = {.code = SASL_ANSWER_FAILED};
    arena_wipe(&d->scratch);
    x->revocations = revocations_last(d->revocations);
    if (directory_look_for_changes(d)) {
        int err = certificate_look_up(d, x->sasl.question.secret, &answer);
        if (err != 0)
            directory_log_failure(d, "directory.certificate", err);
    }
    return give(x, &answer);
}

static bool ask_act_as(struct exchange *x)
{
    struct directory *d = x->directory;
    const struct sasl_question *q = &x->sasl.question;
    slice other, name = q->identity;
    arena_wipe(&d->scratch);
    int may = directory_whole_name(d->db, &d->rules, &d->scratch, &name);
    if (may == 0 &&
        (may = directory_sign_in_name(d->db, &d->rules, &d->scratch, name, &other)) == 0)
        may = slice_eq(other, q->name)
                  ? 1
                  : directory_may_send_as(d->db, &d->rules, &d->scratch, q->name, name);
    return give_code(x, may < 0 ? SASL_ANSWER_FAILED : may == 1 ? SASL_ANSWER_YES : SASL_ANSWER_NO);
}

/* False: it waits, or x is gone. */
bool exchange_ask(struct exchange *x)
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

/* The right password of an account with an imported hash: its forms of today are made when there is
 * time. */
static void renew_forms(const struct exchange *x, slice password)
{
    struct directory *d = x->directory;
    struct directory_salt salts[DIRECTORY_DIGESTS];
    struct arena arena;
    slice stored;
    arena_init(&arena, EXCHANGE_KEPT_MAX_BYTES);
    /* What cannot be stored by today's rules stays as it was imported. */
    if (prep_sasl(&arena, password, PREP_STORED, &stored) == PREP_OK &&
        directory_salts(d->db, x->account, true, salts) == 0)
        hashing_make(d->hashing, x->account, stored, x->old_hash, salts);
    arena_wipe(&arena);
    arena_release(&arena);
}

/* An imported hash may be computed sooner than those of today, and than those of names that are
 * nobody's seem to be: a no waits for the rest of the time. False: there is none. */
static bool seem_to_go_on(struct exchange *x)
{
    uint64_t typical_ms = hashing_figures(x->directory->hashing).median_ms;
    uint64_t spent_ms = clock_mono_ms() - x->since_ms;
    if (x->old_hash.n == 0 || spent_ms >= typical_ms)
        return false;
    wait_ms(x, WAITS_SEEMING, typical_ms - spent_ms);
    return true;
}

void exchanges_verified(struct exchanges *e, uint64_t id, enum hash_result result)
{
    struct exchange *x = exchange_find(e, id);
    if (x == NULL || x->waiting != WAITS_HASH)
        return;
    x->waiting = WAITS_CLIENT;
    if (result == HASH_FAILED && !x->sasl.question.is_fake) {
        struct log_line line;
        log_begin(&line, x->directory->log, LOG_WARN, "auth.hash");
        log_slice(&line, "account", x->account);
        log_cstr(&line, "problem", "crypt(3) cannot verify the stored hash");
        log_end(&line);
    }
    if (result == HASH_FITS && x->old_hash.n > 0 && !x->sasl.question.is_fake)
        renew_forms(x, x->sasl.question.secret);
    /* Whatever comes of it now: this secret was not found wrong. */
    if (result != HASH_DIFFERS)
        x->mark = 0;
    if (result != HASH_FITS && seem_to_go_on(x))
        return;
    give_code(x, result == HASH_FITS ? SASL_ANSWER_YES : SASL_ANSWER_NO);
    exchange_go_on(x);
}

/* A token may name anybody: the account must be one of ours and be enabled. */
static void answer_token(struct exchange *x, const struct ipc_token_checked *t)
{
    struct directory *d = x->directory;
    struct directory_credentials kept = {0};
    struct sasl_answer answer = {.code = (enum sasl_answer_code)t->code};
    if (t->code > SASL_ANSWER_SCOPE)
        answer.code = SASL_ANSWER_FAILED;
    arena_wipe(&d->scratch);
    x->revocations = revocations_last(d->revocations);
    if (answer.code == SASL_ANSWER_YES) {
        int err = directory_credentials(d->db, &d->rules, &d->scratch, t->account, &x->who.ip,
                                        (int64_t)(clock_wall_ms() / 1000), &kept);
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
    struct directory *d = x->directory;
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
    arena_wipe(&x->directory->scratch);
    if (answer.code == SASL_ANSWER_YES)
        answer.account = name_of_backend(x, v->account);
    give(x, &answer);
}

void exchanges_answered(struct exchanges *e, uint64_t token, const struct ipc_message *m)
{
    struct exchange *x = exchange_find(e, token);
    if (x == NULL || x->waiting != WAITS_BACKEND)
        return;
    x->waiting = WAITS_CLIENT;
    if (m != NULL && m->type == IPC_VERIFIED)
        answer_password(x, &m->verified);
    else if (m != NULL && m->type == IPC_TOKEN_CHECKED)
        answer_token(x, &m->token_checked);
    else
        give_code(x, SASL_ANSWER_FAILED);
    exchange_go_on(x);
}
