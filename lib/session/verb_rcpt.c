/* RCPT (RFC 5321 4.1.1.3): one recipient more. */
#include "lib/session/session_int.h"

#include "lib/smtp/envelope.h"

static bool read_line(struct session *s, const struct turn *t, slice args, struct path *path)
{
    bool is_spaced;
    slice bad = {0};
    struct rcpt_params params;
    if (!take_path_lead(&args, "TO", &is_spaced)) {
        say(s, t, REASON_RCPT_SYNTAX, args);
        return false;
    }
    enum path_err path_err = take_forward_path(&args, s->txn->mail.smtputf8, path);
    if (path_err != PATH_OK) {
        say(s, t, path_reason(path_err, REASON_RCPT_SYNTAX, REASON_RECIPIENT_ADDRESS_BAD),
            path_inside(args));
        return false;
    }
    /* No parameter of RCPT is announced yet (RFC 3461 comes with the relay). */
    enum param_err param_err = rcpt_params_parse(args, 0, &params, &bad);
    if (param_err != PARAM_OK) {
        say(s, t, param_reason(param_err, REASON_RCPT_PARAMETER_UNKNOWN), bad);
        return false;
    }
    return true;
}

void verb_rcpt(struct session *s, const struct turn *t, slice args)
{
    struct transaction *txn = s->txn;
    struct path path;
    if (!read_line(s, t, args, &path)) {
        txn->refused++;
        return;
    }
    /* RFC 5321 4.5.3.1.10: 452, so that the client sends the rest in another transaction. */
    slice mailbox = path.is_postmaster ? SLICE_LIT("postmaster") : path.text;
    struct envelope_rcpt stored = {.forward_path = mailbox};
    if (txn->accepted >= s->policy->max_recipients || txn->accepted >= ENVELOPE_MAX_RCPTS ||
        txn->rcpt_bytes + envelope_rcpt_bytes(&stored) > ENVELOPE_RCPT_ROOM) {
        txn->refused++;
        say(s, t, REASON_TOO_MANY_RECIPIENTS, mailbox);
        return;
    }
    if (s->sign_in != NULL && txn->accepted >= txn->max_granted) {
        struct reply_facts words = {.limit = txn->max_granted};
        txn->refused++;
        say_facts(s, t, REASON_RECIPIENTS_LIMITED, mailbox, &words);
        return;
    }
    struct check_facts facts = {.text_fault = REASON_NONE};
    if (!arena_copy(&txn->arena, mailbox, &txn->pending) ||
        (facts.recipient = txn->pending, !policy_begin(s, t, PHASE_RCPT, &facts))) {
        txn->refused++;
        say(s, t, REASON_OUT_OF_MEMORY, mailbox);
        return;
    }
    session_decide(s, t);
}

void rcpt_decided(struct session *s, const struct turn *t, struct verdict v)
{
    struct transaction *txn = s->txn;
    struct recipient *r = NULL;
    session_wait_for_command(s, t);
    if (v.kind == VERDICT_NEXT && (r = ARENA_NEW(&txn->arena, struct recipient)) == NULL)
        v = (struct verdict){.kind = VERDICT_DEFER, .reason = REASON_OUT_OF_MEMORY};
    if (v.kind != VERDICT_NEXT) {
        struct reply_facts facts = {.incident = session_id(s), .moved_to = v.text};
        txn->refused++;
        say_facts(s, t, v.reason, txn->pending, &facts);
        return;
    }
    r->path = txn->pending;
    if (txn->last == NULL)
        txn->first = r;
    else
        txn->last->next = r;
    txn->last = r;
    txn->accepted++;
    txn->rcpt_bytes += envelope_rcpt_bytes(&(struct envelope_rcpt){.forward_path = r->path});
    s->state = STATE_IN_RCPT;
    /* RFC 5321 3.4: 251 names where the mail goes on to. */
    struct reply_facts facts = {.moved_to = v.text};
    say_facts(s, t, v.text.n > 0 ? v.reason : REASON_RECIPIENT_OK, r->path, &facts);
}
