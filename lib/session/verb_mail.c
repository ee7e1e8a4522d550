/* MAIL (RFC 5321 4.1.1.2): a transaction begins. */
#include "lib/session/session_int.h"

/* With all else that an envelope may say it leaves ENVELOPE_RCPT_ROOM. */
enum { GRANT_MAX_BYTES = 4096 };

/* The line's parts; false when it was answered already. */
static bool read_line(struct session *s, const struct turn *t, slice args, struct path *path,
                      struct mail_params *params)
{
    bool is_spaced;
    slice bad = {0};
    if (!take_path_lead(&args, "FROM", &is_spaced)) {
        say(s, t, REASON_MAIL_SYNTAX, args);
        return false;
    }
    enum path_err path_err = take_reverse_path(&args, true, path);
    if (path_err != PATH_OK) {
        say(s, t, path_reason(path_err, REASON_MAIL_SYNTAX, REASON_SENDER_ADDRESS_BAD),
            path_inside(args));
        return false;
    }
    enum param_err param_err = mail_params_parse(args, extension_mail_params(s), params, &bad);
    if (param_err != PARAM_OK) {
        say(s, t, param_reason(param_err, REASON_MAIL_PARAMETER_UNKNOWN), bad);
        return false;
    }
    return true;
}

/* AUTH= names who wrote the message (RFC 4954 5): believed when it is who has signed in, or the
 * sender that he may use, else it is as good as <>. False without memory. */
static bool keep_author(const struct session *s, struct transaction *txn, slice xtext)
{
    struct buf author;
    bool is_own = false;
    txn->mail.auth = SLICE_LIT("<>");
    buf_init(&author, 1024);
    if (s->sign_in != NULL && xtext_decode(&author, xtext, false))
        is_own = slice_eq_ci(buf_slice(&author), session_account(s)) ||
                 slice_eq_ci(buf_slice(&author), txn->reverse_path);
    buf_release(&author);
    return !is_own || arena_copy(&txn->arena, xtext, &txn->mail.auth);
}

void verb_mail(struct session *s, const struct turn *t, slice args)
{
    struct path path;
    struct mail_params params;
    if (s->policy->auth_required && s->sign_in == NULL) {
        say(s, t, REASON_AUTH_REQUIRED, s->verb);
        return;
    }
    if (s->policy->max_messages > 0 && s->messages >= s->policy->max_messages) {
        say_and_close(s, t, REASON_TOO_MANY_COMMANDS);
        return;
    }
    if (!read_line(s, t, args, &path, &params))
        return;
    if (path.is_utf8 && !params.smtputf8) {
        say(s, t, REASON_SMTPUTF8_NEEDED, path.text);
        return;
    }
    if (params.size_bytes > s->policy->max_message_bytes) {
        say(s, t, REASON_MESSAGE_TOO_BIG_DECLARED, (slice){0});
        return;
    }
    struct transaction *txn = transaction_new();
    if (txn != NULL) {
        txn->mail = params;
        txn->mail.envid = (slice){0}; /* not announced, and not to outlive the line */
    }
    if (txn == NULL || !arena_copy(&txn->arena, path.text, &txn->reverse_path) ||
        (params.auth.n > 0 && !keep_author(s, txn, params.auth))) {
        transaction_free(txn);
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        return;
    }
    s->txn = txn;
    const struct check_facts facts = {.sender = txn->reverse_path, .text_fault = REASON_NONE};
    if (!policy_begin(s, t, PHASE_MAIL, &facts)) {
        transaction_end(s, t);
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        return;
    }
    session_decide(s, t);
}

/* The grant and what it allows. */
static struct verdict keep_grant(struct transaction *txn, const struct answer *a)
{
    txn->max_granted = a->number;
    if (a->token.n > GRANT_MAX_BYTES)
        return (struct verdict){.kind = VERDICT_DEFER, .reason = REASON_DIRECTORY_DOWN};
    if (arena_copy(&txn->arena, a->token, &txn->grant))
        return (struct verdict){.kind = VERDICT_NEXT};
    return (struct verdict){.kind = VERDICT_DEFER, .reason = REASON_OUT_OF_MEMORY};
}

/* "a minute", "3 hours": for the reply about a limit. */
static void print_window(struct buf *out, uint32_t window_s)
{
    static const struct {
        uint32_t seconds;
        const char *one, *many;
    } units[] = {
        {86400, "a day", "days"},
        {3600, "an hour", "hours"},
        {60, "a minute", "minutes"},
        {1, "a second", "seconds"},
    };
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof units[0] &&
           (window_s < units[i].seconds || window_s % units[i].seconds != 0))
        i++;
    if (window_s == units[i].seconds)
        buf_adds(out, units[i].one);
    else
        buf_addf(out, "%u %s", (unsigned)(window_s / units[i].seconds), units[i].many);
}

static void say_refused(struct session *s, const struct turn *t, enum reason_id reason,
                        const struct answer *a)
{
    struct reply_facts facts = {.incident = session_id(s)};
    struct buf window;
    buf_init(&window, 64);
    if (reason == REASON_SENDER_NOT_AUTHORIZED)
        facts.word = session_account(s);
    if (reason == REASON_SENDER_LIMITED && a != NULL) {
        print_window(&window, a->window_s);
        facts.word = buf_slice(&window);
        facts.limit = a->number;
    }
    say_facts(s, t, reason, s->txn->reverse_path, &facts);
    buf_release(&window);
}

void mail_decided(struct session *s, const struct turn *t, struct verdict v,
                  const struct view *view)
{
    const struct answer *a = view_find(view, QUESTION_SENDER);
    if (v.kind == VERDICT_NEXT && a != NULL)
        v = keep_grant(s->txn, a);
    if (v.kind == VERDICT_NEXT) {
        s->state = STATE_IN_MAIL;
        say(s, t, REASON_SENDER_OK, s->txn->reverse_path);
    } else {
        say_refused(s, t, v.reason, a);
        transaction_end(s, t);
    }
    session_wait_for_command(s, t);
}
