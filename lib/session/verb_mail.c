/* MAIL (RFC 5321 4.1.1.2): a transaction begins. */
#include "lib/session/session_int.h"

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

void verb_mail(struct session *s, const struct turn *t, slice args)
{
    struct path path;
    struct mail_params params;
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
    if (txn == NULL || !arena_copy(&txn->arena, path.text, &txn->reverse_path)) {
        transaction_free(txn);
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        return;
    }
    txn->mail = params;
    txn->mail.envid = txn->mail.auth = (slice){0}; /* not announced, and not to outlive the line */
    s->txn = txn;
    if (!policy_begin(s, t, PHASE_MAIL, &(struct check_facts){.text_fault = REASON_NONE})) {
        transaction_end(s, t);
        say(s, t, REASON_OUT_OF_MEMORY, (slice){0});
        return;
    }
    session_decide(s, t);
}

void mail_decided(struct session *s, const struct turn *t, struct verdict v)
{
    slice sender = s->txn->reverse_path;
    if (v.kind == VERDICT_NEXT) {
        s->state = STATE_IN_MAIL;
        say(s, t, REASON_SENDER_OK, sender);
    } else {
        say_decision(s, t, v.reason, sender);
        transaction_end(s, t);
    }
    session_wait_for_command(s, t);
}
