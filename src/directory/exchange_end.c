/* How an exchange ends: what smtpd hears, what is logged, counted and noted. */
#include "lib/base/secret.h"
#include "src/directory/exchange_int.h"
#include "src/directory/notes.h"
#include "src/directory/revocations.h"
#include "sys/clock.h"
#include "sys/directory/account.h"

static void log_attempt(const struct exchange *x, const char *event, struct log_line *line)
{
    struct buf ip;
    const struct sasl *s = &x->sasl;
    buf_init(&ip, 64);
    ip_print(&ip, &x->who.ip);
    log_begin(line, x->directory->log, LOG_INFO, event);
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
    exchange_reply(x, &(struct ipc_auth_step){.result = (uint8_t)result});
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

void exchange_failed(struct exchange *x)
{
    bool is_wrong = x->sasl.reason == SASL_WRONG && x->is_begun;
    log_failed(x, sasl_cause_word(x->sasl.cause));
    if (is_wrong && x->account.n > 0)
        notes_guessed(x->directory->notes, x->account, x->is_account, &x->who.ip);
    exchange_end_attempt(x, is_wrong && !x->is_repeat ? GUESS_WRONG : GUESS_NEITHER);
    finish(x, result_of(x->sasl.reason));
}

void exchange_refused(struct exchange *x, const struct guess_decision *d)
{
    x->refused = *d;
    log_failed(x, SLICE_LIT("too-many"));
    finish(x, AUTH_IS_TOO_MANY);
}

static bool make_pass(const struct exchange *x, struct buf *out)
{
    struct directory *d = x->directory;
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

struct naming {
    uint64_t id;
    struct log_line *line;
};

static int log_name(void *self, const struct directory_app_password *p)
{
    const struct naming *n = self;
    if (p->id == n->id)
        log_slice(n->line, "app_password", p->name);
    return p->id == n->id;
}

/* The administrator knows an app password by its name. */
static void log_credential(const struct exchange *x, struct log_line *line)
{
    const struct sasl_result *r = &x->sasl.result;
    struct naming naming = {r->credential, line};
    size_t at = slice_rfind(r->account, '@');
    const struct directory_address account = {slice_head(r->account, at),
                                              slice_tail(r->account, at + 1)};
    log_u64(line, "credential", r->credential);
    if (r->credential > DIRECTORY_MAIN_PASSWORD)
        (void)directory_each_app_password(x->directory->db, account, log_name, &naming);
}

static void note_done(const struct exchange *x)
{
    struct directory *d = x->directory;
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
    log_credential(x, &line);
    if (r->is_bound)
        log_cstr(&line, "bound", "yes");
    log_end(&line);
}

/* What it was held against was taken back while it was proven: a hash takes its time, and the
 * client takes as much of it as it likes. */
static bool is_revoked(const struct exchange *x)
{
    const struct sasl_result *r = &x->sasl.result;
    return revocations_hit_since(x->directory->revocations, r->account, r->credential,
                                 x->revocations);
}

void exchange_done(struct exchange *x)
{
    const struct sasl_result *r = &x->sasl.result;
    struct buf pass;
    if (is_revoked(x)) {
        log_failed(x, SLICE_LIT("revoked"));
        exchange_end_attempt(x, GUESS_NEITHER);
        finish(x, AUTH_IS_WRONG);
        return;
    }
    if (x->wants_app_password && r->credential == DIRECTORY_MAIN_PASSWORD) {
        log_failed(x, SLICE_LIT("app-password-wanted"));
        exchange_end_attempt(x, GUESS_NEITHER);
        finish(x, AUTH_IS_TOO_WEAK);
        return;
    }
    buf_init(&pass, PASS_MAX_BYTES);
    if (make_pass(x, &pass)) {
        exchange_end_attempt(x, GUESS_RIGHT);
        note_done(x);
        exchange_reply(x, &(struct ipc_auth_step){.result = AUTH_IS_DONE,
                                                  .credential = r->credential,
                                                  .account = r->account,
                                                  .pass = buf_slice(&pass)});
        senders_watch(x->directory, r->account);
        exchange_free(x);
    } else {
        log_failed(x, SLICE_LIT("no-memory"));
        finish(x, AUTH_IS_UNAVAILABLE);
    }
    secret_release(&pass);
}
