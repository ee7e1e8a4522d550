/* What somebody who has signed in may do: passes are shown here and grants are made. */
#include <errno.h>
#include <sys/random.h>

#include "src/directory/directory.h"
#include "src/directory/revocations.h"
#include "sys/answers.h"
#include "sys/clock.h"
#include "sys/directory/sender.h"

/* A message may be long in coming: an hour for its text, and the spool may be slow. */
static const uint64_t GRANT_MS = UINT64_C(3) * 3600 * 1000;

/* Does the credential still stand? Asked of passes from before this process: what was revoked
 * before it began is not remembered. From where it may be used was seen when it was. 1, 0 or
 * -errno. */
static int is_credential_there(struct directory *d, const struct pass *p)
{
    struct directory_credentials kept = {0};
    int err = directory_credentials(d->db, &d->rules, &d->scratch, p->account, NULL,
                                    (int64_t)(clock_wall_ms() / 1000), &kept);
    bool is_there =
        err == 0 && kept.answer.code == SASL_ANSWER_YES && p->credential <= DIRECTORY_MAIN_PASSWORD;
    for (size_t i = 0; err == 0 && i < kept.answer.count; i++)
        is_there = is_there || (kept.answer.code == SASL_ANSWER_YES &&
                                kept.answer.credentials[i].id == p->credential);
    arena_wipe(&d->scratch);
    return err != 0 ? err : is_there;
}

/* SENDER_IS_OK: *ret is who asks. */
static enum sender_verdict read_pass(struct directory *d, slice text, slice session,
                                     struct pass *ret)
{
    uint64_t now_ms = clock_wall_ms();
    enum grant_err e = pass_read(text, slice_of(d->keys.pass, sizeof d->keys.pass), now_ms, ret);
    if (e == GRANT_OK && session.n > 0 && !slice_eq(session, ret->session))
        e = GRANT_OTHER_SESSION;
    if (e == GRANT_EXPIRED)
        return SENDER_IS_OVER;
    if (e != GRANT_OK) {
        struct log_line line;
        log_begin(&line, d->log, e == GRANT_FAILED ? LOG_ERROR : LOG_WARN, "auth.pass");
        log_cstr(&line, "problem", grant_err_word(e));
        log_slice(&line, "session", session);
        log_end(&line);
        return e == GRANT_FAILED ? SENDER_IS_TEMPFAIL : SENDER_IS_OVER;
    }
    if (revocations_hit(d->revocations, ret->account, ret->credential, ret->issued_at_ms))
        return SENDER_IS_OVER;
    return SENDER_IS_OK;
}

static uint32_t clip(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* The account's own limits come before those of the configuration. 0 or -errno. */
static int limits_of(struct directory *d, const struct pass *p, struct usage_limits *ret)
{
    const struct conf_auth *conf = &d->conf->auth;
    struct directory_limits own = {0};
    *ret = (struct usage_limits){0};
    int err = directory_limits(d->db, p->account, &own);
    /* Whom a backend knows need not be here. */
    slice domain = slice_tail(p->account, slice_rfind(p->account, '@') + 1);
    if (err == -ENOENT && directory_has_backend(&d->rules, domain))
        err = 0;
    if (err != 0 || p->is_unlimited)
        return err;
    ret->per_minute = own.minute != 0 ? own.minute : clip(conf->messages_per_minute);
    ret->per_hour = own.hour != 0 ? own.hour : clip(conf->messages_per_hour);
    ret->per_day = own.day != 0 ? own.day : clip(conf->messages_per_day);
    ret->recipients_per_day = clip(conf->recipients_per_day);
    return 0;
}

static void log_limited(const struct directory *d, const struct pass *p,
                        const struct usage_decision *u)
{
    struct log_line line;
    log_begin(&line, d->log, LOG_WARN, "account.limited");
    log_slice(&line, "account", p->account);
    log_slice(&line, "session", p->session);
    log_cstr(&line, "what", u->is_of_recipients ? "recipients" : "messages");
    log_u64(&line, "limit", u->limit);
    log_u64(&line, "window_s", u->window_s);
    log_end(&line);
}

static bool make_grant(struct directory *d, const struct pass *p, slice address,
                       uint32_t recipients, struct buf *out)
{
    uint64_t now_ms = clock_wall_ms();
    struct grant g = {.account = p->account,
                      .session = p->session,
                      .sender = address,
                      .credential = p->credential,
                      .recipients = recipients,
                      .issued_at_ms = now_ms,
                      .expires_at_ms = now_ms + GRANT_MS};
    return getrandom(g.serial, sizeof g.serial, 0) == (ssize_t)sizeof g.serial &&
           grant_print(out, &g, slice_of(d->keys.grant, sizeof d->keys.grant));
}

/* Rights, then limits: what one may not send does not count. */
static enum sender_verdict judge(struct directory *d, const struct pass *p, slice address,
                                 struct ipc_sender_verdict *ret)
{
    struct usage_limits limits;
    int may = 1, err = 0;
    if (!directory_look_for_changes(d))
        return SENDER_IS_TEMPFAIL;
    if (p->issued_at_ms < d->started_at_ms)
        may = is_credential_there(d, p);
    if (may == 0)
        return SENDER_IS_OVER;
    if (may > 0)
        may = directory_may_send_as(d->db, &d->rules, &d->scratch, p->account, address);
    if (may == 0)
        return SENDER_IS_NOT_OWN;
    if (may < 0 || (err = limits_of(d, p, &limits)) != 0) {
        err = err != 0 ? err : may;
        if (err == -ENOENT)
            return SENDER_IS_OVER;
        directory_log_failure(d, "directory.sender", err);
        return SENDER_IS_TEMPFAIL;
    }
    struct usage_decision u = usage_take(&d->usage, p->account, &limits, clock_wall_ms());
    ret->limit = u.limit;
    ret->window_s = u.window_s;
    if (u.is_limited) {
        log_limited(d, p, &u);
        return SENDER_IS_LIMITED;
    }
    uint32_t most = clip(d->conf->limits.recipients);
    ret->recipients = u.recipients < most ? u.recipients : most;
    return make_grant(d, p, address, ret->recipients, &d->out) ? SENDER_IS_OK : SENDER_IS_TEMPFAIL;
}

void senders_check(struct directory *d, struct rpc *smtpd, const struct ipc_message *m)
{
    const struct ipc_sender_check *c = &m->sender_check;
    struct ipc_sender_verdict answer = {0};
    struct pass pass = {0};
    arena_wipe(&d->scratch);
    buf_clear(&d->out);
    enum sender_verdict verdict = read_pass(d, c->pass, c->session, &pass);
    if (verdict == SENDER_IS_OK)
        verdict = judge(d, &pass, c->address, &answer);
    answer.verdict = (uint8_t)verdict;
    if (verdict == SENDER_IS_OK)
        answer.grant = buf_slice(&d->out);
    directory_replied(d, rpc_reply_sender_verdict(smtpd, m->call, &answer));
}

void senders_expn(struct directory *d, struct rpc *smtpd, const struct ipc_message *m)
{
    struct ipc_expn_list answer = {.verdict = RECIPIENT_IS_TEMPFAIL};
    struct pass pass;
    int err = 0;
    arena_wipe(&d->scratch);
    buf_clear(&d->out);
    if (read_pass(d, m->expn.pass, (slice){0}, &pass) == SENDER_IS_OK &&
        directory_look_for_changes(d)) {
        answer.verdict =
            (uint8_t)directory_expn(d->db, &d->rules, &d->scratch, m->expn.address, &d->out, &err);
        answer.lines = buf_slice(&d->out);
    }
    if (err != 0)
        directory_log_failure(d, "directory.expn", err);
    err = rpc_reply_expn_list(smtpd, m->call, &answer);
    /* A list longer than a reply is told to nobody. */
    if (err == -EMSGSIZE) {
        answer = (struct ipc_expn_list){.verdict = RECIPIENT_IS_TEMPFAIL};
        err = rpc_reply_expn_list(smtpd, m->call, &answer);
    }
    directory_replied(d, err);
}

void senders_used(struct directory *d, const struct ipc_message *m)
{
    slice account = m->grant_used.account;
    if (account.n == 0)
        return;
    usage_add_recipients(&d->usage, account, m->grant_used.recipients, clock_wall_ms());
    senders_watch(d, account);
}

void senders_watch(struct directory *d, slice account)
{
    struct usage_counts c;
    struct log_line line;
    if (!usage_alarms(&d->usage, account, clock_wall_ms(), &c))
        return;
    log_begin(&line, d->log, LOG_WARN, "account.alarm");
    log_slice(&line, "account", account);
    log_u64(&line, "recipients_hour", c.recipients_hour);
    log_u64(&line, "usual_recipients_hour", c.usual_recipients_hour);
    log_u64(&line, "networks_hour", c.networks_hour);
    log_u64(&line, "usual_networks_hour", c.usual_networks_hour);
    log_u64(&line, "messages_day", c.day);
    log_end(&line);
}
